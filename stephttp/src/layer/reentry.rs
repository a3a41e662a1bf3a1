//! Inngest's call back: the handler runs again, with finished steps remembered.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;

use axum::body::Body;
use axum::extract::MatchedPath;
use axum::response::Response;
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_LENGTH};
use http::request::Parts;
use http::{HeaderValue, Method, Request, StatusCode};

use super::admission::{Admitted, admit};
use super::driving::drive;
use super::first::BoxFuture;
use super::once::once;
use super::streaming;
use super::verified::{ShownState, Verified};
use super::{answer, ending, rejection, standing};
use crate::app::App;
use crate::error::panic_text;
use crate::exchange::{Dispatch, Reentry, restore_content_type};
use crate::journal::{Done, Ending, Saved, Stale};
use crate::middleware::Outcome;
use crate::run::{CurrentRun, Driven, Run};

/// Calls the service that makes the handler.
pub(super) type Call<E> = Box<dyn FnOnce(Request<Body>) -> BoxFuture<Result<Response, E>> + Send>;

/// Answers a request that has both `X-Run-ID` and `X-Inngest-Signature`.
pub(super) async fn serve<E: Send + 'static>(
    app: Arc<App>,
    call: Call<E>,
    request: Request<Body>,
) -> Response {
    let verified = request.extensions().get::<Verified>().filter(|by| Arc::ptr_eq(&by.app, &app)).cloned();
    let mut shown = None;
    let admitted = match verified {
        Some(Verified { dispatch, body, state, .. }) => {
            shown = Some(state);
            let (mut parts, _) = request.into_parts();
            parts.extensions.remove::<Verified>();
            let sure_retries =
                app.routes().sure_retries(&parts.method, parts.extensions.get::<MatchedPath>());
            Ok(Admitted { parts, body, dispatch, sure_retries })
        }
        None => admit(&app, request).await,
    };
    let Admitted { parts, body, dispatch, sure_retries } = match admitted {
        Ok(admitted) => admitted,
        Err(refusal) => return refusal,
    };
    let (jobs, dispatched, provider) = (app.jobs(), dispatch.clone(), app.clone());
    let attempt = async move {
        let run_id = dispatched.run_id;
        match prepare(&provider, parts, body, dispatched, sure_retries, shown).await {
            Ok((run, request)) => handle(run, call, request).await,
            Err(ending) => answer::ending(run_id, ending),
        }
    };
    once(jobs, &app, &dispatch, attempt).await
}

