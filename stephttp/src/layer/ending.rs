//! What a re-entry answers when its handler has come as far as it comes.
//!
//! Everything that has ended is saved first. An answer that ends the run is given only when [`standing`] has made sure that the
//! run still goes on.

use std::pin::Pin;
use std::sync::Arc;

use axum::body::{Body, HttpBody};
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use http::header::CONTENT_ENCODING;
use http_body_util::LengthLimitError;

use super::{answer, rejection, standing};
use crate::checkpoint;
use crate::client::{NoState, Patience};
use crate::exchange::result::Audience;
use crate::exchange::{Superseded, result};
use crate::journal::{Decision, Outstanding, Recorded, Stopped};
use crate::run::{Run, Unfinished};
use crate::wire::ApiResult;
use crate::wire::limits::REENTRY_ANSWER_BYTES;

/// How often it is tried to store a decision that other requests of the run store others before.
const DECISIONS: usize = 16;

/// The handler answered: its response is the run's result, and the client's answer.
pub(super) async fn finish(run: &Arc<Run>, response: Response) -> Response {
    run.finish();
    if run.is_untouched() && rejection::is_likely(run, &response) {
        return rejection::answer(run, response).await;
    }
    run.report_unclaimed();
    if let Err(answer) = save_all(run).await {
        return answer;
    }
    let result = match result_of(run, response).await {
        Ok(result) => result,
        Err(Unfit::ForGood(message)) => return fail(run, &message).await,
        Err(Unfit::ForNow(message)) => return retry_or_fail(run, message).await,
    };
    end_with(run, result).await
}

/// Ends the run. Of several re-entries that come to its end at once, each answers with the same result: the first that was
/// stored.
pub(super) async fn end_with(run: &Arc<Run>, result: ApiResult<'static>) -> Response {
    if run.has_unsent()
        && let Err(answer) = save_all(run).await
    {
        return answer;
    }
    let mut result = result;
    let mut answer = answer::finished(run.id(), &result);
    if answer.body().size_hint().exact().is_none_or(|bytes| bytes > REENTRY_ANSWER_BYTES as u64) {
        let message = "the response is over 8 MiB, the most that Inngest keeps for the run's client";
        tracing::error!(run_id = %run.id(), "{message}");
        result = answer::own(StatusCode::INTERNAL_SERVER_ERROR, message);
        answer = answer::finished(run.id(), &result);
    }
    match agree_on_end(run, &result).await {
        Ok(None) => answer,
        Ok(Some(agreed)) => answer::finished(run.id(), &agreed),
        Err(answer) => answer,
    }
}

/// The result with which the run ends, if it is not for this request alone to say. The error is the answer to give instead.
async fn agree_on_end(
    run: &Arc<Run>,
    result: &ApiResult<'static>,
) -> Result<Option<ApiResult<'static>>, Response> {
    let (Some(proposal), Some(app), Some(dispatch)) = (run.propose_end(result), run.app(), run.dispatch())
    else {
        return standing::still_goes_on(run).await.map(|()| None);
    };
    run.put_back(vec![proposal]);
    // As a step's output it is stored too, and the next re-entry ends the run with it.
    save_all(run).await?;
    let known = run.known_steps() + 1;
    match app.client().state_of(run.id(), known).await {
        Ok(memo) => Ok(Run::end_of(&memo)),
        Err(NoState::Gone) => {
            let memo = standing::obtain(app, dispatch, run.sure_retries(), known).await?;
            Ok(Run::end_of(&memo))
        }
        Err(NoState::Failed(_)) if run.may_retry() => {
            Err(answer::retry(StatusCode::SERVICE_UNAVAILABLE, "how the run ends could not be read back"))
        }
        Err(NoState::Failed(_)) => Ok(None),
    }
}

