//! A client's request: its handler, its checkpoints, its response.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use axum::response::Response;
use http::StatusCode;

use super::linger::Linger;
use super::response_body::ReportingBody;
use super::streaming::{self, Rest};
use super::{answer, handing_over, rejection};
use crate::checkpoint::{self, Taken};
use crate::error::panic_text;
use crate::journal::{Done, failure};
use crate::middleware::Outcome;
use crate::run::{Driven, Run};
use crate::wire::ApiResult;
use crate::wire::limits::STEP_OUTPUT_BYTES;

/// What a handler that ended without a response is recorded with.
const FAILED: u16 = StatusCode::INTERNAL_SERVER_ERROR.as_u16();

/// What a request is recorded with that was dropped before its handler had answered, or begun a
/// step: nginx's word for it.
const CLIENT_CLOSED_REQUEST: u16 = 499;

pub(super) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The future of [`DurableService`](super::DurableService).
///
/// # Cancellation
/// Dropping it while a run is under way does not stop the run: its handler goes on in a task of its
/// own. A request whose handler has not begun a step is dropped.
pub struct ResponseFuture<E: Send + 'static> {
    stage: Stage<E>,
}

enum Stage<E> {
    /// The handler is under way.
    Handling(Handling<E>),
    /// Middlewares are told of its end.
    Ending(Box<Ending<E>>),
    /// What it has come to waits for the run's report.
    Delivering(Box<(Taken, Conclusion<E>)>),
    /// The response is being made without the handler.
    Answering(BoxFuture<Response>),
    /// The same, where it may come to the service's error.
    Passing(BoxFuture<Result<Response, E>>),
    Done,
}

/// A handler and the checkpoints that it earns while it is under way.
struct Handling<E> {
    handler: BoxFuture<Result<Response, E>>,
    run: Arc<Run>,
    linger: Linger,
}

/// A handler that has ended. What it has come to is not lost, whatever becomes of its client
/// meanwhile.
struct Ending<E> {
    telling: BoxFuture<()>,
    run: Arc<Run>,
    end: End<E>,
}

/// How a handler's time ended.
enum End<E> {
    Driven(Driven<Result<Response, E>>),
    Panicked(Box<dyn Any + Send>),
}

/// What a handler's time has come to.
enum Conclusion<E> {
    Given(Result<Response, E>),
    Panicked(Box<dyn Any + Send>),
}

impl<E> Conclusion<E> {
    fn give(self) -> Result<Response, E> {
        match self {
            Self::Given(given) => given,
            Self::Panicked(panic) => resume_unwind(panic),
        }
    }
}

impl<E> Handling<E> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End<E>> {
        let (run, handler) = (&self.run, self.handler.as_mut());
        // A panic is only noted here; it goes on unwinding.
        match catch_unwind(AssertUnwindSafe(|| run.poll_handler(handler, cx))) {
            Ok(Poll::Ready(driven)) => return Poll::Ready(End::Driven(driven)),
            Ok(Poll::Pending) => {}
            Err(panic) => return Poll::Ready(End::Panicked(panic)),
        }
        if self.run.is_tracked() {
            self.linger.poll(&self.run, cx);
        }
        Poll::Pending
    }
}

impl<E> Handling<E> {
    /// Whether the handler has something for the client before it ends.
    fn streams(&self) -> bool {
        self.run.stream().is_some_and(|stream| stream.has_begun())
    }
}

/// The client's response begins before its handler ends.
fn stream<E: Send + 'static>(mut handling: Handling<E>) -> Response {
    let run = handling.run.clone();
    let Some(stream) = run.stream() else { unreachable!("the handler has written to it") };
    let of_run = run.clone();
    let rest = async move {
        let end = std::future::poll_fn(|cx| handling.poll(cx)).await;
        // Its destructors run before anything else is told of it.
        drop(handling);
        rest(of_run, end).await
    };
    streaming::respond(&run, stream.clone(), rest)
}

