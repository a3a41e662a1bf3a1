//! A run's stream, for clients that come later, or come back.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::BoxError;
use axum::response::Response;
use bytes::Bytes;
use http::header::REFERRER_POLICY;
use http::{HeaderName, HeaderValue, Method};
use http_body_util::{BodyExt, Limited};

use super::respond;
use super::wait::{self, Found};
use super::{Asked, Unrestored, restore};
use crate::app::App;
use crate::client::NoState;
use crate::exchange::passed_headers;
use crate::exchange::result::{self, Audience};
use crate::function::Whose;
use crate::journal::Memo;
use crate::output::read::{Failure, Output};
use crate::relay::{NoSubscription, Readable, Session, Source, Subscription, event_stream};
use crate::streaming::Reader;
use crate::untrusted::Complaint;
use crate::wire::ApiResult;
use crate::wire::limits::REENTRY_ANSWER_BYTES;

/// How long Inngest has to refuse a client's token, or to say that the run has ended, before its
/// stream begins.
const GRACE: Duration = Duration::from_millis(250);

/// The last event that a client has had.
pub(super) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Answers a request whose URL the app has made.
pub(super) async fn stream(app: &Arc<App>, asked: &Asked, method: &Method, last: Option<&str>) -> Response {
    if app.is_draining() {
        // Another process goes on with it.
        return respond::unavailable(None);
    }
    if let Some((log, had)) = last.and_then(|event| app.streams().find(asked.run_id, &asked.token, event))
        && let Some(reader) = log.read(had)
    {
        return if method == Method::HEAD { event_response(Nothing) } else { event_response(Events(reader)) };
    }
    let whose = Whose { run_id: asked.run_id, function: None };
    let (found, prepared) = tokio::join!(wait::for_so_long(app, asked, GRACE), prepare(app, &whose));
    let source = Source {
        app: app.clone(),
        run_id: asked.run_id,
        token: asked.token.clone(),
        whose,
        redirects: false,
    };
    match found {
        Found::Failed(failure) => respond::failed(failure),
        Found::Unavailable(after) => respond::unavailable(after),
        Found::Ended(output) => match restore(app, asked.run_id, output).await {
            Ok(output) => match result(app, &source.whose, output).await {
                Some(result) => begin(source, method, |session| session.end(result)),
                None => respond::failed(Failure::Unusable),
            },
            Err(Unrestored::Fault(_)) => respond::failed(Failure::Unrestorable),
            Err(Unrestored::NoRoom) => respond::unavailable(None),
        },
        Found::Running => match prepared {
            Ok((subscription, memo)) => begin(source, method, |session| session.spawn(subscription, memo)),
            Err(()) => respond::unavailable(None),
        },
    }
}

fn begin(source: Source, method: &Method, go_on: impl FnOnce(Session)) -> Response {
    if method == Method::HEAD {
        return event_response(Nothing);
    }
    let session = Session::begins(source);
    // Before anything follows that could be let go of.
    let reader = session.log().read(0);
    go_on(session);
    reader.map_or_else(|| respond::unavailable(None), |reader| event_response(Events(reader)))
}

/// A subscription, and after that the run's state: what is not in the one is in the other.
async fn prepare(app: &Arc<App>, whose: &Whose) -> Result<(Subscription, Option<Memo>), ()> {
    let complain = |why: &str| {
        if let Some(left_out) = app.admits_line(Complaint::Stream) {
            let run_id = whose.run_id;
            tracing::warn!(%run_id, why, left_out, "a client does not get its run's stream for now");
        }
    };
    let subscription = Subscription::begin(app, whose, None).await.map_err(|error| match error {
        NoSubscription::Full => complain("the process reads as many as `SetupOpts::stream_relays` allows"),
        NoSubscription::Failed(error) => complain(&error.report()),
    })?;
    match app.client().state_of(whose.run_id, 0).await {
        Ok(memo) => Ok((subscription, Some(memo))),
        // It has just ended, or Inngest cannot say.
        Err(NoState::Gone) => Ok((subscription, None)),
        Err(NoState::Failed(error)) => {
            complain(&error.report());
            Err(())
        }
    }
}

/// An output as the run's last event has it.
async fn result(app: &Arc<App>, whose: &Whose, output: Output) -> Option<ApiResult<'static>> {
    let Output { status, mut headers, content, is_response } = output;
    if is_response {
        let left_out = passed_headers::of_response(&mut headers, &app.settings().output.pass_headers);
        app.left_out().say(app, whose.run_id, &left_out);
    } else {
        passed_headers::of_other(&mut headers);
    }
    let body = Limited::new(content.into_body(app, whose.run_id), REENTRY_ANSWER_BYTES);
    let body = String::from_utf8(body.collect().await.ok()?.to_bytes().into()).ok()?;
    let mut result = ApiResult::new(status.as_u16()).body(body);
    result.headers = result::headers(&headers, Audience::Client(whose));
    Some(result)
}

fn event_response(events: impl Readable) -> Response {
    let mut response = event_stream(events);
    // The request's URL holds the token.
    response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

struct Events(Reader);

impl Readable for Events {
    fn poll_events(&self, most: usize, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        self.0.poll_next(most, cx).map(|events| events.map(|events| events.map_err(Into::into)))
    }
}

/// To `HEAD`.
struct Nothing;

impl Readable for Nothing {
    fn poll_events(&self, _: usize, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        Poll::Ready(None)
    }
}