/// Why a response cannot be what the run's client gets.
enum Unfit {
    ForGood(String),
    /// Another attempt may come to one that can.
    ForNow(&'static str),
}

impl Unfit {
    fn for_good<T>(message: impl Into<String>) -> Result<T, Self> {
        Err(Self::ForGood(message.into()))
    }
}

async fn result_of(run: &Arc<Run>, response: Response) -> Result<ApiResult<'static>, Unfit> {
    let (parts, body) = response.into_parts();
    if parts.status.is_informational() {
        return Unfit::for_good(
            "a response such as that of a WebSocket's handshake is for the connection of the first request, which is over: \
             the run was handed over. A function that answers so is `sync_only`, or has no step that waits or is retried",
        );
    }
    let mut headers = result::headers(&parts.headers, Audience::Client);
    // It is not even read.
    let body = if run.omits_response_body() { Body::empty() } else { body };
    let body = match axum::body::to_bytes(body, REENTRY_ANSWER_BYTES).await {
        Ok(body) => body,
        Err(error) if is_too_long(&error) => {
            return Unfit::for_good(
                "the response's body is over 8 MiB, the most that Inngest keeps for the run's client",
            );
        }
        Err(error) => {
            tracing::error!(run_id = %run.id(), %error, "the response's stream failed");
            return Err(Unfit::ForNow("the response's body broke off"));
        }
    };
    // A stream may have said so just now.
    let body = if run.omits_response_body() {
        result::omit_body(&mut headers);
        Bytes::new()
    } else {
        body
    };
    let body = match run.stored_response_body(parts.status.as_u16(), body).await {
        Ok(body) => body,
        Err(fault) => {
            tracing::error!(run_id = %run.id(), "the response's body could not be transformed: {fault}");
            return Err(Unfit::ForNow("a middleware failed"));
        }
    };
    let Ok(body) = String::from_utf8(body.into()) else {
        let encoding = headers.get(CONTENT_ENCODING.as_str());
        let encoding = encoding.map(|encoding| format!(" (it has `content-encoding: {encoding}`)"));
        return Unfit::for_good(format!(
            "the response's body is not UTF-8{}. The run was handed over, so its response is kept by Inngest, which \
             keeps text only: answer with text, or with a link to the data",
            encoding.unwrap_or_default()
        ));
    };
    let mut result = ApiResult::new(parts.status.as_u16()).body(body);
    result.headers = headers;
    Ok(result)
}

fn is_too_long(error: &axum::Error) -> bool {
    std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<LengthLimitError>)
}

/// The handler waits for Inngest: says for what.
pub(super) async fn suspend(run: &Arc<Run>, outstanding: Vec<Outstanding>) -> Response {
    match run.without_its_step() {
        Some(Unfinished::Dropped(dropped)) => return give_up(run, dropped).await,
        Some(Unfinished::Missed(missed)) => return miss(run, missed).await,
        None => {}
    }
    run.report_unclaimed();
    let handover = run.hand_over(outstanding, None);
    if let Some(message) = run.over_limit(&handover) {
        return fail(run, &message).await;
    }
    // Saved before the waits have an effect: the re-entries they bring must find it all.
    run.put_back(handover.context);
    let ops = match save(run).await {
        Saved::All => handover.ops,
        Saved::Not => run.unsaved_with(handover.ops),
        Saved::Stopped(by) => return stopped(run, by, handover.ops).await,
    };
    answer::operations(&ops, handover.retry_after)
}

/// The handler dropped the step that this request was made for: later requests must not run it either.
async fn give_up(run: &Arc<Run>, dropped: Decision) -> Response {
    for _ in 0..DECISIONS {
        if run.is_full() {
            return fail(
                run,
                "the run has as many steps as it can, and the order of its steps needs one more",
            )
            .await;
        }
        let Some(proposal) = run.propose_drop(dropped) else { break };
        if let Err(answer) = decide(run, proposal).await {
            return answer;
        }
    }
    answer::operations(&[run.discovery()], None)
}

/// The handler has not come to the step that this request was made for. Inngest does not name it again, so should the
/// handler come to it later, the run must not wait for it.
async fn miss(run: &Arc<Run>, missed: Recorded) -> Response {
    let message = "the handler does not come to the step that it had planned";
    tracing::error!(
        run_id = %run.id(),
        "{message}: its code has changed while the run was in flight, or does not do the same in each request"
    );
    if run.may_retry() {
        return answer::retry(StatusCode::INTERNAL_SERVER_ERROR, message);
    }
    run.put_back(vec![missed]);
    let discovery = vec![run.discovery()];
    let ops = match save(run).await {
        Saved::All => discovery,
        Saved::Not => run.unsaved_with(discovery),
        Saved::Stopped(by) => return stopped(run, by, discovery).await,
    };
    answer::operations(&ops, None)
}

