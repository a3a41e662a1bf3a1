//! A layer or an extractor has answered a re-entry in the handler's place.
//!
//! What it says is about Inngest's call, which has no credentials, cookies or peer address, or
//! about the moment: a limit that is reached, a database that is down. It is never the run's
//! result, for which its client waits and steps were paid.

use std::sync::Arc;

use axum::response::Response;
use http::StatusCode;

use super::ending;
use crate::journal::{Ending, Saved};
use crate::middleware::Outcome;
use crate::run::Run;

/// Whether a response is not the handler's. With the attribute it is known whether the body has
/// begun, and has ended. A handler without it may have taken its `Step` and answered at once, from
/// a database, say: an error that came without any step is more likely an extractor's, and all else
/// is taken for the handler's.
pub(super) fn is_anothers(run: &Run, response: &Response) -> bool {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    run.is_cut_off() || (run.is_untouched() && (!run.is_tracked() || is_error))
}

/// What middlewares are told of it.
pub(super) fn outcome(status: StatusCode) -> Outcome {
    Outcome::Failed(format!("a layer or an extractor answered {status} in the handler's place"))
}

/// Asks for another attempt; then the run fails, and says why. `known`: what has become of the
/// steps, if that was tried.
pub(super) async fn ending(run: &Arc<Run>, response: Response, known: Option<Saved>) -> Ending {
    let status = response.status();
    // A request by GET has come this far before, so it was one by HEAD.
    let is_routers = status == StatusCode::METHOD_NOT_ALLOWED && !run.is_tracked();
    let route = run.route().filter(|_| is_routers);
    if let (Some(app), Some(path)) = (run.app(), route) {
        app.routes().learn_head_alone(path);
    }
    let message = match route {
        Some(_) => HEAD_ALONE.to_owned(),
        None if run.is_cut_off() => cut_off(status),
        None => message(status),
    };
    drop(response);
    tracing::error!(run_id = %run.id(), function = run.log_name(), status = status.as_u16(), "{message}");
    ending::reject(run, message, known).await
}

/// Why a run that began with HEAD cannot go on at Inngest.
pub(super) const HEAD_ALONE: &str = "the run began with a HEAD request, and its route takes no GET: Inngest calls back by GET, \
     since an answer to HEAD has no body to say anything in. Route the handler with `get(..)`, which takes HEAD too";

fn cut_off(status: StatusCode) -> String {
    format!(
        "a layer answered {status} in the handler's place, whose body had begun, and had not ended, when Inngest called back: \
         one for timeouts, panics or errors does so (`TimeoutLayer`, `CatchPanicLayer`, `HandleErrorLayer`). What the handler \
         had finished is saved. Give it the time that its longest step takes, let requests pass that have the extension \
         `inngest::Reentry`, or have the function's own steps time out"
    )
}

fn message(status: StatusCode) -> String {
    format!(
        "a layer or an extractor answered {status} in the handler's place when Inngest called back. A call back carries the \
         method, path, query, content type and body of the first request, and no other header, cookie or peer address: wrap an \
         extractor that needs one in `Remember`, and have a layer that rejects requests let calls back pass: \
         `inngest.layer()` gives them the extension `inngest::Reentry`. A function with `omit_request_body` gets no body: take \
         `Bytes`, and read them in a step"
    )
}
