//! The client's response, when it is a stream of events.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::BoxError;
use axum::response::Response;
use bytes::Bytes;

use crate::checkpoint;
use crate::exchange::result::{self, Audience};
use crate::journal::{Outstanding, failure};
use crate::layer::answer;
use crate::layer::handing_over;
use crate::relay::{Readable, Session, Source, Subscription, event_stream};
use crate::run::Run;
use crate::streaming::{Pushed, RunStream};
use crate::wire::ApiResult;
use crate::wire::limits::REENTRY_ANSWER_BYTES;
use crate::wire::realtime::Response as RunResponse;

/// Bytes that are passed on at once, at most.
const FRAME_BYTES: usize = 64 * 1024;

/// A token that comes with the run's creation is used for so long: it is valid for 16 minutes.
const TOKEN_AGE: Duration = Duration::from_secs(10 * 60);

/// What is left of a request when its handler's time is over.
pub(in crate::layer) enum Rest {
    /// The run goes on at Inngest.
    Waits(Vec<Outstanding>),
    /// The run has ended with a response.
    Answered(Response),
    /// The run has ended without one.
    Failed(&'static str),
}

/// Answers the client with the run's stream, while the rest of the request goes on in a task of its
/// own: it does not end when the client leaves.
pub(in crate::layer) fn respond(
    run: &Arc<Run>,
    stream: Arc<RunStream>,
    rest: impl Future<Output = Rest> + Send + 'static,
) -> Response {
    let (writer, of_run) = (stream.clone(), run.clone());
    let task = run.clone().in_background(async move {
        let rest = rest.await;
        end(&of_run, &writer, rest).await;
        // Whatever has come between: the client does not wait for more.
        writer.close();
    });
    if task.is_none() {
        return answer::unavailable("the server is shutting down");
    }
    event_stream(Queued(stream))
}

async fn end(run: &Arc<Run>, stream: &RunStream, rest: Rest) {
    match rest {
        Rest::Waits(outstanding) => hand_over(run, stream, outstanding).await,
        Rest::Answered(response) => tell(stream, run, response).await,
        Rest::Failed(message) => tell_result(stream, failure(message)),
    }
}

/// The client is told where the run goes on, or told here what becomes of it.
async fn hand_over(run: &Arc<Run>, stream: &RunStream, outstanding: Vec<Outstanding>) {
    run.remember_stream();
    let subscription = subscribe(run, stream).await;
    match handing_over::to_its_end(run.clone(), outstanding).await {
        Ok(_) => relay(run, stream, subscription).await,
        // It says why, and when to try again.
        Err(refusal) => tell(stream, run, refusal).await,
    }
}

/// Subscribes to the stream, so that nothing is missed that is published once the run is handed
/// over. `None`: the client is told where it can read the rest itself, if that is known.
async fn subscribe(run: &Arc<Run>, stream: &RunStream) -> Option<Subscription> {
    let app = run.app().filter(|_| stream.is_read())?;
    let token = match checkpoint::create(run).await {
        Some(token) if run.elapsed() < TOKEN_AGE => token,
        // What is wrong with the API is said when the run is handed over.
        _ => app.client().stream_token(run.id()).await.ok()?,
    };
    let subscription = Subscription::begin(app, &run.whose(), Some(&token)).await;
    if subscription.is_err() {
        stream.redirect(app.client().subscription_url(&token).as_str());
    }
    subscription.ok()
}

/// Passes on what is published, to the client's response. It is told where it may come back.
async fn relay(run: &Arc<Run>, stream: &RunStream, subscription: Option<Subscription>) {
    let Some(app) = run.app() else { return };
    let created = run.ledger.created().await;
    let Some(token) = created.as_ref().and_then(|created| created.token.clone()) else { return };
    let resume = app.own_stream_url(run.id(), &token);
    let Some(subscription) = subscription else {
        if let Some(url) = resume {
            stream.resume(&url);
        }
        return;
    };
    let source = Source { app: app.clone(), run_id: run.id(), token, whose: run.whose(), redirects: true };
    let session = Session::goes_on(source, stream.committed(), resume.as_deref());
    let Some(reader) = session.log().read(0) else { return };
    session.spawn(subscription, None);
    loop {
        let events = tokio::select! {
            biased;
            events = poll_fn(|cx| reader.poll_next(FRAME_BYTES, cx)) => events,
            () = poll_fn(|cx| stream.poll_unread(cx)) => return,
        };
        let Some(Ok(events)) = events else { return };
        if poll_fn(|cx| stream.poll_forward(&events, cx)).await == Pushed::Unread {
            return;
        }
    }
}

/// The run's response, in an event: as the handler has given it, whatever Inngest is given.
async fn tell(stream: &RunStream, run: &Run, response: Response) {
    let (parts, body) = response.into_parts();
    let body = match axum::body::to_bytes(body, REENTRY_ANSWER_BYTES).await {
        Ok(body) => String::from_utf8(body.into()).map_err(|_| "the response's body is not UTF-8"),
        Err(_) => Err("the response's body broke off, or is over 8 MiB"),
    };
    match body {
        Ok(body) => {
            let mut result = ApiResult::new(parts.status.as_u16()).body(body);
            result.headers = result::headers(&parts.headers, Audience::Client(&run.whose()));
            tell_result(stream, result);
        }
        Err(why) => {
            tracing::error!(run_id = %run.id(), function = run.log_name(), "a stream cannot tell its run's response: {why}");
            tell_result(stream, failure(why));
        }
    }
}

pub(super) fn tell_result(stream: &RunStream, result: ApiResult<'_>) {
    stream.respond(&RunResponse::of(result));
}

/// The queue of a first request, read by its client.
struct Queued(Arc<RunStream>);

impl Readable for Queued {
    fn poll_events(&self, most: usize, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        self.0.poll_take(most, cx).map(|events| events.map(Ok))
    }
}

/// The client has left, or has had all of it.
impl Drop for Queued {
    fn drop(&mut self) {
        self.0.hang_up();
    }
}
