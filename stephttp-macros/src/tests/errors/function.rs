//! The function, its arguments and what is said of them.

use super::{expand, item, messages};

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

#[test]
fn what_cannot_stream() {
    item("async fn f(step: Step, live: Live) {}", &[]);
    item(
        "async fn f(live: inngest::Live) {}",
        &[
            "inngest::Live: `Live` streams what a run's steps have for its client: take `step: Step` beside it. A handler \
             without steps answers with axum's `Sse`",
        ],
    );
    item(
        "async fn f(step: Step, live: Live, other: Live) -> Sse<Events> {}",
        &[
            "Live: one `Live` is all that a handler needs: remove this one, and clone the other where two are used",
            "Sse<Events>: a handler with `Live` cannot answer with a stream of its own: its response is the last event of \
             the run's stream. Answer with what the stream comes to, or remove `Live`",
        ],
    );
    let omits = expand(r#"id = "x", omit_response_body"#, "async fn f(step: Step, live: Live) {}");
    assert_eq!(
        messages(omits),
        [
            "omit_response_body: `omit_response_body` keeps the response from Inngest, and what a `Live` sends passes through \
             Inngest once the run is handed over: remove one of the two, or add `sync_only`",
        ]
    );
    // Another's type.
    item("async fn f(step: Step, a: Live<u8>, b: Live<u8>) {}", &[]);
}
