//! Options that a handler says of itself, in vain.

use crate::exchange::RecordedMethod;
use crate::function::{self, AsyncResponse, FnOpts, Registration};
use crate::untrusted::shown;
use crate::wire::limits::FUNCTION_ID_BYTES;

/// Why a handler's options have no effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RefusedOpts {
    #[error("its handler has ended, or has been handed over to Inngest")]
    AfterHandler,
    #[error("it has begun a step: say them before the first")]
    AfterStep,
    #[error("they have been said: by the attribute `#[api_fn]`, or by an earlier call")]
    Twice,
    #[error("there are {0} retries, and Inngest makes {most} at most", most = FnOpts::MOST_RETRIES)]
    TooManyRetries(u8),
    #[error(
        "the id begins with `{0} `: leave that out, since the method is put before the id anyway in Inngest's name of a \
         function that is called by {0}"
    )]
    MethodInId(String),
    #[error("the id has {0} bytes, and Inngest takes {FUNCTION_ID_BYTES} beside a method")]
    IdTooLong(usize),
    #[error("the `step_timeout` is zero, within which no step ends: say how long an attempt may take")]
    NoStepTime,
    #[error("an `AsyncResponse::Custom` gets the request's parts: give them with `configure_with_parts`")]
    NoParts,
    #[error("the id `{}` is that of another function: {other}", shown(.id))]
    IdTaken {
        id: &'static str,
        /// The other function and its place.
        other: &'static str,
    },
}

/// Checks options that the compiler has not seen.
pub(super) fn check(opts: FnOpts, has_parts: bool) -> Result<(), RefusedOpts> {
    let id = opts.id();
    if opts.get_retries() > FnOpts::MOST_RETRIES {
        return Err(RefusedOpts::TooManyRetries(opts.get_retries()));
    }
    if let Some((method, _)) =
        id.split_once(' ').filter(|(method, _)| RecordedMethod::stands_in_names(method))
    {
        return Err(RefusedOpts::MethodInId(method.to_owned()));
    }
    if id.len() > FUNCTION_ID_BYTES {
        return Err(RefusedOpts::IdTooLong(id.len()));
    }
    if opts.get_step_timeout().is_some_and(|limit| limit.is_zero()) {
        return Err(RefusedOpts::NoStepTime);
    }
    if matches!(opts.get_async_response(), Some(AsyncResponse::Custom(_))) && !has_parts {
        return Err(RefusedOpts::NoParts);
    }
    let of_another = |function: &&Registration| function.opts().id() == id;
    if let (Some(other), false) = (function::registered().find(of_another), id.is_empty()) {
        return Err(RefusedOpts::IdTaken { id, other: other.function() });
    }
    Ok(())
}
