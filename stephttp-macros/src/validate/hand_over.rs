//! Whether a run of the function can be handed over to Inngest, and what follows from it.

use super::Opts;
use crate::{
    args::{Places, Value},
    errors::Errors,
    steps::{Body, StepCall},
};

/// Options that say something about handing over, with one that says there is none.
pub(super) fn conflicts(opts: &Opts, retries: &Value<u8>, places: &Places, errors: &mut Errors) {
    if !opts.sync_only {
        return;
    }
    let mut conflict = |option: &str, why: &str| {
        errors.at(
            places.of(option),
            format_args!(
                "`{option}` and `sync_only` exclude each other: {why}, which `sync_only` rules out; remove one of the two"
            ),
        );
    };
    if matches!(retries, Value::Good(1..)) {
        conflict("retries", "a retry happens in a later request, by Inngest");
    }
    if opts.async_response.is_some() {
        conflict("async_response", "it is the answer to a request whose run goes on at Inngest");
    }
    if opts.max_request_time.is_some() {
        conflict("max_request_time", "past that time the run goes on at Inngest");
    }
    if opts.on_error.is_some() {
        conflict("on_error", "it is about a handler that Inngest has called back");
    }
}

/// Waits in a function that never hands over.
pub(super) fn waits(calls: &[StepCall], errors: &mut Errors) {
    for call in calls.iter().filter(|call| call.method.waits) {
        errors.at(
            call.place,
            format_args!(
                "`{}` waits at Inngest, where `sync_only` keeps this handler from going: remove the step, or \
                 `sync_only`",
                call.method.name
            ),
        );
    }
}

/// Whether the handler can run again for the same run, in a request of Inngest's.
pub(super) fn can_be_reentered(opts: &Opts, body: &Body) -> bool {
    let has_step = !body.calls.is_empty();
    let retried = has_step && opts.retries != Some(0);
    let cut = has_step && opts.max_request_time.is_some();
    let waits = body.calls.iter().any(|call| call.method.waits) || body.escape.is_some();
    !opts.sync_only && (retried || waits || cut)
}

/// Options for a hand-over that cannot be.
pub(super) fn idle_options(opts: &Opts, body: Option<&Body>, places: &Places, errors: &mut Errors) {
    if opts.sync_only {
        return;
    }
    if body.is_some_and(|body| can_be_reentered(opts, body)) {
        if opts.retries == Some(0) && opts.on_error.is_some() {
            errors.at(
                places.of("on_error"),
                "`on_error` has no effect: with `retries = 0` a handler is not tried again; remove one of the two",
            );
        }
        return;
    }
    let why = match body {
        None => "the handler takes no `Step`",
        Some(body) if body.calls.is_empty() => "the handler runs no step",
        Some(_) => "its steps are not retried and none waits",
    };
    let given = [
        ("async_response", opts.async_response.is_some()),
        ("max_request_time", opts.max_request_time.is_some()),
        ("on_error", opts.on_error.is_some()),
    ];
    for (option, _) in given.into_iter().filter(|(_, given)| *given) {
        errors.at(
            places.of(option),
            format_args!(
                "`{option}` has no effect: {why}, so a run is never handed over to Inngest; remove the option"
            ),
        );
    }
}
