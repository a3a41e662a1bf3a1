//! The client's response after the hand-over: what later requests publish is read from Inngest, and
//! passed on.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, Limited};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::direct::tell_result;
use super::events::{Events, RawEvent};
use crate::app::App;
use crate::checkpoint;
use crate::client::{ApiError, OutputBody};
use crate::exchange::result::{self, Audience};
use crate::journal::failure;
use crate::run::Run;
use crate::streaming::{Pushed, RunStream};
use crate::untrusted::Complaint;
use crate::wire::ApiResult;
use crate::wire::headers;
use crate::wire::limits::REENTRY_ANSWER_BYTES;
use crate::wire::realtime::{Metadata, Response as RunResponse, SUBSCRIPTION_LIFE, SseEvent};

/// A token that comes with the run's creation is used for so long: it is valid for 16 minutes.
const TOKEN_AGE: Duration = Duration::from_secs(10 * 60);

/// A subscription is renewed before Inngest ends it.
const RENEWAL: Duration = Duration::from_secs(SUBSCRIPTION_LIFE.as_secs() - 60);

/// After so long without an event it is asked whether the run has ended in another way: by
/// Inngest's own decision, or in a request whose part was lost.
const QUIET: Duration = Duration::from_secs(10);

/// How long the run's last event may take once its end is known.
const LAST_EVENT: Duration = Duration::from_secs(2);

/// How long a response may take that no part had room for.
const LONG_OUTPUT: Duration = Duration::from_secs(10);

/// How often a subscription that is lost is sought again, and between which waits.
const ATTEMPTS: u32 = 8;
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// A subscription to a run's stream, which stands before the run is handed over.
pub(super) struct Relay {
    subscription: OutputBody,
    since: Instant,
    _permit: OwnedSemaphorePermit,
}

/// What happens while a relay waits.
enum Happening {
    Bytes(Bytes),
    /// Inngest has ended the subscription, or it broke off.
    Lost,
    /// The client has left.
    Gone,
    Drained,
    Renewal,
    Ended(Option<ApiResult<'static>>),
}

impl Relay {
    /// Subscribes, so that nothing is missed that is published once the run is handed over. `None`:
    /// the client is told where it can read the rest itself, if that is known.
    pub(super) async fn begin(run: &Arc<Run>, stream: &RunStream) -> Option<Self> {
        let app = run.app()?;
        let mut token = match checkpoint::create(run).await {
            Some(token) if run.elapsed() < TOKEN_AGE => token,
            // What is wrong with the API is said when the run is handed over.
            _ => app.client().stream_token(run.id()).await.ok()?,
        };
        let Ok(permit) = app.relays().try_acquire_owned() else {
            stream.redirect(app.client().subscription_url(&token).as_str());
            return None;
        };
        let mut subscribed = app.client().subscribe(&token).await;
        if let Err(error) = &subscribed {
            complain(run, error);
            // Its time may be over by Inngest's clock.
            if let Ok(fresh) = app.client().stream_token(run.id()).await {
                subscribed = app.client().subscribe(&fresh).await;
                token = fresh;
            }
        }
        match subscribed {
            Ok(subscription) => Some(Self { subscription, since: Instant::now(), _permit: permit }),
            Err(error) => {
                complain(run, &error);
                stream.redirect(app.client().subscription_url(&token).as_str());
                None
            }
        }
    }