/// Whether a client that has been sent nothing yet is answered by a stream: not by an error, which
/// it can tell from a response without reading events.
fn is_for_stream<E>(run: &Run, end: &End<E>) -> bool {
    match end {
        End::Driven(Driven::Answered(Ok(response))) => {
            run.is_entered() && !run.is_cut_off() && !response.status().is_server_error()
        }
        End::Driven(Driven::Done(Done::Suspended(_))) => true,
        End::Driven(_) | End::Panicked(_) => false,
    }
}

/// Ends the handler's time, and says what its client is to be told.
async fn rest<E: Send>(run: Arc<Run>, end: End<E>) -> Rest {
    if let End::Driven(Driven::Done(Done::Suspended(outstanding))) = end {
        return Rest::Waits(outstanding);
    }
    if run.has_execution() {
        let (outcome, panic) = outcome(&run, &end);
        run.end_execution(outcome, panic).await;
    }
    let (conclusion, taken) = conclude(&run, end);
    if let Some(taken) = taken {
        taken.await;
    }
    match conclusion {
        Conclusion::Given(Ok(response)) => Rest::Answered(response),
        Conclusion::Given(Err(_)) => Rest::Failed("the service gave an error in place of a response"),
        Conclusion::Panicked(_) => Rest::Failed("the handler panicked"),
    }
}

impl<E: Send + 'static> ResponseFuture<E> {
    pub(super) fn first(handler: BoxFuture<Result<Response, E>>, run: Arc<Run>) -> Self {
        Self { stage: Stage::Handling(Handling { handler, run, linger: Linger::default() }) }
    }

    pub(super) fn answering(response: impl Future<Output = Response> + Send + 'static) -> Self {
        Self { stage: Stage::Answering(Box::pin(response)) }
    }

    pub(super) fn passing(response: BoxFuture<Result<Response, E>>) -> Self {
        Self { stage: Stage::Passing(response) }
    }
}

impl<E: Send + 'static> Future for ResponseFuture<E> {
    type Output = Result<Response, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let end = match &mut self.stage {
                Stage::Handling(handling) => match handling.poll(cx) {
                    Poll::Ready(end) => end,
                    Poll::Pending if !handling.streams() => return Poll::Pending,
                    Poll::Pending => {
                        let Stage::Handling(handling) = std::mem::replace(&mut self.stage, Stage::Done)
                        else {
                            unreachable!("the stage was looked at above")
                        };
                        return Poll::Ready(Ok(stream(handling)));
                    }
                },
                Stage::Ending(ending) => {
                    std::task::ready!(ending.telling.as_mut().poll(cx));
                    let Stage::Ending(ending) = std::mem::replace(&mut self.stage, Stage::Done) else {
                        unreachable!("the stage was looked at above")
                    };
                    match conclude(&ending.run, ending.end) {
                        (conclusion, None) => return Poll::Ready(conclusion.give()),
                        (conclusion, Some(taken)) => {
                            self.stage = Stage::Delivering(Box::new((taken, conclusion)));
                            continue;
                        }
                    }
                }
                Stage::Delivering(delivering) => {
                    std::task::ready!(Pin::new(&mut delivering.0).poll(cx));
                    let Stage::Delivering(delivering) = std::mem::replace(&mut self.stage, Stage::Done)
                    else {
                        unreachable!("the stage was looked at above")
                    };
                    return Poll::Ready(delivering.1.give());
                }
                Stage::Answering(response) => return response.as_mut().poll(cx).map(Ok),
                Stage::Passing(response) => return response.as_mut().poll(cx),
                Stage::Done => panic!("a response was polled after it had been given"),
            };
            let Stage::Handling(Handling { handler, run, .. }) =
                std::mem::replace(&mut self.stage, Stage::Done)
            else {
                unreachable!("only a handler ends")
            };
            // Its destructors run before anything else is told of it.
            drop(handler);
            if let Some(stream) =
                run.stream().filter(|stream| stream.has_begun() || is_for_stream(&run, &end))
            {
                let rest = rest(run.clone(), end);
                return Poll::Ready(Ok(streaming::respond(&run, stream.clone(), rest)));
            }
            if let End::Driven(Driven::Done(Done::Suspended(outstanding))) = end {
                self.stage = Stage::Answering(Box::pin(handing_over::from_first(run, outstanding)));
            } else if run.has_execution() {
                let (outcome, panic) = outcome(&run, &end);
                let told = run.clone();
                let telling = Box::pin(async move { told.end_execution(outcome, panic).await });
                self.stage = Stage::Ending(Box::new(Ending { telling, run, end }));
            } else {
                match conclude(&run, end) {
                    (conclusion, None) => return Poll::Ready(conclusion.give()),
                    (conclusion, Some(taken)) => {
                        self.stage = Stage::Delivering(Box::new((taken, conclusion)));
                    }
                }
            }
        }
    }
}

