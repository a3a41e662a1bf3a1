//! Every mistake: the token it is reported on, and what is said.

mod function;
mod options;
mod steps;

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
    item(&format!("async fn f(step: Step) -> Result<(), E> {{ {body} }}"), expected);
}

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
