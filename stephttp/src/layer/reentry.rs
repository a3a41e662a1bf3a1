//! Inngest's call back: the handler runs again, with finished steps remembered.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;
use std::time::SystemTime;

use axum::body::{Body, HttpBody};
use axum::extract::MatchedPath;
use axum::response::Response;
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderValue, Request, StatusCode};
use http_body_util::LengthLimitError;
use tower_service::Service;

use super::driving::drive;
use super::request_head::restore_content_type;
use super::result::{self, Audience};
use super::{CurrentRun, Dispatch, answer, panicked};
use crate::client::{ApiError, Patience};
use crate::middleware::Outcome;
use crate::provider::Shared;
use crate::run::{Decision, Driven, Memo, Outstanding, Recorded, Run, RunId, Unfinished};
use crate::wire::limits::{REENTRY_ANSWER_BYTES, REQUEST_BODY_BYTES};
use crate::wire::{ApiResult, headers};

/// Answers a request that has both `X-Run-ID` and `X-Inngest-Signature`.
pub(super) async fn serve<S, R>(shared: Arc<Shared>, inner: S, request: Request<Body>) -> Response
where
    S: Service<Request<Body>, Response = http::Response<R>> + Send,
    S::Future: Send,
    R: HttpBody<Data = Bytes> + Send + 'static,
    R::Error: Into<axum::BoxError>,
{
    match admit(&shared, request).await {
        Ok((run, request)) => handle(run, inner, request).await,
        Err(refusal) => refusal,
    }
}

