//! Steps: their ids, and where they stand.

use super::{body, item};
use crate::tests::{expand, messages};

#[test]
fn step_ids() {
    body(
        r#"step.run("", x)"#,
        &[r#""": a step's id is empty; write one that says what the step does, as "charge-card""#],
    );
    body(
        &format!("step.run({:?}, x)", "a".repeat(1025)),
        &["..: a step's id has 1025 bytes, and the limit is 1024; shorten it"],
    );
    body(&format!("step.run({:?}, x)", "a".repeat(1024)), &[]);
    body(
        r#"step.sleep("complete", x)"#,
        &[
            r#""complete": the step id "complete" is reserved: Inngest saves the run's result under it; write another, as "complete-order""#,
        ],
    );
    body(
        r#"step.run("stephttp:order", x)"#,
        &[
            r#""stephttp:order": step ids that begin with "stephttp:" are reserved: this crate keeps its own notes under them; write another"#,
        ],
    );
}

#[test]
fn a_step_that_is_given_a_closure() {
    const SAID: &str = "a step takes a future, not a closure: remove the `||`, so that `async { .. }` or a call is left; it runs only if the step's result is not known yet";
    for (wrong, good_case) in [
        ("|| charge(1)", "charge (1)"),
        ("move || { charge(1) },", "{ charge (1) }"),
        ("|| async move { Ok (1) }", "async move { Ok (1) }"),
        ("|| Ok(1)", "async { Ok (1) }"),
        ("move || { x () ; Ok (1) }", "async move { x () ; Ok (1) }"),
        ("async || charge(1).await", "async { charge (1) . await }"),
        ("async move || { Ok (1) }", "async move { Ok (1) }"),
    ] {
        let code = format!(r#"async fn f(step: Step) {{ step.run("a", {wrong}).await }}"#);
        let expansion = expand(r#"id = "x""#, &code);
        assert!(expansion.tokens.to_string().contains(good_case), "{wrong}: {}", expansion.tokens);
        let said = messages(expansion);
        assert!(matches!(&said[..], [only] if only.ends_with(SAID)), "{wrong}: {said:?}");
    }
    body(r#"step.run("a", charge(|| x))"#, &[]);
    body(r#"step.run("a", retried(3, || async { Ok(1) }))"#, &[]);
    body("step.sleep(x, || y)", &[]);
}

#[test]
fn time_limits_of_steps() {
    const SAID: &str = "the step's time limit is zero, within which nothing ends: write how long an attempt may take, or `Duration::MAX` for as long as it likes";
    for zero in ["Duration :: ZERO", "std :: time :: Duration :: ZERO", "Duration :: from_millis(0)"] {
        let said = format!("{zero}: {SAID}");
        body(&format!(r#"step.run("a", x).timeout({zero}).await"#), &[&said]);
        body(&format!(r#"let a = step.send_event("a", x).retries(1).timeout({zero});"#), &[&said]);
        // A wait may be over at once, and what follows another method is no step.
        body(&format!(r#"step.wait_for_event("a", x).timeout({zero}).await"#), &[]);
        body(&format!(r#"step.run("a", x).map(f).timeout({zero}).await"#), &[]);
        body(&format!(r#"step.run("a", x).await.timeout({zero})"#), &[]);
    }
    for limit in ["Duration::from_secs(1)", "Duration::MAX", "LIMIT", "limit(0)", "my::ZERO", ""] {
        body(&format!(r#"step.run("a", x).timeout({limit}).await"#), &[]);
    }
}

#[test]
fn retries_of_steps() {
    let said = |args: &str, retries: &str| {
        let code = format!(r#"async fn f(step: Step) {{ step.run("a", x).retries({retries}).await }}"#);
        messages(expand(&format!(r#"id = "x"{args}"#), &code))
    };
    assert_eq!(
        said(", retries = 3", "4"),
        [
            "4: the step has 4 retries, and its function has 3: Inngest makes no more attempts than the function says; write fewer here, or `retries = 4` in `#[api_fn(..)]`"
        ]
    );
    assert_eq!(
        said("", "4"),
        [
            "4: the step has 4 retries, and its function has 3, which is the default: Inngest makes no more attempts than the function says; write fewer here, or `retries = 4` in `#[api_fn(..)]`"
        ]
    );
    // One mistake is one error.
    assert_eq!(said(", retries = 99", "4").len(), 1);
    assert_eq!(
        said(", sync_only", "1"),
        [
            "1: `sync_only` rules retries out, which happen in a later request, by Inngest: remove `.retries(..)`, or `sync_only`"
        ]
    );
    for (args, retries) in [
        (", retries = 3", "3"),
        (", retries = 3", "0"),
        (", retries = 3", "n"),
        (", retries = 3", "4 - 1"),
        (", sync_only", "0"),
        ("", "3"),
        (", retries = 4", "4"),
    ] {
        assert_eq!(said(args, retries), [""; 0], "{args}: {retries}");
    }
}

#[test]
fn step_ids_that_are_no_text() {
    for id in ["b\"a\"", "c\"a\"", "1", "'a'", "1.5"] {
        body(
            &format!("step.run({id}, x)"),
            &[&format!(
                "{id}: a step's id is a text: write one that says what the step does, as \"charge-card\""
            )],
        );
    }
}

#[test]
fn one_id_for_two_steps() {
    const SAID: &str = r#"two steps have the id "pay": Inngest tells steps apart by their ids, and which of the two a result belongs to would depend on their order; give this one another, as "pay-2""#;
    let twice = |code: &str| {
        let said =
            messages(expand(r#"id = "x""#, &format!("async fn f(step: Step) -> Result<(), E> {{ {code} }}")));
        assert_eq!(said.iter().filter(|said| said.ends_with(SAID)).count(), said.len(), "{code}: {said:?}");
        said.len()
    };
    for wrong in [
        r#"step.run("pay", a).await?; step.run("pay", b).await?;"#,
        r#"join!(step.run("pay", a), step.sleep("pay", b))"#,
        r#"if x { step.run("pay", a).await } step.run("pay", b).await"#,
        r#"match x { A => step.run("pay", a).await, B => 1 }; step.run("pay", b).await"#,
        r#"if x { step.run("pay", a).await; step.run("pay", b).await } else { 1 }"#,
        r#"if x { 1 } else { step.run("pay", a).await; step.run("pay", b).await }"#,
        r#"if a { step.run("pay", a).await } else { 1 }; if b { 1 } else { step.run("pay", a).await }"#,
        r#"if x { step.run("pay", a).await; step.run("pay", b).await; return 1; }"#,
        r#"if x { if y { return 1; } step.run("pay", a).await; } step.run("pay", b).await"#,
        r#"let a = async { step.run("pay", a).await; return 1; }; step.run("pay", b).await"#,
        r#"let a = || { return step.run("pay", a); }; step.run("pay", b).await"#,
        r#"if x { step.run("pay", a).await; y.return_it() } step.run("pay", b).await"#,
        r#"#[cfg(a)] step.run("pay", a).await?; step.run("pay", b).await?;"#,
        r#"#[cfg(a)] step.run("pay", a).await?; #[cfg(a)] step.run("pay", b).await?;"#,
        r#"#[cfg(a)] { step.run("pay", a).await?; #[cfg(b)] step.run("pay", b).await?; }"#,
        r#"#[cfg(a)] if x { 1 } else { 2 } step.run("pay", b).await?; #[cfg(b)] let x = step.run("pay", a);"#,
    ] {
        assert_eq!(twice(wrong), 1, "{wrong}");
    }
    for right in [
        r#"for x in y { step.run("pay", a).await?; }"#,
        r#"if x { step.run("pay", a).await } else { step.run("pay", b).await }"#,
        r#"if x { step.run("pay", a).await } else if y { 1 } else { step.run("pay", b).await }"#,
        r#"if let Some(Order { id }) = x { step.run("pay", a).await } else { step.run("pay", b).await }"#,
        r#"if let Order { id } = x { 1 } else if let Order { id } = y { step.run("pay", a).await } else { step.run("pay", b).await }"#,
        r#"match x { A => step.run("pay", a).await, B if b => step.run("pay", b).await, _ => 1 }"#,
        r#"match x { A => { if b { step.run("pay", a).await } } B => { step.run("pay", b).await } }"#,
        r#"let step = step.clone(); step.run(PAY, a).await?; step.run("pay", b).await?;"#,
        r#"if x { step.run("pay", a).await?; return Err(e); } step.run("pay", b).await"#,
        r#"let Ok(x) = y else { step.run("pay", a).await?; if z { 1 } return Err(e) }; step.run("pay", b).await"#,
        r#"let a = match x { Ok(a) => a, Err(e) => { if y { step.run("pay", a).await?; } return Err(e); } };
           let b = match x { Ok(b) => b, Err(e) => { step.run("pay", a).await?; return Err(e); } };
           async { step.run("pay", a).await }.await"#,
        r#"#[cfg(a)] step.run("pay", a).await?; #[cfg(not(a))] step.run("pay", b).await?;"#,
        r#"#[cfg(a)] let x = step.run::<A, B>("pay", a); #[cfg(b)] let x = step.run("pay", b);"#,
        r#"#[cfg(a)] { step.run("pay", a).await? } #[cfg(not(a))] { step.run("pay", b).await? }"#,
        r#"match x { #[cfg(a)] A => { step.run("pay", a).await } #[cfg(b)] B => step.run("pay", b).await }; 1"#,
        r#"#[cfg(a)] if let P { x } = y { 1 } else { step.run("pay", a).await? } #[cfg(b)] step.run("pay", b).await"#,
        r#"P { #[cfg(a)] x: step.run::<A, B>("pay", a).await?, #[cfg(b)] x: step.run("pay", b).await? }"#,
        r#"[#[cfg(a)] step.run("pay", a), #[cfg(b)] step.run("pay", b)]"#,
        r#"#[cfg(a)] #[cfg(b)] step.run("pay", a).await?; #[cfg(a)] #[cfg_attr(x, cfg(c))] step.run("pay", b).await?;"#,
        r#"#[cfg(a)] tokio::join! { step.run("pay", a) } #[cfg(b)] step.run("pay", b).await"#,
    ] {
        assert_eq!(twice(right), 0, "{right}");
    }
    let cfgs = r#"#[cfg(a)] if x { step.run("pay", a).await } step.run("b", b).await"#;
    let expansion = expand(r#"id = "x""#, &format!("async fn f(step: Step) {{ {cfgs} }}"));
    let steps = expansion.tokens.to_string();
    assert_eq!(
        steps.matches("# [cfg (a)] :: inngest :: __private :: step_meta (\"pay\"").count(),
        1,
        "{steps}"
    );
    assert!(steps.contains(", :: inngest :: __private :: step_meta (\"b\""), "{steps}");
    assert_eq!(twice(r#"step.run("pay", a).await; step.run("pay", a).await; step.run("pay", a).await;"#), 2);
}

#[test]
fn a_step_that_gives_a_literal() {
    const SAID: &str = r#""Ada": a step's output must own its data, because later requests read it from where it is stored: write `"Ada".to_owned()`"#;
    for wrong in [
        r#"step.run("name", async { Ok("Ada") }).await"#,
        r#"step.run("name", async move { if x { y().await?; } Ok("Ada") },).await"#,
        r#"step.run(name(), async { call().await?; Ok("Ada") }).await"#,
    ] {
        body(wrong, &[SAID]);
    }
    for right in [
        r#"step.run("name", async { Ok("Ada".to_owned()) }).await"#,
        r#"step.run("name", async { Ok(Name("Ada")) }).await"#,
        r#"step.run("name", async { x.map(|x| Ok("Ada")) }).await"#,
        r#"step.run("name", other(Ok("Ada"))).await"#,
    ] {
        body(right, &[]);
    }
}

#[test]
fn a_step_in_a_step() {
    const SAID: &str = r#"a step inside the step "outer": its result would be kept twice, and a retry of the outer step could not tell that it has run; call it before that step, and give the outer step its value"#;
    for (wrong, method) in [
        (r#"step.run("outer", async { step.run("inner", x).await }).await"#, "run"),
        (r#"step.run("outer", async move { if x { step.sleep("inner", x).await } Ok(1) }).await"#, "sleep"),
        (r#"let s = step.clone(); step.run("outer", async move { join!(s.sleep(id, y)) }).await"#, "sleep"),
        (r#"step.run("outer", retry(|| async { step.sleep("inner", y).await })).await"#, "sleep"),
    ] {
        body(wrong, &[&format!("{method}: {SAID}")]);
    }
    for right in [
        r#"step.run("outer", charge(step.run("inner", x).await?)).await"#,
        r#"step.sleep("outer", { step.run("inner", x).await? }).await"#,
        r#"step.run("outer", async { other.run("inner", x).await }).await"#,
        r#"step.run("outer", async { step.idempotency_key("outer") }).await"#,
    ] {
        body(right, &[]);
    }
}

#[test]
fn a_step_that_is_never_awaited() {
    const SAID: &str = "this step is never awaited, so it never runs: write `.await` after it";
    for (wrong, place) in [
        (r#"step.run("a", x);"#, r#"step.run("a", x)"#),
        (r#"let a = 1; step.clone().sleep("a", x);"#, r#"step.clone().sleep("a", x)"#),
        (r#"if x { } step.run("a", x)?;"#, r#"step.run("a", x)"#),
        (r#"loop { step.run("a", x).renamed_from("b"); }"#, r#"step.run("a", x)"#),
        (r#"let _ = step.run("a", x);"#, r#"step.run("a", x)"#),
        (r#"tokio::select! { _ = y => { step.run("a", x); } }"#, r#"step.run("a", x)"#),
    ] {
        body(wrong, &[&format!("{place}: {SAID}")]);
    }
    for right in [
        r#"step.run("a", x).await;"#,
        r#"step.run("a", x).renamed_from("b").await?;"#,
        r#"let held = step.run("a", x); held.await;"#,
        r#"let _ = step.run("a", x).await;"#,
        r#"let all = vec![step.run("a", x)];"#,
        r#"step.run("a", x)"#,
        r#"return step.run("a", x);"#,
        r#"let x = [step.run("a", x); 1];"#,
        r#"dsl! { step.run("a", x); }"#,
        r#"step.run("a", x).now_or_never();"#,
    ] {
        body(right, &[]);
    }
}

#[test]
fn a_step_in_a_task() {
    let said = |place: &str, by: &str| {
        format!(
            "{place}: a step inside `{by}(..)`: the run ends, or is handed over, with the handler and does not know of other tasks; run steps in the handler itself, several at once with `tokio::join!`, and start what needs a task or a thread inside of a step"
        )
    };
    body(r#"tokio::spawn(async move { step.run("a", x).await });"#, &[&said("run", "spawn")]);
    body(
        r#"let s = step.clone(); let t = task::spawn_local::<_>(async move { s.sleep("a", x).await });"#,
        &[&said("sleep", "spawn_local")],
    );
    body(
        r#"std::thread::spawn(move || block_on(async { step.run("a", x).await }))"#,
        &[&said("run", "spawn")],
    );
    let guessed = |place: &str| {
        format!(
            "{}; if this one starts no task, but polls in the handler what it is given, write `allow(spawn)` in the attribute",
            said(place, "spawn")
        )
    };
    body(r#"set.spawn(book(step.clone(), x));"#, &[&guessed("step")]);
    body(r#"spawn(async move { step.run("a", x).await });"#, &[&guessed("run")]);
    body(r#"let mut all = JoinSet::new(); all.spawn(step.run("a", x));"#, &[&guessed("run")]);
    body(r#"let all: tokio::task::JoinSet<()> = x(); all.spawn(step.run("a", x));"#, &[&guessed("run")]);
    body(r#"x; Handle::current().spawn(step.run("a", x));"#, &[&guessed("run")]);
    body(r#"thread::Builder::new().name(x).spawn(|| step.run("a", x));"#, &[&guessed("run")]);
    // One of the program's own may poll it in the handler.
    body(r#"scope.spawn(step.run("a", x));"#, &[]);
    body(r#"let mut set = Together::new(); set.spawn(step.run("a", x));"#, &[]);
    body(r#"let h = Handle::new(); Together::new().spawn(step.run("a", x));"#, &[]);
    let allowed = r#"async fn f(step: Step) { spawn(step.run("a", x)).await; set.spawn(&step) }"#;
    assert_eq!(messages(expand(r#"id = "x", allow(spawn)"#, allowed)), [""; 0]);
    body(r#"tokio::task::spawn_blocking(move || book(&step));"#, &[&said("step", "spawn_blocking")]);

    body(r#"step.run("a", async { tokio::spawn(work()).await? }).await"#, &[]);
    body(r#"tokio::spawn(log(step.run_id()));"#, &[]);
    body(r#"tokio::spawn(work(step.run("a", x).await?));"#, &[]);
    body(r#"tokio::spawn(step.run("a", x));"#, &[&said("run", "spawn")]);
}

#[test]
fn steps_without_a_step() {
    const SAID: &str = "step: this handler has no `Step`, which is what steps are run with: add `step: Step` to its arguments, before the one that reads the body";
    item(r#"async fn f(Json(a): Json<u8>) { step.run("a", x).await; step.sleep("b", y).await }"#, &[SAID]);
    // The good case of it.
    let expansion = expand(r#"id = "x""#, r#"async fn f() { step.run("a", x).await }"#);
    assert!(expansion.tokens.to_string().contains("async fn f (step : :: inngest :: Step)"));

    for right in [
        r#"async fn f(ctx: Ctx) { let step = ctx.step(); step.run("a", x).await }"#,
        r#"async fn f(Ctx { step }: Ctx) { step.run("a", x).await }"#,
        r#"async fn f(ctx: Ctx) { ctx.with(|step| step.run("a", x)).await }"#,
        r#"async fn f(ctx: Ctx) { ctx.step.run("a", x).await }"#,
        r#"async fn f(robot: Robot) { robot.step(1).await }"#,
    ] {
        item(right, &[]);
    }
}

#[test]
fn waits_of_a_handler_that_never_hands_over() {
    let code = r#"async fn f(step: Step) -> Result<(), E> { step.run("a", x).await?; step.sleep("b", y).await; step.invoke("c", "d").await? }"#;
    assert_eq!(
        messages(expand(r#"id = "x", sync_only"#, code)),
        [
            "sleep: `sleep` waits at Inngest, where `sync_only` keeps this handler from going: remove the step, or `sync_only`",
            "invoke: `invoke` waits at Inngest, where `sync_only` keeps this handler from going: remove the step, or `sync_only`",
        ]
    );
}