    /// Passes on what is published, to the run's response.
    pub(super) async fn pass_on(mut self, run: &Arc<Run>, stream: &RunStream) {
        let Some(app) = run.app() else { return };
        let mut events = Events::default();
        let mut last = Instant::now();
        let mut ended = std::pin::pin!(output(app, run));
        let mut is_ended = None;
        loop {
            let renewal = self.since + RENEWAL;
            let happening = tokio::select! {
                biased;
                frame = self.subscription.frame() => match frame {
                    Some(Ok(frame)) => frame.into_data().map_or(Happening::Bytes(Bytes::new()), Happening::Bytes),
                    Some(Err(_)) | None => Happening::Lost,
                },
                () = poll_fn(|cx| stream.poll_unread(cx)) => Happening::Gone,
                () = app.drained() => Happening::Drained,
                () = tokio::time::sleep_until(renewal) => Happening::Renewal,
                output = async {
                    tokio::time::sleep_until(last + QUIET).await;
                    ended.as_mut().await
                }, if is_ended.is_none() => Happening::Ended(output),
                () = async { tokio::time::sleep_until(last + LAST_EVENT).await }, if is_ended.is_some() => {
                    // The last part was lost.
                    tell_result(stream, is_ended.take().unwrap_or_else(|| failure("the run has ended without a response")));
                    return;
                }
            };
            match happening {
                Happening::Bytes(bytes) => {
                    if events.push(&bytes).is_err() {
                        return;
                    }
                    while let Some(event) = events.next() {
                        last = Instant::now();
                        // Each part has its own; the client has had the run's.
                        if event.name() == Metadata::NAME.as_bytes() {
                            continue;
                        }
                        if is_without_body(&event) {
                            // Inngest has it, but no part had room for it.
                            let output = tokio::time::timeout(LONG_OUTPUT, ended.as_mut()).await;
                            if let Ok(Some(output)) = output {
                                return tell_result(stream, output);
                            }
                        }
                        if poll_fn(|cx| stream.poll_forward(&event.bytes, cx)).await == Pushed::Unread {
                            return;
                        }
                        if event.name() == RunResponse::NAME.as_bytes() {
                            return;
                        }
                    }
                }
                Happening::Gone => return,
                Happening::Drained => return leave(app, run, stream).await,
                Happening::Renewal | Happening::Lost => {
                    let Some(subscription) = subscribe_again(app, run).await else {
                        return leave(app, run, stream).await;
                    };
                    (self.subscription, self.since) = (subscription, Instant::now());
                    events = Events::default();
                }
                Happening::Ended(output) => {
                    last = Instant::now();
                    is_ended =
                        Some(output.unwrap_or_else(|| failure("the run has ended without a response")));
                }
            }
        }
    }
}

/// Whether it is the run's response, whose body is too long for a part.
fn is_without_body(event: &RawEvent) -> bool {
    if event.name() != RunResponse::NAME.as_bytes() {
        return false;
    }
    let text = String::from_utf8_lossy(&event.bytes);
    let data = text.split_once("\ndata: ").map(|(_, data)| data.trim_end()).unwrap_or_default();
    serde_json::from_str::<RunResponse<'_>>(data)
        .is_ok_and(|end| end.response.headers.contains_key(headers::BODY_NOT_STORED))
}

/// The process is to end, or cannot read the stream: the client is told where it goes on.
async fn leave(app: &App, run: &Run, stream: &RunStream) {
    if let Ok(token) = app.client().stream_token(run.id()).await {
        stream.redirect(app.client().subscription_url(&token).as_str());
    }
}

async fn subscribe_again(app: &App, run: &Run) -> Option<OutputBody> {
    let mut wait = FIRST_WAIT;
    for _ in 0..ATTEMPTS {
        let attempt = async {
            let token = app.client().stream_token(run.id()).await?;
            app.client().subscribe(&token).await
        };
        match attempt.await {
            Ok(subscription) => return Some(subscription),
            Err(error) => complain(run, &error),
        }
        tokio::time::sleep(wait).await;
        wait *= 2;
    }
    None
}

fn complain(run: &Run, error: &ApiError) {
    if let Some(left_out) = run.admits_line(Complaint::Stream) {
        tracing::warn!(
            run_id = %run.id(), function = run.log_name(), error = error.report(), left_out,
            "the stream of the run cannot be read from Inngest"
        );
    }
}

/// A response's body as the handler has given it.
async fn restored(app: &App, run: &Run, stored: Bytes) -> Option<Bytes> {
    app.middleware().restore_response_body(run.id(), stored).await.ok()
}

/// Waits until Inngest has the run's output. `None`: it has ended without one.
async fn output(app: &App, run: &Run) -> Option<ApiResult<'static>> {
    loop {
        let token = run.ledger.created().await.as_ref().and_then(|created| created.token.clone())?;
        let began = Instant::now();
        if let Ok(answer) = app.client().ask_for_output(run.id(), &token).await {
            let (parts, body) = answer.into_parts();
            let is_response = parts.headers.contains_key(headers::RUN_ID);
            let is_over = is_response || parts.status != StatusCode::OK;
            if is_response {
                let stored = Limited::new(body, REENTRY_ANSWER_BYTES).collect().await.ok()?.to_bytes();
                let is_own = parts.headers.contains_key(headers::OWN_ANSWER);
                let body = if is_own { stored } else { restored(app, run, stored).await? };
                let body = String::from_utf8(body.into()).ok()?;
                let mut result = ApiResult::new(parts.status.as_u16()).body(body);
                result.headers = result::headers(&parts.headers, Audience::Client(&run.whose()));
                return Some(result);
            }
            if is_over && (parts.status == StatusCode::NOT_FOUND || parts.status == StatusCode::GONE) {
                return None;
            }
        }
        // Inngest holds the question for five minutes; what answers at once is asked again later.
        tokio::time::sleep_until(began + QUIET).await;
    }
}