/// Makes sure that it is Inngest who calls, and fetches what it remembers. Nothing runs before that.
async fn admit(shared: &Arc<Shared>, request: Request<Body>) -> Result<(Arc<Run>, Request<Body>), Response> {
    let (mut parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, REQUEST_BODY_BYTES).await.map_err(|error| {
        tracing::warn!(%error, "a re-entry's body could not be read");
        answer::refused(StatusCode::BAD_REQUEST, "the body could not be read")
    })?;
    let sure_retries = shared.routes().sure_retries(&parts.method, parts.extensions.get::<MatchedPath>());
    let dispatch = Dispatch::read(&parts.headers);
    let signature =
        parts.headers.get(headers::SIGNATURE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !shared.settings().admits(signature, &body, SystemTime::now()) {
        tracing::warn!(path = parts.uri.path(), "a request with X-Run-ID is not signed by Inngest; refused");
        // Should it be Inngest's, with a key that is being rotated, then it may try again.
        let may_retry = dispatch.is_ok_and(|dispatch| dispatch.may_ask_for_retry(sure_retries));
        let refuse = if may_retry { answer::retry } else { answer::refused };
        return Err(refuse(StatusCode::UNAUTHORIZED, "the signature does not match"));
    }
    let dispatch = dispatch.map_err(|fault| {
        tracing::warn!(fault, "a re-entry's headers make no sense");
        answer::refused(StatusCode::BAD_REQUEST, &fault)
    })?;
    let memo = fetch_memo(shared, dispatch.run_id).await;
    let memo = memo.map_err(|error| not_fetched(&error, &dispatch, sure_retries))?;
    let run = Arc::new(Run::reentry(shared.clone(), dispatch, memo, &parts.headers));
    let had = body.len();
    let body = match run.restore_request(body).await {
        Ok(body) => body,
        Err(fault) => {
            tracing::error!(run_id = %run.id(), "what is stored of the request cannot be restored: {fault}");
            let message = "what is stored of the request cannot be restored; its log says why";
            let dispatch = run.dispatch().ok_or_else(stale)?;
            return Err(retry_or_fail(dispatch, sure_retries, StatusCode::INTERNAL_SERVER_ERROR, message));
        }
    };
    if body.len() != had {
        parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    parts.extensions.insert(CurrentRun(run.clone()));
    // Inngest accepts gzip, but what it keeps of a response is text.
    parts.headers.remove(ACCEPT_ENCODING);
    restore_content_type(&mut parts.headers);
    Ok((run, Request::from_parts(parts, Body::from(body))))
}

/// Runs the handler, and answers with what it came to. Inngest must be told of a panic too, so it ends here.
async fn handle<S, R>(run: Arc<Run>, inner: S, request: Request<Body>) -> Response
where
    S: Service<Request<Body>, Response = http::Response<R>> + Send,
    S::Future: Send,
    R: HttpBody<Data = Bytes> + Send + 'static,
    R::Error: Into<axum::BoxError>,
{
    let _over = Over(run.clone());
    let path = request.extensions().get::<MatchedPath>();
    let sure_retries = run.shared().map_or(0, |shared| shared.routes().sure_retries(request.method(), path));
    let mut attempt = std::pin::pin!(attempt(&run, inner, request));
    let outcome = std::future::poll_fn(|cx| {
        catch_unwind(AssertUnwindSafe(|| attempt.as_mut().poll(cx)))
            .map_or_else(|panic| Poll::Ready(Err(panicked::text(&*panic))), |poll| poll.map(Ok))
    });
    let message = match outcome.await {
        Ok(Ok(response)) => return response,
        Ok(Err(_)) => {
            let message = "the service gave an error in place of a response";
            run.end_execution(Outcome::Failed(message.to_owned()), None).await;
            message
        }
        Err(panic) => {
            run.end_execution(Outcome::Panicked, Some(panic)).await;
            "the handler panicked"
        }
    };
    without_response(&run, sure_retries, message).await
}

async fn attempt<S, R>(run: &Arc<Run>, mut inner: S, request: Request<Body>) -> Result<Response, S::Error>
where
    S: Service<Request<Body>, Response = http::Response<R>>,
    R: HttpBody<Data = Bytes> + Send + 'static,
    R::Error: Into<axum::BoxError>,
{
    let mut handler = Box::pin(inner.call(request));
    let driven = loop {
        match drive(run, handler.as_mut()).await {
            Driven::Undecided(proposal) => {
                if let Err(answer) = decide(run, proposal).await {
                    let fault = "the order of its steps could not be stored".to_owned();
                    run.end_execution(Outcome::Failed(fault), None).await;
                    return Ok(answer);
                }
            }
            driven => break driven,
        }
    };
    // Its destructors run before anything else is told of it.
    drop(handler);
    run.learn_route();
    Ok(match driven {
        Driven::Answered(response) => {
            let response = response?.map(Body::new);
            run.end_execution(Outcome::Responded(response.status()), None).await;
            finish(run, response).await
        }
        Driven::Suspended(outstanding) => {
            let answer = suspend(run, outstanding).await;
            run.end_execution(Outcome::HandedOver, None).await;
            answer
        }
        Driven::Misused(fault) => {
            tracing::error!(run_id = %run.id(), "{fault}");
            run.end_execution(Outcome::Failed(fault), None).await;
            answer::failed(run.id(), "the endpoint misuses a step; its log says how")
        }
        Driven::Broken(fault) => {
            tracing::error!(run_id = %run.id(), "{fault}");
            run.end_execution(Outcome::Failed(fault), None).await;
            without_response(run, 0, "a middleware failed").await
        }
        Driven::Undecided(_) | Driven::Stale => {
            run.end_execution(Outcome::Canceled, None).await;
            stale()
        }
    })
}

/// Has all requests of the run agree on which step's result comes first: the server keeps the first order that is saved,
/// and everybody reads back which it was. The error is the answer to give instead.
async fn decide(run: &Arc<Run>, proposal: Recorded) -> Result<(), Response> {
    let known = run.stored_orders();
    run.put_back(vec![proposal]);
    match save(run).await {
        Saved::All => {}
        Saved::Stale => return Err(stale()),
        // As a step's output it is stored too, and Inngest calls back.
        Saved::Not => return Err(answer::operations(&run.unsaved_with(Vec::new()), None)),
    }
    let (Some(shared), Some(dispatch)) = (run.shared(), run.dispatch()) else { return Err(stale()) };
    let memo = fetch_memo(shared, run.id()).await.map_err(|error| {
        let retries = if run.is_entered() { run.opts().retries() } else { 0 };
        not_fetched(&error, dispatch, retries)
    })?;
    run.learn(memo);
    if run.stored_orders() == known {
        // What was just saved is not there: this would go on without end.
        tracing::warn!(run_id = %run.id(), "Inngest does not show the order of steps that it has taken");
        let retries = if run.is_entered() { run.opts().retries() } else { 0 };
        return Err(not_fetched(&ApiError::answer("an older state of the run"), dispatch, retries));
    }
    Ok(())
}

/// How often it is tried to store a decision that other requests of the run store others before.
const DECISIONS: usize = 16;

/// What is stored of a run by now.
async fn fetch_memo(shared: &Shared, run_id: RunId) -> Result<Memo, ApiError> {
    shared.client().memoized_steps(run_id, Patience::Waited).await
}

fn not_fetched(error: &ApiError, dispatch: &Dispatch, retries: u8) -> Response {
    let run_id = dispatch.run_id;
    if error.is(StatusCode::GONE) {
        tracing::debug!(%run_id, "a re-entry of a run that is over");
        return answer::refused(StatusCode::GONE, "the run is over");
    }
    let error = error.report();
    tracing::error!(%run_id, error, "the run's finished steps could not be fetched");
    let message = "the run's finished steps could not be fetched";
    retry_or_fail(dispatch, retries, StatusCode::SERVICE_UNAVAILABLE, message)
}

/// Ends the use of steps also when Inngest's connection breaks off and the re-entry is dropped: the run holds wakers
/// that hold the run.
struct Over(Arc<Run>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.finish();
        if self.0.has_execution() {
            let run = self.0.clone();
            self.0.clone().in_background(async move { run.end_execution(Outcome::Canceled, None).await });
        }
        self.0.land();
    }
}

/// The handler answered: its response is the run's result, and the client's answer.
async fn finish(run: &Arc<Run>, response: Response) -> Response {
    run.finish();
    if !run.is_untouched() {
        run.report_unclaimed();
    }
    if run.is_untouched() && response.status().is_client_error() {
        tracing::error!(
            run_id = %run.id(),
            status = response.status().as_u16(),
            "a re-entry was rejected before the handler began: an extractor needs what Inngest's call back does not \
             carry (headers such as `authorization`, cookies, the peer's address). Wrap that extractor in \
             `stephttp::Remember`: it extracts in the first request and restores the value in re-entries. Or it needs the \
             body, and the function has `omit_request_body`, so there is none: take `Bytes`, and read them in a step"
        );
    }
    match save(run).await {
        Saved::All => {}
        Saved::Stale => return stale(),
        // The steps first: with them stored, the next re-entry comes to this same end.
        Saved::Not => return answer::operations(&run.unsaved_with(Vec::new()), None),
    }
    let (parts, body) = response.into_parts();
    if parts.status.is_informational() {
        return unfit(
            run,
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
            return unfit(
                run,
                "the response's body is over 8 MiB, the most that Inngest keeps for the run's client",
            );
        }
        Err(error) => {
            tracing::error!(run_id = %run.id(), %error, "the response's stream failed");
            let retries = if run.is_entered() { run.opts().retries() } else { 0 };
            return call_again_or_fail(run, retries, "the response's body broke off");
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
            let retries = if run.is_entered() { run.opts().retries() } else { 0 };
            return call_again_or_fail(run, retries, "a middleware failed");
        }
    };
    let Ok(body) = str::from_utf8(&body) else {
        let encoding = headers.get(CONTENT_ENCODING.as_str());
        let encoding = encoding.map(|encoding| format!(" (it has `content-encoding: {encoding}`)"));
        return unfit(
            run,
            &format!(
                "the response's body is not UTF-8{}. The run was handed over, so its response is kept by Inngest, which \
                 keeps text only: answer with text, or with a link to the data",
                encoding.unwrap_or_default()
            ),
        );
    };
    let mut result = ApiResult::new(parts.status.as_u16()).body(body);
    result.headers = headers;
    let answer = answer::finished(run.id(), result);
    if answer.body().size_hint().exact().is_none_or(|bytes| bytes > REENTRY_ANSWER_BYTES as u64) {
        return unfit(run, "the response is over 8 MiB, the most that Inngest keeps for the run's client");
    }
    answer
}

fn is_too_long(error: &axum::Error) -> bool {
    std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<LengthLimitError>)
}

