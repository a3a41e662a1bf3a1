//! What the attribute must bear: other attributes, macros, modules, any names in scope, and every
//! form of a handler that axum takes. One file an aspect; a handler that compiles is also routed
//! and answers.
//!
//! What needs a crate of its own is beside this: a crate root with unfortunate names in
//! `pass_crate_root.rs`, a library under strict lints and in an older edition in `tests/strict`,
//! other names of the SDK in `tests/names`.
#![allow(clippy::unwrap_used, reason = "clippy takes only test functions for tests")]
// Handlers here are written in ways that these would have otherwise.
#![allow(unused_qualifications, unused_parens, unreachable_pub)]
#![allow(
    clippy::double_must_use,
    clippy::non_minimal_cfg,
    clippy::redundant_pattern,
    clippy::uninlined_format_args
)]

mod answers;
mod arguments;
mod attributes;
mod by_example;
mod forgiven;
mod functions;
mod guards;
mod helpers;
mod modules;
mod names;
mod retries;
mod rival;
mod traits;
mod unusual;

use axum::Router;
use inngest::FnOpts;
use stephttp_tests::World;

/// Serves `app`, and asserts what each of its paths answers to a POST request.
async fn assert_answers(app: Router, answers: &[(&str, &str)]) {
    let world = World::of(app).await;
    for (path, expected) in answers {
        let response = world.post(path).body("body").send().await.unwrap();
        let (status, text) = (response.status(), response.text().await.unwrap());
        assert_eq!((status.as_u16(), &*text), (200, *expected), "{path}");
    }
    world.delivered().await;
    world.assert_clean();
}

/// Asserts that the endpoint is known to the program, as `function`, with these steps.
fn assert_registered(opts: FnOpts, function: &str, steps: &[&str]) {
    let mut found = inngest::function::registered().filter(|registered| registered.opts().id() == opts.id());
    let registered = found.next().expect("it is registered");
    assert!(found.next().is_none(), "{} is registered twice", opts.id());
    assert_eq!(registered.function(), format!("pass::{function}"));
    let known: Vec<&str> = registered.steps().iter().map(inngest::function::StepMeta::id).collect();
    assert_eq!(known, steps);
}

/// Whether an endpoint with this id is known to the program.
fn is_registered(id: &str) -> bool {
    inngest::function::registered().any(|registered| registered.opts().id() == id)
}