/// What a handler that has ended has come to, and what that is to wait for.
fn conclude<E>(run: &Arc<Run>, end: End<E>) -> (Conclusion<E>, Option<Taken>) {
    let given = |(response, taken)| (Conclusion::Given(Ok(response)), taken);
    match end {
        End::Driven(Driven::Answered(Ok(response))) => given(answered(run, response)),
        End::Driven(Driven::Answered(Err(error))) => (Conclusion::Given(Err(error)), report(run, FAILED)),
        End::Driven(Driven::Done(Done::Misused(fault))) => given(failed(run, &fault, &fault)),
        End::Driven(Driven::Done(Done::Broken(fault))) => given(failed(run, &fault, &broken(run, &fault))),
        End::Driven(Driven::Done(Done::Suspended(_) | Done::Stale(..)) | Driven::Agreeing(_)) => {
            unreachable!("a first request is no dispatch, is alone, and is handed over elsewhere")
        }
        End::Panicked(panic) => (Conclusion::Panicked(panic), report(run, FAILED)),
    }
}

/// What middlewares are told of how a handler has ended, with the text of its panic.
fn outcome<E>(run: &Run, end: &End<E>) -> (Outcome, Option<String>) {
    match end {
        End::Driven(Driven::Answered(Ok(response))) if run.is_cut_off() => {
            (rejection::outcome(response.status()), None)
        }
        End::Driven(Driven::Answered(Ok(response))) => (Outcome::Responded(response.status()), None),
        End::Driven(Driven::Answered(Err(_))) => {
            (Outcome::Failed("the service gave an error in place of a response".to_owned()), None)
        }
        End::Driven(Driven::Done(Done::Misused(fault) | Done::Broken(fault))) => {
            (Outcome::Failed(fault.clone()), None)
        }
        End::Driven(Driven::Done(Done::Suspended(_) | Done::Stale(..)) | Driven::Agreeing(_)) => {
            (Outcome::HandedOver, None)
        }
        End::Panicked(panic) => (Outcome::Panicked, Some(panic_text(&**panic))),
    }
}

/// The client is gone: axum drops a handler then. One that has begun a step goes on without its
/// client, and so does the end of one that has ended.
impl<E: Send + 'static> Drop for ResponseFuture<E> {
    fn drop(&mut self) {
        let stage = std::mem::replace(&mut self.stage, Stage::Done);
        if let Stage::Ending(ending) = stage {
            let Ending { telling, run, end } = *ending;
            run.clone().in_background(async move {
                telling.await;
                conclude_alone(run, end).await;
            });
        } else if let Stage::Handling(mut handling) = stage {
            if !handling.run.is_tracked() || !handling.run.has_begun() {
                let Handling { handler, run, .. } = handling;
                drop(handler);
                if run.has_execution() {
                    let told = run.clone();
                    run.clone()
                        .in_background(async move { told.end_execution(Outcome::Abandoned, None).await });
                }
                drop(report(&run, CLIENT_CLOSED_REQUEST));
                return;
            }
            let run = handling.run.clone();
            tracing::debug!(run_id = %run.id(), function = run.log_name(), "the client is gone; its run goes on");
            run.clone().in_background(async move {
                let end = std::future::poll_fn(|cx| handling.poll(cx)).await;
                drop(handling);
                alone(run, end).await;
            });
        }
    }
}

