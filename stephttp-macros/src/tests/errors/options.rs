//! Options.

use super::{HANDLER, args};
use crate::tests::{expand, messages};

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
        &["..: `id` has 256 bytes, and Inngest takes 248 with a method before it; shorten it"],
    );
    args(
        r#"id = "GET orders""#,
        &[
            r#""GET orders": `id` begins with `GET `; leave that out, since the method is put before the id anyway in Inngest's name of a function that is called by GET: write `id = "orders"`"#,
        ],
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
    let expansion = crate::expand(
        quote::quote!(id = "x"),
        HANDLER.parse().unwrap(),
        || None,
        crate::place::Place::Unknown,
    );
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
                           `sync_only`, `max_request_time`, `deliver`, `step_timeout`, `on_error`, `allow` and `crate`";
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
fn deliver() {
    const CHOICES: &str = "`after_response` and `before_response_ends`";
    let said = |args: &str| messages(expand(&format!(r#"id = "x", deliver = {args}"#), HANDLER));
    assert_eq!((said("after_response"), said("before_response_ends")), (vec![], vec![]));
    assert_eq!(
        said("before_response_end"),
        [format!(
            "before_response_end: did you mean `deliver = before_response_ends`? The choices are {CHOICES}"
        )]
    );
    assert_eq!(
        said(r#""before_response_ends""#),
        [format!(r#""before_response_ends": `deliver` takes one of {CHOICES}, without quotes"#)]
    );
}

#[test]
fn a_time_limit_for_steps() {
    const STEP: &str = r#"async fn f(step: Step) { step.run("a", x).await; }"#;
    let said = |args: &str, item: &str| messages(expand(&format!(r#"id = "x", {args}"#), item));
    assert_eq!(said(r#"step_timeout = "5m""#, STEP), [""; 0]);
    assert_eq!(said(r#"step_timeout = "5m", sync_only"#, STEP), [""; 0]);
    assert_eq!(
        said(r#"step_timeout = "0s""#, STEP),
        [
            r#""0s": `step_timeout` is zero, within which nothing ends: write how long an attempt may take, as `step_timeout = "5m"`"#
        ]
    );
    for (item, why) in [
        ("async fn f() {}", "the handler takes no `Step`"),
        ("async fn f(_: Step) {}", "the handler runs no step"),
        (r#"async fn f(step: Step) { step.sleep("a", x).await; }"#, "Inngest performs all of its steps"),
    ] {
        assert_eq!(
            said(r#"step_timeout = "5m""#, item),
            [format!("step_timeout: `step_timeout` has no effect: {why}; remove the option")]
        );
    }
    let elsewhere = "async fn f(step: Step) { elsewhere(&step).await }";
    assert_eq!(said(r#"step_timeout = "5m""#, elsewhere), [""; 0]);
}

#[test]
fn on_error() {
    const STEP: &str = r#"async fn f(step: Step) { step.run("a", x).await; }"#;
    let said = |args: &str| messages(expand(&format!(r#"id = "x", on_error = {args}"#), STEP));
    for good in ["retry", "fail"] {
        assert_eq!(said(good), [""; 0]);
    }
    const CHOICES: &str = "`on_error` takes one of `retry` and `fail`, without quotes";
    assert_eq!(said(r#""fail""#), [format!(r#""fail": {CHOICES}"#)]);
    assert_eq!(said("fails"), ["fails: did you mean `on_error = fail`? The choices are `retry` and `fail`"]);
}

#[test]
fn async_response() {
    const STEP: &str = r#"async fn f(step: Step) { step.run("a", x).await; }"#;
    const CHOICES: &str = "`redirect`, `redirect(path::to::url_fn)`, `proxy`, `token`, `negotiate` and `custom(path::to::handler)`";
    let said = |args: &str| messages(expand(&format!(r#"id = "x", async_response = {args}"#), STEP));
    for good in ["redirect", "redirect(urls::of_run)", "proxy", "token", "negotiate", "custom(answer)"] {
        assert_eq!(said(good), [""; 0], "{good}");
    }
    assert_eq!(
        said("redirct"),
        [format!("redirct: did you mean `async_response = redirect`? The choices are {CHOICES}")]
    );
    for (typed, meant) in [("proxi", "proxy"), ("negociate", "negotiate")] {
        let error = format!("{typed}: did you mean `async_response = {meant}`? The choices are {CHOICES}");
        assert_eq!(said(typed), [error]);
    }
    assert_eq!(
        said(r#"proxy("/runs")"#),
        [
            r#"proxy("/runs"): `proxy` takes nothing, because the provider knows where its output route is: write `async_response = proxy`, and say another place with `SetupOpts::output`"#
        ]
    );
    assert_eq!(
        said("negotiate(x)"),
        [
            "negotiate(x): `negotiate` takes nothing, because the client's `Prefer` header decides: write `async_response = negotiate`, or `custom(path::to::handler)` for an answer of your own"
        ]
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
            "clok: there is no warning `clok`; did you mean `clock`? The warnings are `clock`, `random`, `guard`, `transaction`, `sleep` and `spawn`",
            "dice: there is no warning `dice`. The warnings are `clock`, `random`, `guard`, `transaction`, `sleep` and `spawn`",
        ],
    );
    args(
        r#"id = "x", allow = clock"#,
        &[
            "allow: `allow` lists the warnings to silence: write `allow(clock)`; they are `clock`, `random`, `guard`, `transaction`, `sleep` and `spawn`",
        ],
    );
    args(
        r#"id = "x", allow()"#,
        &[
            "allow: `allow` is empty; name the warnings to silence, which are `clock`, `random`, `guard`, `transaction`, `sleep` and `spawn`",
        ],
    );
}

#[test]
fn options_that_exclude_each_other() {
    args(
        r#"id = "x", sync_only, retries = 3, async_response = token, max_request_time = "1s", on_error = retry"#,
        &[
            "retries: `retries` and `sync_only` exclude each other: a retry happens in a later request, by Inngest, which `sync_only` rules out; remove one of the two",
            "async_response: `async_response` and `sync_only` exclude each other: it is the answer to a request whose run goes on at Inngest, which `sync_only` rules out; remove one of the two",
            "max_request_time: `max_request_time` and `sync_only` exclude each other: past that time the run goes on at Inngest, which `sync_only` rules out; remove one of the two",
            "on_error: `on_error` and `sync_only` exclude each other: it is about a handler that Inngest has called back, which `sync_only` rules out; remove one of the two",
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
    assert_eq!(
        said("on_error = fail", "async fn f(_: Step) {}"),
        [
            "on_error: `on_error` has no effect: the handler runs no step, so a run is never handed over to Inngest; remove the option"
        ]
    );
    assert_eq!(
        said("on_error = fail, retries = 0", r#"async fn f(step: Step) { step.sleep("a", x).await; }"#),
        [
            "on_error: `on_error` has no effect: with `retries = 0` a handler is not tried again; remove one of the two"
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
