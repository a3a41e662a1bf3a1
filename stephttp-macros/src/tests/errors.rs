//! Every mistake: the token it is reported on, and what is said.

use super::{expand, messages};

const HANDLER: &str = "async fn create_order(step: Step) {}";

#[track_caller]
fn args(args: &str, expected: &[&str]) {
    assert_eq!(messages(expand(args, HANDLER)), expected, "#[api_fn({args})]");
}

#[track_caller]
fn item(item: &str, expected: &[&str]) {
    assert_eq!(messages(expand(r#"id = "x""#, item)), expected, "{item}");
}

#[track_caller]
fn body(body: &str, expected: &[&str]) {
    item(&format!("async fn f(step: Step) {{ {body} }}"), expected);
}

// ===== Options =====

#[test]
fn id() {
    args(
        "",
        &[
            r#"#[api_fn]: `id` is missing; Inngest knows the function by it, also when the code has changed: write `#[api_fn(id = "create-order")]`"#,
        ],
    );
    args(
        "retries = 3",
        &[
            r#"#[api_fn]: `id` is missing; Inngest knows the function by it, also when the code has changed: write `#[api_fn(id = "create-order")]`"#,
        ],
    );
    args(r#"id = """#, &[r#""": `id` is empty; write `id = "create-order"`"#]);
    args(r#"id = "  ""#, &[r#""  ": `id` is empty; write `id = "create-order"`"#]);
    args(
        r#"id = " create-order""#,
        &[r#"" create-order": `id` begins or ends with a space; write `id = "create-order"`"#],
    );
    args(
        &format!("id = {:?}", "é".repeat(128)),
        &["..: `id` has 256 bytes, and Inngest takes 255; shorten it"],
    );
    args(
        "id = 5",
        &[
            r#"5: `id` must be a string literal, because it is fixed when the program is compiled: write `id = "create-order"`"#,
        ],
    );
    args(
        r#"id = concat!("a", "b")"#,
        &[
            r#"concat!("a", "b"): `id` must be a string literal, because it is fixed when the program is compiled: write `id = "create-order"`"#,
        ],
    );
    args(
        r#"id = b"a""#,
        &[
            r#"b"a": `id` must be a string literal, because it is fixed when the program is compiled: write `id = "create-order"`"#,
        ],
    );
}

#[test]
fn id_suggestion_is_made_of_the_name() {
    let suggestion = |name: &str| messages(expand("", &format!("async fn {name}() {{}}"))).remove(0);
    assert!(suggestion("r#type").ends_with(r#"write `#[api_fn(id = "type")]`"#));
    assert!(suggestion("_private_one").ends_with(r#"write `#[api_fn(id = "private-one")]`"#));
}

#[test]
fn retries() {
    args(
        r#"id = "x", retries = 21"#,
        &[
            "21: `retries` must be from 0 to 20; a retry count never includes the first attempt, so `retries = 0` runs each step once",
        ],
    );
    args(
        r#"id = "x", retries = 300"#,
        &[
            "300: `retries` must be from 0 to 20; a retry count never includes the first attempt, so `retries = 0` runs each step once",
        ],
    );
    args(
        r#"id = "x", retries = -1"#,
        &[
            "-1: `retries` must be from 0 to 20; a retry count never includes the first attempt, so `retries = 0` runs each step once",
        ],
    );
    args(
        r#"id = "x", retries = "3""#,
        &[r#""3": `retries` must be an integer literal from 0 to 20: write `retries = 3`"#],
    );
    args(
        r#"id = "x", retries = 3s"#,
        &["3s: `retries` must be an integer literal from 0 to 20: write `retries = 3`"],
    );
    args(
        r#"id = "x", retries = RETRIES"#,
        &["RETRIES: `retries` must be an integer literal from 0 to 20: write `retries = 3`"],
    );
    args(r#"id = "x", retries"#, &["retries: `retries` needs a value: write `retries = 3`"]);
}

#[test]
fn crate_path() {
    args(
        r#"id = "x", crate = "platform""#,
        &[r#""platform": `crate` is a path, not a string: write `crate = platform`"#],
    );
    args(
        r#"id = "x", crate = platform::<u8>"#,
        &["platform::<u8>: `crate` must be a path: write `crate = path::to::facade`"],
    );
}

#[test]
fn crate_not_found() {
    let expansion = crate::expand(quote::quote!(id = "x"), HANDLER.parse().unwrap(), || None);
    assert_eq!(expansion.tokens.to_string(), "async fn create_order (step : Step) { }");
    assert_eq!(
        messages(expansion),
        [
            "#[api_fn]: `stephttp` is not among the dependencies of this crate; add it to Cargo.toml, or, if another crate re-exports it, write `crate = path::to::that_crate` here"
        ]
    );
}

#[test]
fn unknown_and_repeated_options() {
    const OPTIONS: &str = "`id`, `retries`, `omit_request_body`, `omit_response_body`, `async_response`, `track`, \
                           `sync_only`, `max_request_time`, `allow` and `crate`";
    args(
        r#"id = "x", retires = 3"#,
        &[&format!("retires: unknown option `retires`; did you mean `retries`? The options are {OPTIONS}")],
    );
    args(
        r#"ids = "x""#,
        &[&format!("ids: unknown option `ids`; did you mean `id`? The options are {OPTIONS}")],
    );
    args(
        r#"id = "x", concurrency = 3"#,
        &[&format!("concurrency: unknown option `concurrency`; the options are {OPTIONS}")],
    );
    args(r#"id = "x", id = "y""#, &["id: `id` is given twice; remove one of the two"]);
}

#[test]
fn flags() {
    args(r#"id = "x", sync_only"#, &[]);
    args(r#"id = "x", omit_request_body = true, omit_response_body = false"#, &[]);
    args(
        r#"id = "x", sync_only = yes"#,
        &["yes: `sync_only` is on or off: write `sync_only`, or `sync_only = false`"],
    );
    args(r#"id = "x", sync_only(true)"#, &["true: `sync_only` takes its value after `=`: write `sync_only`"]);
}

#[test]
fn durations() {
    const STEP: &str = r#"async fn f(step: Step) { step.run("a", x).await; }"#;
    let said = |args: &str| messages(expand(&format!(r#"id = "x", max_request_time = {args}"#), STEP));
    const HOW: &str = r#"write whole numbers with d, h, m, s or ms, the largest first, as "30s" or "2h 30m""#;
    assert_eq!(said(r#""2h 30m""#), [""; 0]);
    assert_eq!(said("30"), [format!("30: `max_request_time` is a duration in quotes: {HOW}")]);
    assert_eq!(said(r#""30""#), [format!(r#""30": `max_request_time`: 30 has no unit; {HOW}"#)]);
    assert_eq!(said(r#""1 hour""#), [format!(r#""1 hour": `max_request_time`: "hour" is no unit; {HOW}"#)]);
}

#[test]
fn async_response() {
    const STEP: &str = r#"async fn f(step: Step) { step.run("a", x).await; }"#;
    const CHOICES: &str = "`redirect`, `redirect(path::to::url_fn)`, `token` and `custom(path::to::handler)`";
    let said = |args: &str| messages(expand(&format!(r#"id = "x", async_response = {args}"#), STEP));
    for good in ["redirect", "redirect(urls::of_run)", "token", "custom(answer)"] {
        assert_eq!(said(good), [""; 0], "{good}");
    }
    assert_eq!(
        said("redirct"),
        [format!("redirct: did you mean `async_response = redirect`? The choices are {CHOICES}")]
    );
    assert_eq!(
        said(r#""token""#),
        [format!(r#""token": `async_response` takes one of {CHOICES}, without quotes"#)]
    );
    assert_eq!(
        said(r#"redirect("/runs")"#),
        [
            r#"redirect("/runs"): `redirect` takes the path of one function, no closure: write `async_response = redirect(path::to::function)`"#
        ]
    );
    assert_eq!(
        said("custom"),
        [
            "custom: `custom` needs the function that answers: write `async_response = custom(path::to::handler)`, an `async fn(http::request::Parts, RunOutput) -> impl IntoResponse`"
        ]
    );
    assert_eq!(
        said("token(x)"),
        [
            r#"token(x): `token` takes nothing, because the answer is always `{"run_id", "token"}`: write `async_response = token`, or `custom(path::to::handler)` for an answer of your own"#
        ]
    );
}

#[test]
fn track_and_allow() {
    args(r#"id = "x", track = always, allow(clock, random)"#, &[]);
    args(
        r#"id = "x", track = all"#,
        &["all: `track` takes one of `always` and `with_steps`, without quotes"],
    );
    args(
        r#"id = "x", track = alwys"#,
        &["alwys: did you mean `track = always`? The choices are `always` and `with_steps`"],
    );
    args(
        r#"id = "x", allow(clok, dice)"#,
        &[
            "clok: there is no warning `clok`; did you mean `clock`? The warnings are `clock` and `random`",
            "dice: there is no warning `dice`. The warnings are `clock` and `random`",
        ],
    );
    args(
        r#"id = "x", allow = clock"#,
        &[
            "allow: `allow` lists the warnings to silence: write `allow(clock)`; they are `clock` and `random`",
        ],
    );
    args(
        r#"id = "x", allow()"#,
        &["allow: `allow` is empty; name the warnings to silence, which are `clock` and `random`"],
    );
}

#[test]
fn options_that_exclude_each_other() {
    args(
        r#"id = "x", sync_only, retries = 3, async_response = token, max_request_time = "1s""#,
        &[
            "retries: `retries` and `sync_only` exclude each other: a retry happens in a later request, by Inngest, which `sync_only` rules out; remove one of the two",
            "async_response: `async_response` and `sync_only` exclude each other: it is the answer to a request whose run goes on at Inngest, which `sync_only` rules out; remove one of the two",
            "max_request_time: `max_request_time` and `sync_only` exclude each other: past that time the run goes on at Inngest, which `sync_only` rules out; remove one of the two",
        ],
    );
    args(r#"id = "x", sync_only, retries = 0"#, &[]);
    args(r#"id = "x", sync_only = false, retries = 3"#, &[]);
}

#[test]
fn options_for_a_hand_over_that_cannot_be() {
    let said = |args: &str, item: &str| messages(expand(&format!(r#"id = "x", {args}"#), item));
    assert_eq!(
        said("async_response = token", "async fn f() {}"),
        [
            "async_response: `async_response` has no effect: the handler takes no `Step`, so a run is never handed over to Inngest; remove the option"
        ]
    );
    assert_eq!(
        said("async_response = token, retries = 0", r#"async fn f(step: Step) { step.run("a", x).await; }"#),
        [
            "async_response: `async_response` has no effect: its steps are not retried and none waits, so a run is never handed over to Inngest; remove the option"
        ]
    );
    assert_eq!(
        said(r#"max_request_time = "1s""#, "async fn f(_: Step) {}"),
        [
            "max_request_time: `max_request_time` has no effect: the handler runs no step, so a run is never handed over to Inngest; remove the option"
        ]
    );
    // It may wait in there.
    let elsewhere = "async fn f(step: Step) { elsewhere(&step).await }";
    assert_eq!(said("async_response = token, retries = 0", elsewhere), [""; 0]);
}

#[test]
fn option_syntax() {
    args(r#""create-order""#, &[r#""create-order": options have names: write `id = "create-order"`"#]);
    args(r#"id "x""#, &[r#""x": expected `=` after `id`: write `id = "create-order"`"#]);
    args(r#"id: "x""#, &[r#":: expected `=` after `id`: write `id = "create-order"`"#]);
    args(r#"id("x")"#, &[r#""x": `id` takes its value after `=`: write `id = "create-order"`"#]);
    args("id", &[r#"id: `id` needs a value: write `id = "create-order"`"#]);
    args(
        r#"id = "x" + 1, retries"#,
        &[
            r#""x" + 1: `id` must be a string literal, because it is fixed when the program is compiled: write `id = "create-order"`"#,
            "retries: `retries` needs a value: write `retries = 3`",
        ],
    );
    args(r#"id = "x"; retries = 3"#, &[";: expected `,` or the end of the options here; remove this"]);
    args(r#"id = "x" retries = 3"#, &["retries: expected `,` between two options; write it before this"]);
    args(r#"id = "x",, retries = 3"#, &[",: there is no option before this `,`; remove it"]);
    args(r#"id = , retries = 3"#, &[r#"=: `id` needs a value after `=`: write `id = "create-order"`"#]);
    args(
        r#"id = "x", retries = ; , crate = a"#,
        &[";: `retries` needs a value after `=`: write `retries = 3`"],
    );
    args(r#"id = "x", = 3"#, &[r#"=: expected an option, such as `id = "create-order"`"#]);
}

/// What ends in a comma, or stands on two lines, is right.
#[test]
fn good_options() {
    args("id = \"x\",\n retries = 20,", &[]);
    args(r##"id = r#"x"#, retries = 0u8, crate = crate::a"##, &[]);
}

// ===== The function =====

#[test]
fn not_a_function() {
    item(
        "pub struct Order;",
        &["struct: `#[api_fn]` goes on a function: put it above an `async fn` that handles a request"],
    );
    item(
        "const F: fn() = f;",
        &["const: `#[api_fn]` goes on a function: put it above an `async fn` that handles a request"],
    );
    item(
        "impl Order { async fn f() {} }",
        &["impl: `#[api_fn]` goes on a function: put it above an `async fn` that handles a request"],
    );
    item("async fn f();", &[";: a handler needs a body: write `{ .. }`"]);
}

#[test]
fn what_axum_cannot_call() {
    item(
        "pub fn f(step: Step) {}",
        &["fn: a handler must be `async`, because it waits for its steps: write `async fn`"],
    );
    item(
        "async unsafe fn f(step: Step) {}",
        &["unsafe: a handler cannot be `unsafe`: axum calls it for anybody's request; remove `unsafe`"],
    );
    item(
        "const fn f() {}",
        &[
            "const: a handler cannot be `const`: it waits for its steps; remove `const`",
            "fn: a handler must be `async`, because it waits for its steps: write `async fn`",
        ],
    );
    item(
        r#"async extern "C" fn f() {}"#,
        &[r#"extern "C": a handler cannot be `extern`: axum calls it as a Rust function; remove this"#],
    );
    item(
        "async fn f<T>(step: Step, a: T) {}",
        &["<T>: handlers cannot be generic: axum needs one concrete function; write the types themselves"],
    );
    item(
        "async fn f(step: Step, a: &str, b: impl Into<String>, c: Json<impl Any>) {}",
        &[
            "&str: a handler cannot borrow: what it takes is made for it and owned by it; remove the `&`",
            "impl Into<String>: a handler's argument cannot be `impl ..`: axum needs one concrete function; write the type itself",
            "Json<impl Any>: a handler's argument cannot be `impl ..`: axum needs one concrete function; write the type itself",
        ],
    );
    item(
        r#"async unsafe extern "C" fn f(step: Step, ...) {}"#,
        &[
            "unsafe: a handler cannot be `unsafe`: axum calls it for anybody's request; remove `unsafe`",
            r#"extern "C": a handler cannot be `extern`: axum calls it as a Rust function; remove this"#,
            "...: a handler cannot take `...`: axum gives it one value for each argument; remove this",
        ],
    );
    item(
        &format!("async fn f({}step: Step) {{}}", "_: Method, ".repeat(16)),
        &[
            "step: Step: a handler takes at most 16 arguments in axum; put several into one struct that derives `FromRequestParts`",
        ],
    );
    item(
        "async fn f<'a>(step: Step) {}",
        &["<'a>: a handler cannot have lifetimes: what it takes is made for it and owned by it; remove them"],
    );
    item(
        "async fn f(&self, step: Step) {}",
        &[
            "&self: a handler cannot have `self`: axum calls a free function; move it out of the `impl` and take what it needs as `State(..)`",
        ],
    );
}

#[test]
fn attributes_of_arguments() {
    item(
        "async fn f(#[replayable] a: A, #[not_replayed] #[allow(unused)] step: Step, #[cfg(x)] b: B) {}",
        &[],
    );
    item(
        "async fn f(#[not_replayd] a: A, #[expect(x)] step: Step, #[not_replayed(all)] b: B) {}",
        &[
            "not_replayd: unknown attribute `not_replayd`; did you mean `#[not_replayed]`?",
            "not_replayed(all): `#[not_replayed]` takes nothing: write it alone",
        ],
    );
}

#[test]
fn the_step_argument() {
    item(
        "async fn f(a: Step, b: inngest::Step) {}",
        &["inngest::Step: a handler has one `Step`; remove this one, and clone the other where you need two"],
    );
    item(
        "async fn f(Step { .. }: Step) {}",
        &["Step { .. }: the `Step` needs a name here: write `step: Step`"],
    );
}

// ===== Steps =====

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
        let said = messages(expand(r#"id = "x""#, &format!("async fn f(step: Step) {{ {code} }}")));
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
    ] {
        assert_eq!(twice(right), 0, "{right}");
    }
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
    body(r#"set.spawn(book(step.clone(), x));"#, &[&said("step", "spawn")]);
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
    let code = r#"async fn f(step: Step) { step.run("a", x).await?; step.sleep("b", y).await; step.invoke("c", "d").await? }"#;
    assert_eq!(
        messages(expand(r#"id = "x", sync_only"#, code)),
        [
            "sleep: `sleep` waits at Inngest, where `sync_only` keeps this handler from going: remove the step, or `sync_only`",
            "invoke: `invoke` waits at Inngest, where `sync_only` keeps this handler from going: remove the step, or `sync_only`",
        ]
    );
}

// ===== Together =====

/// No mistake hides another.
#[test]
fn several_at_once() {
    assert_eq!(
        messages(expand(
            "retries = 99, concurrency = 3",
            r#"fn f(step: Step) { step.run("", x).await; step.run("", y) }"#
        ))
        .len(),
        6
    );
}
