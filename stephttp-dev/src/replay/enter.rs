//! Re-entering the app in one state of a run.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt;
use inngest::wire::{ApiResult, headers, limits};
use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::Instant;
use tower_service::Service;

use super::stand_in::Inngest;
use super::watch::{Told, Watch};
use crate::recording::{RecordedRequest, Recording};

/// The app, its Inngest, and who watches it.
pub(super) struct Stage {
    pub(super) app: Router,
    pub(super) inngest: Inngest,
    pub(super) watch: Arc<Watch>,
    /// How long one re-entry may take.
    pub(super) limit: Duration,
    pub(super) entered: usize,
}

/// How long what is missing is waited for once the handler has nothing left to be given.
const GRACE: Duration = Duration::from_millis(250);

/// How long a handler may take to be dropped.
const FAREWELL: Duration = Duration::from_secs(1);

/// What is expected of a re-entry: once all of it has been told, there is nothing to wait for.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// The hashes of the steps that are stored.
    pub(super) stored: Vec<String>,
    /// The hashes of the steps that come next; none if it is the end.
    pub(super) next: Vec<String>,
}

/// What a re-entry has come to.
#[derive(Debug)]
pub(super) struct Entered {
    pub(super) steps: Vec<Told>,
    pub(super) outcome: Outcome,
}

#[derive(Debug)]
pub(super) enum Outcome {
    /// Its steps wait for what comes next.
    Waits,
    /// The handler has answered.
    Ended(ApiResult<'static>),
    /// It ended otherwise.
    Failed(String),
    /// It did something else for as long as it may take.
    Busy,
    /// The SDK's layer was not there.
    Elsewhere(StatusCode),
    /// A layer or an extractor has answered in the handler's place.
    Rejected(String),
}

impl Stage {
    /// Re-enters a run of which this is stored.
    pub(super) async fn enter(
        &mut self,
        recording: &Recording,
        state: BTreeMap<String, String>,
        wanted: &Wanted,
    ) -> Result<Entered, String> {
        self.entered += 1;
        let job = format!("replay-{}", self.entered);
        self.inngest.hold(&recording.run, state);
        let mut changed = self.watch.begin(&job);
        let request = request(&recording.request, &recording.run, &job)?;
        let Ok(()) = std::future::poll_fn(|cx| Service::<Request<Body>>::poll_ready(&mut self.app, cx)).await;
        let mut answer = std::pin::pin!(self.app.call(request));
        let deadline = Instant::now() + self.limit;
        let mut is_answered = false;
        let outcome = tokio::select! {
            answered = &mut answer => {
                is_answered = true;
                let Ok(response) = answered;
                outcome(response).await
            }
            () = until_quiet(&self.watch, &mut changed, wanted) => Outcome::Waits,
            () = tokio::time::sleep_until(deadline) => Outcome::Busy,
        };
        let steps = self.watch.seen().steps;
        self.watch.end();
        if !is_answered {
            // A handler that never gives way is left alone.
            let _ = tokio::time::timeout(FAREWELL, answer).await;
        }
        Ok(Entered { steps, outcome })
    }
}

/// Until everything that is wanted has been told, or nothing new comes.
async fn until_quiet(watch: &Watch, changed: &mut watch::Receiver<()>, wanted: &Wanted) {
    loop {
        let seen = watch.seen();
        if seen.is_open {
            let told = |hash: &String| seen.steps.iter().any(|step| step.hash == *hash);
            if !wanted.next.is_empty() && wanted.stored.iter().chain(&wanted.next).all(told) {
                return;
            }
            if tokio::time::timeout(GRACE, changed.changed()).await.is_err() {
                return;
            }
        } else if changed.changed().await.is_err() {
            // The sender lives as long as the watch.
            std::future::pending::<()>().await;
        }
    }
}

/// As Inngest re-enters a run.
fn request(recorded: &RecordedRequest, run: &str, job: &str) -> Result<Request<Body>, String> {
    let body = match recorded.body_base64.as_str() {
        "" => Bytes::from(recorded.body.clone()),
        body => STANDARD
            .decode(body)
            .map_err(|error| format!("the request's `body_base64` is not base64: {error}"))?
            .into(),
    };
    let uri = match recorded.query.as_str() {
        "" => recorded.path.clone(),
        query => format!("{}?{query}", recorded.path),
    };
    let content_type = match recorded.content_type.as_str() {
        "" => "application/json",
        content_type => content_type,
    };
    let mut map = HeaderMap::new();
    let own = [
        (HOST, "127.0.0.1"),
        (USER_AGENT, "Inngest"),
        (CONTENT_TYPE, content_type),
        (HeaderName::from_static(headers::RUN_ID), run),
        (HeaderName::from_static(headers::SIGNATURE), ""),
        (HeaderName::from_static(headers::REQUEST_ID), job),
        (HeaderName::from_static(headers::JOB_ID), job),
        // A late one, so that a handler that fails ends its run.
        (HeaderName::from_static(headers::GENERATION_ID), "100"),
    ];
    for (name, value) in own {
        let value = HeaderValue::from_str(value)
            .map_err(|_| format!("`{value}` cannot be sent as the header `{name}`"))?;
        map.insert(name, value);
    }
    map.insert(
        HeaderName::from_static(headers::REQUEST_VERSION),
        HeaderValue::from(u16::from(headers::REQUEST_VERSION_VALUE)),
    );
    map.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    let mut request = Request::builder()
        .method(recorded.method.as_str())
        .uri(&uri)
        .body(Body::from(body))
        .map_err(|error| format!("`{} {uri}` is no request: {error}", recorded.method))?;
    *request.headers_mut() = map;
    // As `into_make_service_with_connect_info` would.
    request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 1))));
    Ok(request)
}

/// What an answer says.
async fn outcome(response: Response<Body>) -> Outcome {
    #[derive(Deserialize)]
    struct Ended {
        data: ApiResult<'static>,
    }
    #[derive(Deserialize)]
    struct Refused {
        error: String,
    }
    let (parts, body) = response.into_parts();
    if !parts.headers.contains_key(headers::SDK) {
        return Outcome::Elsewhere(parts.status);
    }
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return Outcome::Failed(format!("its answer broke off: {error}")),
    };
    if body.len() > limits::REENTRY_ANSWER_BYTES {
        return Outcome::Failed(format!("its answer has {} bytes, which is too much", body.len()));
    }
    let refused = || serde_json::from_slice::<Refused>(&body).map(|refused| refused.error).ok();
    if let Some(status) = parts.headers.get(headers::REJECTED) {
        return Outcome::Rejected(status.to_str().unwrap_or_default().to_owned());
    }
    if let Ok(Ended { data }) = serde_json::from_slice(&body) {
        return Outcome::Ended(data);
    }
    if parts.status.is_success() {
        return Outcome::Waits;
    }
    Outcome::Failed(refused().unwrap_or_else(|| format!("it answered {}", parts.status)))
}
