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
    args(
        r#"id = "x", retires = 3"#,
        &[
            "retires: unknown option `retires`; did you mean `retries`? The options are `id`, `retries`, `crate`",
        ],
    );
    args(
        r#"ids = "x""#,
        &["ids: unknown option `ids`; did you mean `id`? The options are `id`, `retries`, `crate`"],
    );
    args(
        r#"id = "x", timeout = 3"#,
        &["timeout: unknown option `timeout`; the options are `id`, `retries`, `crate`"],
    );
    args(r#"id = "x", id = "y""#, &["id: `id` is given twice; remove one of the two"]);
}

#[test]
fn option_syntax() {
    args(r#""create-order""#, &[r#""create-order": options have names: write `id = "create-order"`"#]);
    args(r#"id "x""#, &[r#""x": expected `=` after `id`: write `id = "create-order"`"#]);
    args(r#"id: "x""#, &[r#":: expected `=` after `id`: write `id = "create-order"`"#]);
    args(r#"id("x")"#, &[r#"(: expected `=` after `id`: write `id = "create-order"`"#]);
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
}

// ===== Together =====

/// No mistake hides another.
#[test]
fn several_at_once() {
    assert_eq!(
        messages(expand(
            "retries = 99, timeout = 3",
            r#"fn f(step: Step) { step.run("", x); step.run("", y) }"#
        ))
        .len(),
        6
    );
}