/// The response cannot be what the run's client gets.
fn unfit(run: &Run, message: &str) -> Response {
    tracing::error!(run_id = %run.id(), "{message}");
    answer::failed(run.id(), message)
}

/// The handler dropped the step that this request was made for: later requests must not run it either.
async fn give_up(run: &Arc<Run>, dropped: Decision) -> Response {
    for _ in 0..DECISIONS {
        if run.is_full() {
            return unfit(run, "the run has 1,000 steps, and the order of its steps needs one more");
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
    if run.dispatch().is_some_and(|dispatch| dispatch.may_ask_for_retry(run.opts().retries())) {
        return answer::retry(StatusCode::INTERNAL_SERVER_ERROR, message);
    }
    run.put_back(vec![missed]);
    let discovery = vec![run.discovery()];
    let ops = match save(run).await {
        Saved::All => discovery,
        Saved::Stale => return stale(),
        Saved::Not => run.unsaved_with(discovery),
    };
    answer::operations(&ops, None)
}

/// The handler waits for Inngest: says for what.
async fn suspend(run: &Arc<Run>, outstanding: Vec<Outstanding>) -> Response {
    match run.without_its_step() {
        Some(Unfinished::Dropped(dropped)) => return give_up(run, dropped).await,
        Some(Unfinished::Missed(missed)) => return miss(run, missed).await,
        None => {}
    }
    run.report_unclaimed();
    let handover = run.hand_over(outstanding, None);
    if let Some(message) = run.over_limit(&handover) {
        return unfit(run, &message);
    }
    // Saved before the waits have an effect: the re-entries they bring must find it all.
    run.put_back(handover.context);
    let ops = match save(run).await {
        Saved::All => handover.ops,
        Saved::Stale => return stale(),
        Saved::Not => run.unsaved_with(handover.ops),
    };
    answer::operations(&ops, handover.retry_after)
}

/// The handler came to no answer: Inngest is asked to try again while that is sure to be possible.
async fn without_response(run: &Arc<Run>, sure_retries: u8, message: &str) -> Response {
    run.finish();
    tracing::error!(run_id = %run.id(), "{message} in a re-entry");
    match save(run).await {
        Saved::Stale => return stale(),
        // Stored with this answer, they do not run again.
        Saved::Not => return answer::operations(&run.unsaved_with(Vec::new()), None),
        Saved::All => {}
    }
    let retries = if run.is_entered() { run.opts().retries() } else { sure_retries };
    call_again_or_fail(run, retries, message)
}

fn call_again_or_fail(run: &Run, retries: u8, message: &str) -> Response {
    match run.dispatch() {
        Some(dispatch) => retry_or_fail(dispatch, retries, StatusCode::INTERNAL_SERVER_ERROR, message),
        None => answer::failed(run.id(), message),
    }
}

/// Inngest has superseded this dispatch: whatever is answered counts for nothing, so it says nothing.
fn stale() -> Response {
    answer::operations(&[], None)
}

fn retry_or_fail(dispatch: &Dispatch, retries: u8, status: StatusCode, message: &str) -> Response {
    if dispatch.may_ask_for_retry(retries) {
        answer::retry(status, message)
    } else {
        answer::failed(dispatch.run_id, message)
    }
}

enum Saved {
    All,
    /// Some operations are unsent still.
    Not,
    Stale,
}

/// Saves what has not been saved yet.
async fn save(run: &Arc<Run>) -> Saved {
    match run.checkpoint(Patience::Waited).await {
        Ok(()) => Saved::All,
        Err(error) if error.is(StatusCode::CONFLICT) => Saved::Stale,
        Err(error) => {
            tracing::warn!(run_id = %run.id(), error = error.report(), "finished steps go back in the answer instead");
            Saved::Not
        }
    }
}