/// Has all requests of the run agree on which step's result comes first: the server keeps the first order that is saved,
/// and everybody reads back which it was. The error is the answer to give instead.
pub(super) async fn decide(run: &Arc<Run>, proposal: Recorded) -> Result<(), Response> {
    let known = run.stored_orders();
    run.put_back(vec![proposal]);
    // As a step's output it is stored too, and Inngest calls back.
    save_all(run).await?;
    let (Some(app), Some(dispatch)) = (run.app(), run.dispatch()) else {
        return Err(answer::nothing());
    };
    // What was just saved is among it.
    let steps = run.known_steps() + 1;
    run.learn(standing::obtain(app, dispatch, run.sure_retries(), steps).await?);
    run.prove();
    if run.stored_orders() == known {
        // This would go on without end.
        tracing::warn!(run_id = %run.id(), "Inngest does not show the order of steps that it has taken");
        return Err(retry_or_fail(run, "Inngest gives an older state of the run").await);
    }
    Ok(())
}

/// A step was misused in a way that the handler cannot be told of.
pub(super) async fn misused(run: &Arc<Run>, fault: &str) -> Response {
    run.finish();
    fail(run, fault).await
}

/// The handler came to no answer: Inngest is asked to try again while that is sure to be possible.
pub(super) async fn without_response(run: &Arc<Run>, message: &str) -> Response {
    run.finish();
    tracing::error!(run_id = %run.id(), "{message} in a re-entry");
    if let Err(answer) = save_all(run).await {
        return answer;
    }
    retry_or_fail(run, message).await
}

/// Inngest does not want the request to go on. `ops` is what the answer was to hold beside what is not saved.
// Boxed, since to fail a run is to save how it ends, which may come to this.
pub(super) fn stopped(
    run: &Arc<Run>,
    by: Stopped,
    ops: Vec<Recorded>,
) -> Pin<Box<dyn Future<Output = Response> + Send + '_>> {
    Box::pin(async move {
        if by == Stopped::Superseded {
            // Whatever is answered counts for nothing, so it says nothing.
            let mut answer = answer::nothing();
            answer.extensions_mut().insert(Superseded);
            return answer;
        }
        let (Some(app), Some(dispatch)) = (run.app(), run.dispatch()) else { return answer::nothing() };
        match standing::obtain(app, dispatch, run.sure_retries(), run.known_steps()).await {
            // It was a passing failure of Inngest's.
            Ok(_) => unsaved(run, ops),
            Err(answer) => answer,
        }
    })
}

/// What has ended goes back in the answer, before `ops`.
fn unsaved(run: &Run, ops: Vec<Recorded>) -> Response {
    let ops = run.unsaved_with(ops);
    if !ops.is_empty() {
        return answer::operations(&ops, None);
    }
    // Somebody else is saving it.
    let message = "Inngest could not be told what the run has come to";
    if run.may_retry() {
        answer::retry(StatusCode::SERVICE_UNAVAILABLE, message)
    } else {
        answer::failed(run.id(), message)
    }
}

/// Asks for another attempt, or fails the run when there may be none.
pub(super) async fn retry_or_fail(run: &Arc<Run>, message: &str) -> Response {
    if run.may_retry() {
        answer::retry(StatusCode::INTERNAL_SERVER_ERROR, message)
    } else {
        fail(run, message).await
    }
}

/// Fails the run, for a reason that its client and its page may show.
pub(super) async fn fail(run: &Arc<Run>, message: &str) -> Response {
    tracing::error!(run_id = %run.id(), "{message}");
    end_with(run, answer::own(StatusCode::INTERNAL_SERVER_ERROR, message)).await
}

enum Saved {
    All,
    /// Some operations are unsent still.
    Not,
    Stopped(Stopped),
}

/// Saves what has not been saved yet.
async fn save(run: &Arc<Run>) -> Saved {
    match (checkpoint::checkpoint(run, Patience::Waited).await, run.stopped()) {
        (_, Some(stopped)) => Saved::Stopped(stopped),
        (Ok(()), None) => Saved::All,
        (Err(error), None) => {
            tracing::warn!(run_id = %run.id(), error = error.report(), "finished steps go back in the answer instead");
            Saved::Not
        }
    }
}

/// Saves what has not been saved yet. The error is the answer to give instead: with the steps in it, the next re-entry comes
/// to this same point.
async fn save_all(run: &Arc<Run>) -> Result<(), Response> {
    match save(run).await {
        Saved::All => Ok(()),
        Saved::Not => Err(unsaved(run, Vec::new())),
        Saved::Stopped(by) => Err(stopped(run, by, Vec::new()).await),
    }
}