/// Fetches what Inngest remembers of the run, unless it has just been shown, and restores its
/// request. Nothing runs before that. The error is how the request ends instead.
async fn prepare(
    app: &Arc<App>,
    mut parts: Parts,
    body: Bytes,
    dispatch: Dispatch,
    sure_retries: u8,
    shown: Option<ShownState>,
) -> Result<(Arc<Run>, Request<Body>), Ending> {
    let memo = match shown {
        Some(shown) => shown.or_fetch(app, &dispatch, sure_retries).await?,
        None => standing::state(app, &dispatch, sure_retries).await?,
    };
    let run = Arc::new(Run::reentry(app.clone(), dispatch, sure_retries, memo, &parts.headers));
    let had = body.len();
    let body = match run.restore_request(body).await {
        Ok(body) => body,
        Err(fault) => {
            tracing::error!(run_id = %run.id(), function = run.log_name(), "what is stored of the request cannot be restored: {fault}");
            let message = "what is stored of the request cannot be restored; its log says why".to_owned();
            return Err(ending::reject(&run, message, None).await);
        }
    };
    if body.len() != had {
        parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    if let (&Method::GET, Some(path)) = (&parts.method, parts.extensions.get::<MatchedPath>()) {
        run.note_route(path.clone());
    }
    run.observe_beginning();
    parts.extensions.insert(CurrentRun(run.clone()));
    parts.extensions.insert(Reentry::of(run.id()));
    // Inngest accepts gzip, but what it keeps of a response is text.
    parts.headers.remove(ACCEPT_ENCODING);
    restore_content_type(&mut parts.headers);
    Ok((run, Request::from_parts(parts, Body::from(body))))
}

/// How a re-entry has ended, and with what a layer or an extractor has answered in its handler's
/// place, if so.
type Ended = (Ending, Option<StatusCode>);

/// Runs the handler, and answers with what it came to. Inngest must be told of a panic too, so it
/// ends here.
async fn handle<E>(run: Arc<Run>, call: Call<E>, request: Request<Body>) -> Response {
    let _over = Over(run.clone());
    let part = streaming::publish(&run);
    let mut attempt = std::pin::pin!(attempt(&run, call, request));
    let outcome = std::future::poll_fn(|cx| {
        catch_unwind(AssertUnwindSafe(|| attempt.as_mut().poll(cx)))
            .map_or_else(|panic| Poll::Ready(Err(panic_text(&*panic))), |poll| poll.map(Ok))
    });
    let (ending, rejection) = match outcome.await {
        Ok(Ok(ended)) => ended,
        Ok(Err(_)) => {
            let message = "the service gave an error in place of a response".to_owned();
            run.end_execution(Outcome::Failed(message.clone()), None).await;
            (ending::without_response(&run, message).await, None)
        }
        Err(panic) => {
            run.end_execution(Outcome::Panicked, Some(panic)).await;
            (ending::without_response(&run, "the handler panicked".to_owned()).await, None)
        }
    };
    if let Some(part) = part {
        part.end(&run, &ending).await;
    }
    let response = answer::ending(run.id(), ending);
    match rejection {
        Some(status) => answer::with_rejection(response, status),
        None => response,
    }
}

async fn attempt<E>(run: &Arc<Run>, call: Call<E>, request: Request<Body>) -> Result<Ended, E> {
    let mut handler = call(request);
    let driven = match drive(run, handler.as_mut()).await {
        Ok(driven) => driven,
        Err(ending) => {
            drop(handler);
            let outcome = match &ending {
                Ending::TryAgain(_, message) => Outcome::Failed(message.clone()),
                _ => Outcome::Abandoned,
            };
            run.end_execution(unless_cancelled(run, &ending, outcome).await, None).await;
            return Ok((ending, None));
        }
    };
    // Its destructors run before anything else is told of it.
    drop(handler);
    run.learn_route();
    let done = match driven {
        Driven::Answered(response) => {
            let response = response?;
            let status = response.status();
            let is_anothers = rejection::is_anothers(run, &response);
            let outcome = if is_anothers { rejection::outcome(status) } else { Outcome::Responded(status) };
            let saved = tell(run, outcome).await;
            run.finish();
            if is_anothers {
                return Ok((rejection::ending(run, response, saved).await, Some(status)));
            }
            return Ok((ending::finish(run, response, saved).await, None));
        }
        Driven::Done(done) => done,
        Driven::Agreeing(_) => unreachable!("it is driven until that is over"),
    };
    let outcome = match &done {
        Done::Suspended(_) => Outcome::HandedOver,
        Done::Stale(..) => Outcome::Abandoned,
        Done::Misused(fault) | Done::Broken(fault) => {
            run.end_execution(Outcome::Failed(fault.clone()), None).await;
            return Ok((ending::of(run, done).await, None));
        }
    };
    let ending = ending::of(run, done).await;
    run.end_execution(unless_cancelled(run, &ending, outcome).await, None).await;
    Ok((ending, None))
}

/// What middlewares are told of a request that ends so: its run may have been cancelled.
async fn unless_cancelled(run: &Run, ending: &Ending, otherwise: Outcome) -> Outcome {
    if ending.is_of_run_that_may_be_over() && run.has_execution() && standing::was_cancelled(run).await {
        return Outcome::Cancelled { at: run.last_unsent() };
    }
    otherwise
}

/// Tells middlewares of a handler that has answered, if there are any. What has ended is saved
/// before: then it is known whether the run is over. With what has become of that.
async fn tell(run: &Arc<Run>, mut outcome: Outcome) -> Option<Saved> {
    if !run.has_execution() {
        return None;
    }
    let saved = ending::save(run).await;
    if saved == Saved::Refused(Stale::Over) && standing::was_cancelled(run).await {
        outcome = Outcome::Cancelled { at: run.last_unsent() };
    }
    run.end_execution(outcome, None).await;
    Some(saved)
}

/// Ends the use of steps also when Inngest's connection breaks off and the re-entry is dropped: the
/// run holds wakers that hold the run.
struct Over(Arc<Run>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.finish();
        if self.0.has_execution() {
            let run = self.0.clone();
            self.0.clone().in_background(async move { run.end_execution(Outcome::Abandoned, None).await });
        }
        self.0.request_over();
    }
}
