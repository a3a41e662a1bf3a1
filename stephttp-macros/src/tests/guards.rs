//! Guards and transactions that are held over a step.

use super::expand;

/// Which warnings there are, with these options.
fn warnings_with(args: &str, body: &str) -> Vec<&'static str> {
    let code = format!("async fn f(step: Step) -> Result<(), E> {{ {body} }}");
    let expansion = expand(&format!(r#"id = "x"{args}"#), &code);
    assert!(expansion.errors.is_empty(), "{body}");
    let tokens = expansion.tokens.to_string().replace([' ', '\n'], "");
    let known = ["guard", "transaction", "sleep"];
    known.into_iter().filter(|warning| tokens.contains(&format!("ends_at_a_wait::{warning}();"))).collect()
}

#[track_caller]
fn warns(warning: &str, body: &str) {
    assert_eq!(warnings_with("", body), [warning], "{body}");
    assert_eq!(warnings_with(&format!(", allow({warning})"), body), [""; 0], "{body}");
    assert_eq!(warnings_with(", sync_only", &body.replace("sleep", "run")), [""; 0], "{body}");
}

#[track_caller]
fn is_silent(body: &str) {
    assert_eq!(warnings_with("", body), [""; 0], "{body}");
}

const GUARDS: [&str; 8] = [
    "let g = scopeguard::guard(order, |order| refund(order));",
    "let mut g = scopeguard::guard(order, refund);",
    "let _g = ::scopeguard::guard_on_success((), move |()| refund());",
    "let g: Guard<_> = guard(order, |order| refund(order));",
    "let _g = defer(move || refund());",
    "scopeguard::defer! { refund(); }",
    "other(); defer! { refund(); }",
    "if a { b() } defer!(refund());",
];

#[test]
fn a_guard_that_is_held_over_a_step() {
    for guard in GUARDS {
        for step in [
            r#"step.run("a", charge()).await?;"#,
            r#"step.sleep("a", x).await;"#,
            r#"let charge = step.run("a", charge()).timeout(x).await?; done(charge)"#,
            r#"if late { for n in 0..3 { step.sleep("a", x).await; } }"#,
            r#"tokio::join!(step.run("a", x), async { step.sleep("b", y).await });"#,
            r#"look(&g); g.touch(); change(&mut g); if *g > 1 { look(&*g) } step.run("a", x).await?;"#,
            r#"step.run("a", async { look(&g).await }).await?; drop(g)"#,
        ] {
            warns("guard", &format!("{guard} {step}"));
        }
    }
    warns("guard", r#"{ let _g = guard(a, |a| b); step.run("a", x).await; }"#);
    warns("guard", r#"join!(async { let _g = guard(a, |a| b); step.run("a", x).await }, y)"#);
    warns("guard", r#"let s = step.clone(); let _g = guard(a, |a| b); s.run("a", x).await;"#);
}

#[test]
fn a_guard_that_is_not() {
    for guard in &GUARDS[..5] {
        for rest in [
            "",
            r#"work(&g); drop(g); step.run("a", x).await?;"#,
            r#"let order = ScopeGuard::into_inner(g); step.run("a", x).await?;"#,
            r#"if done { forget(g); } step.run("a", x).await?;"#,
            r#"work(Held { g }); step.run("a", x).await?;"#,
            r#"step.run("a", charge(g)).await?;"#,
            r#"step.run("a", async move { g.touch(); Ok(1) }).await?;"#,
            r#"let f = move || g.touch(); step.run("a", x).await?;"#,
            r#"let later = async { step.run("a", x).await }; drop(g); later.await"#,
            r#"let later = step.run("a", x); drop(g); later.await"#,
            r#"return f(g); step.run("a", x).await"#,
        ] {
            let rest = rest.replace("(g)", if guard.contains("_g") { "(_g)" } else { "(g)" });
            let rest = rest.replace("{ g }", if guard.contains("_g") { "{ _g }" } else { "{ g }" });
            let rest = rest.replace(" g.", if guard.contains("_g") { " _g." } else { " g." });
            is_silent(&format!("{guard} {rest}"));
        }
    }
    for body in [
        // It is dropped at once, or at its block's end.
        r#"let _ = scopeguard::guard(a, |a| b); step.run("a", x).await?;"#,
        r#"{ defer! { refund(); } work(); } step.run("a", x).await?;"#,
        r#"step.run("a", x).await?; defer! { refund(); } work()"#,
        r#"step.run("a", async { defer! { refund(); } work().await }).await?;"#,
        r#"step.run("a", async { let g = guard(a, |a| b); work().await }).await?; step.run("b", x).await"#,
        // Only a panic makes it run.
        r#"let g = scopeguard::guard_on_unwind(a, |a| b); step.run("a", x).await?;"#,
        r#"defer_on_unwind! { refund(); } step.run("a", x).await?;"#,
        // Something else of that name.
        r#"let g = guard(a, b); step.run("a", x).await?;"#,
        r#"let g = guard(a.map(|a| b)); step.run("a", x).await?;"#,
        r#"let g = self.guard(a, |a| b); step.run("a", x).await?;"#,
        r#"let g = auth::guard(a, |a| b); step.run("a", x).await?;"#,
        r#"let g = queue.defer(|| a); step.run("a", x).await?;"#,
        r#"let defer = 1; step.run("a", x).await?;"#,
        // Nothing hands it over.
        r#"let g = scopeguard::guard(a, |a| b);"#,
        r#"step.sleep("b", y).await; let g = scopeguard::guard(a, |a| b); step.run("a", x).retries(0).await?;"#,
    ] {
        is_silent(body);
    }
}

#[test]
fn a_guard_over_steps_that_are_not_retried() {
    const RUNS: &str = r#"step.sleep("a", x).await; defer! { refund(); } step.run("b", x).await"#;
    const WAITS: &str = r#"defer! { refund(); } step.run("b", x).await?; step.sleep("a", x).await"#;
    assert_eq!(warnings_with("", RUNS), ["guard"]);
    assert_eq!(warnings_with(", retries = 0", RUNS), [""; 0]);
    assert_eq!(warnings_with(", retries = 0", WAITS), ["guard"]);
}

#[test]
fn a_transaction_that_is_held_over_a_wait() {
    for begins in [
        "let mut tx = pool.begin().await?;",
        "let tx = state.db.begin().await.map_err(internal)?;",
        "let tx: Transaction<'_, Postgres> = pool.begin().await.unwrap();",
        "let tx = client.transaction().await?;",
    ] {
        for rest in [
            r#"step.sleep("a", x).await; tx.commit().await?;"#,
            r#"insert(&mut tx).await?; let paid = step.wait_for_event("a", x).await?; tx.rollback().await"#,
            r#"step.run("a", x).await?; join!(step.sleep("b", x), y); if ok { tx.commit().await?; }"#,
            r#"query("..").execute(&mut *tx).await?; step.invoke("a", x).await?; update(&mut tx); tx.commit().await"#,
        ] {
            let body = format!("{begins} {rest}");
            assert_eq!(warnings_with("", &body), ["transaction"], "{body}");
            assert_eq!(warnings_with(", allow(transaction, clock)", &body), [""; 0], "{body}");
        }
        for rest in [
            // It begins again with the handler, and is committed.
            r#"step.run("a", x).await?; tx.commit().await?;"#,
            r#"tx.commit().await?; step.sleep("a", x).await;"#,
            r#"if bad { tx.rollback().await?; return } else { tx.commit().await? } step.sleep("a", x).await;"#,
            r#"save(tx).await?; step.sleep("a", x).await;"#,
            r#"drop(tx); step.sleep("a", x).await;"#,
            // It may be something else.
            r#"step.sleep("a", x).await; finish(tx).await?;"#,
            r#"step.sleep("a", x).await;"#,
        ] {
            is_silent(&format!("{begins} {rest}"));
        }
    }
    for other in [
        "let tx = pool.begin(order).await?;",
        "let tx = begin().await?;",
        "let tx = pool.begin();",
        "let tx = pool.begin().await?.prepare().await?;",
        "let (tx, rx) = pool.begin().await?;",
        "let tx = pool.connect().await?;",
    ] {
        is_silent(&format!(r#"{other} step.sleep("a", x).await; tx.commit().await?;"#));
    }
    let within = r#"step.run("a", async { let tx = pool.begin().await?; save(&tx).await; Ok(tx.commit().await?) }).await?; step.sleep("b", x).await;"#;
    is_silent(within);
}

#[test]
fn a_pause_between_steps() {
    for pause in [
        "tokio::time::sleep(x).await;",
        "time::sleep_until(x).await;",
        "sleep(Duration::from_secs(1)).await;",
        "std::thread::sleep(x);",
        "if late { for n in 0..3 { sleep(x).await; } }",
    ] {
        warns("sleep", &format!(r#"{pause} step.run("a", x).await"#));
    }
    for right in [
        r#"step.sleep("a", x).await;"#,
        r#"step.run("a", async { tokio::time::sleep(x).await; Ok(1) }).await"#,
        r#"let a = async { sleep(x).await; Ok(1) }; step.run("a", a).await"#,
        r#"tokio::spawn(async { sleep(x).await; }); step.run("a", x).await"#,
        r#"tokio::select! { _ = tokio::time::sleep(x) => 1, y = step.run("a", x) => 2 }"#,
        r#"my::sleep(x).await; clock.sleep(x).await; step.run("a", x).await"#,
        r#"sleep(&step, x).await; step.run("a", x).await"#,
        r#"let pause = sleep(x); step.run("a", pause).await"#,
    ] {
        is_silent(right);
    }
}