/// Ends a run whose client is gone.
async fn alone<E: Send>(run: Arc<Run>, end: End<E>) {
    if !matches!(end, End::Driven(Driven::Done(Done::Suspended(_)))) {
        let (outcome, panic) = outcome(&run, &end);
        run.end_execution(outcome, panic).await;
    }
    conclude_alone(run, end).await;
}

/// Reports a run whose client is gone.
async fn conclude_alone<E: Send>(run: Arc<Run>, end: End<E>) {
    match end {
        End::Driven(Driven::Answered(Ok(response))) => {
            let mut body = std::pin::pin!(answered(&run, response).0.into_body());
            // What of the response is there already belongs to the run's result; a stream is not
            // waited for.
            std::future::poll_fn(|cx| {
                let mut read = 0;
                while let Poll::Ready(Some(Ok(frame))) = body.as_mut().poll_frame(cx)
                    && read <= STEP_OUTPUT_BYTES
                {
                    read += frame.data_ref().map_or(1, |data| data.len().max(1));
                }
                Poll::Ready(())
            })
            .await;
        }
        End::Driven(Driven::Done(Done::Suspended(outstanding))) => {
            drop(handing_over::from_first(run, outstanding).await);
        }
        End::Driven(Driven::Done(Done::Misused(fault))) => drop(failed(&run, &fault, &fault)),
        End::Driven(Driven::Done(Done::Broken(fault))) => drop(failed(&run, &fault, &broken(&run, &fault))),
        End::Driven(Driven::Answered(Err(_)) | Driven::Done(Done::Stale(..)) | Driven::Agreeing(_))
        | End::Panicked(_) => drop(report(&run, FAILED)),
    }
}

/// The handler has answered: that is the client's response, and the run's result. With what the
/// response is to wait for.
fn answered(run: &Arc<Run>, response: Response) -> (Response, Option<Taken>) {
    run.body.release();
    run.track_at_end(response.status());
    if !run.is_tracked() {
        run.request_over();
        return (response, None);
    }
    run.finish();
    if !run.is_recorded() {
        run.request_over();
        return (response, None);
    }
    let (parts, body) = response.into_parts();
    let (body, taken) = ReportingBody::new(body, run.clone(), parts.status, &parts.headers);
    (Response::from_parts(parts, Body::new(body)), taken)
}

/// A step was misused, or a middleware failed, in a way that the handler cannot be told of. The
/// client and the run's page get the message.
fn failed(run: &Arc<Run>, fault: &str, message: &str) -> (Response, Option<Taken>) {
    tracing::error!(run_id = %run.id(), function = run.log_name(), "{fault}");
    run.finish();
    // Also when it is the first step that is misused: people look for the run.
    let result = failure(message);
    let taken = checkpoint::report_finished(run, message.len(), move || result);
    (answer::error(StatusCode::INTERNAL_SERVER_ERROR, message), taken)
}

/// What may be shown of a middleware's failure: it may hold a secret.
fn broken(run: &Run, fault: &str) -> String {
    if run.is_dev() {
        format!("a middleware of the endpoint failed: {fault}")
    } else {
        "a middleware of the endpoint failed; its log says how".to_owned()
    }
}

/// Reports a run that has no response of its handler's, if it has anything to report.
fn report(run: &Arc<Run>, status: u16) -> Option<Taken> {
    run.track_at_end(StatusCode::from_u16(status).unwrap_or_default());
    if run.is_tracked() {
        run.finish();
        if run.is_recorded() {
            return checkpoint::report_finished(run, 0, move || ApiResult::new(status));
        }
    }
    run.request_over();
    None
}

impl<E: Send + 'static> fmt::Debug for ResponseFuture<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
