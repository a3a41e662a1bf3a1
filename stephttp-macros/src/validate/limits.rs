//! What steps say of their attempts, and what their function says of it.

use super::Opts;
use crate::{
    args::Places,
    errors::Errors,
    steps::{Body, StepCall},
};

/// Retries of a function that says nothing of them: `FnOpts::DEFAULT_RETRIES`, which this crate
/// does not see. What the attribute must bear, and what the compiler says, are held to it in
/// `tests`.
const DEFAULT_RETRIES: u8 = 3;

/// A time limit for steps, where there are none that it could hold for.
pub(super) fn idle_timeout(opts: &Opts, body: Option<&Body>, places: &Places, errors: &mut Errors) {
    let why = match body {
        _ if opts.step_timeout.is_none() => return,
        None => "the handler takes no `Step`",
        Some(body) if body.escape.is_some() || body.calls.iter().any(|call| !call.method.waits) => return,
        Some(body) if body.calls.is_empty() => "the handler runs no step",
        Some(_) => "Inngest performs all of its steps",
    };
    errors.at(
        places.of("step_timeout"),
        format_args!("`step_timeout` has no effect: {why}; remove the option"),
    );
}

/// Steps with more retries than their function. What this says of its own may be at fault already.
pub(super) fn retries(opts: &Opts, is_given: bool, calls: &[StepCall], errors: &mut Errors) {
    let (most, unless_given) = match opts.retries {
        _ if opts.sync_only => (0, ""),
        Some(most) => (most, ""),
        None if is_given => return,
        None => (DEFAULT_RETRIES, ", which is the default"),
    };
    for literal in calls.iter().filter_map(|call| call.retries.as_ref()) {
        let Ok(retries) = literal.base10_parse::<u8>() else { continue };
        if retries <= most {
            continue;
        }
        if opts.sync_only {
            errors.at(
                literal.span(),
                "`sync_only` rules retries out, which happen in a later request, by Inngest: remove \
                 `.retries(..)`, or `sync_only`",
            );
            continue;
        }
        errors.at(
            literal.span(),
            format_args!(
                "the step has {retries} retries, and its function has {most}{unless_given}: Inngest makes no more attempts than the \
                 function says; write fewer here, or `retries = {retries}` in `#[api_fn(..)]`"
            ),
        );
    }
}
