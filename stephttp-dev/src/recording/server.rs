//! Recording runs of an Inngest server.

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use inngest::signature::SigningKey;
use inngest::wire::{ApiResult, MemoizedSteps, NewApiRunData, StepHash};
use reqwest::{Client, StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::trace::{Span, Step, in_order};
use super::{RecordError, RecordedEnd, RecordedRequest, RecordedResponse, RecordedStep, Recording};

/// How often a server is asked again that does not show all of a run yet, and how long after each
/// other.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(250);

/// How long a call may take.
const TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Deserialize)]
struct Answer<T> {
    data: T,
}

#[derive(Deserialize)]
struct RunShown {
    function: FunctionShown,
    output: Option<Box<RawValue>>,
}

/// The other view shows runs in flight as ended at times.
#[derive(Deserialize)]
struct Status {
    status: String,
}

#[derive(Deserialize)]
struct FunctionShown {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Trace {
    root_span: Span,
}

#[derive(Deserialize)]
struct Event {
    data: NewApiRunData<'static>,
}

impl Recording {
    /// Records a run of an Inngest server. `signing_key` is the server's; a dev server has none.
    ///
    /// Of a run **in flight** the server gives what is stored, word by word: prefer those. Of a run
    /// that has **ended** it has the trace alone, in which a step's output is what was stored, and
    /// what Inngest did for the run (signals, invocations, requests, model calls) is without what
    /// was around it in the state, which is put back here. Both have their order from the trace,
    /// whose times are in milliseconds: of steps that ended in the same one the order is not known,
    /// and a [`Replay`](crate::Replay) accepts either. What a run has answered that ended in its
    /// first request is not always shown; then nothing is compared with it.
    ///
    /// # Errors
    /// When the server does not answer, refuses the key, does not know the run, or does not show
    /// all of it, and when the recording would hold a secret of Inngest's.
    pub async fn of_server(url: &str, signing_key: Option<&str>, run_id: &str) -> Result<Self, RecordError> {
        let key = signing_key.map(SigningKey::parse).transpose();
        let key = key.map_err(|error| RecordError(format!("the signing key is none: {error}")))?;
        let client = Client::builder()
            .timeout(TIMEOUT)
            .build()
            .map_err(|error| RecordError(format!("no HTTP client can be made: {error}")))?;
        let server =
            Server { client, url: url.trim_end_matches('/'), bearer: key.as_ref().map(SigningKey::bearer) };
        let mut tries = 0;
        let recording = loop {
            tries += 1;
            match server.record(run_id).await {
                Err(Unrecorded::NotYet(_)) if tries < TRIES => tokio::time::sleep(PAUSE).await,
                Err(Unrecorded::NotYet(why)) => return Err(RecordError(why)),
                Err(Unrecorded::Never(error)) => return Err(error),
                Ok(recording) => break recording,
            }
        };
        let bearer = server.bearer.as_deref().unwrap_or_default();
        recording.without_headers()?.without_secrets(&[signing_key.unwrap_or_default(), bearer])
    }
}

struct Server<'a> {
    client: Client,
    url: &'a str,
    bearer: Option<String>,
}

enum Unrecorded {
    /// The server's view lags.
    NotYet(String),
    Never(RecordError),
}

impl From<RecordError> for Unrecorded {
    fn from(error: RecordError) -> Self {
        Self::Never(error)
    }
}

impl Server<'_> {
    async fn record(&self, run_id: &str) -> Result<Recording, Unrecorded> {
        let state = self.get(&format!("/v0/runs/{run_id}/actions")).await?;
        let status = self.get(&format!("/v1/runs/{run_id}")).await?;
        let shown = self.get(&format!("/api/v2/runs/{run_id}?includeOutput=true")).await?;
        let trace = self.get(&format!("/api/v2/runs/{run_id}/trace?includeOutput=true")).await?;
        // A run that it does not know has an answer without data.
        let status =
            status.map(|status| read::<Answer<Option<Status>>>(&status, "a run's status")).transpose()?;
        let (Some(Answer { data: Some(Status { status }) }), Some(shown), Some(trace)) =
            (status, shown, trace)
        else {
            return Err(Unrecorded::NotYet(format!("{} does not show the run {run_id}", self.url)));
        };
        let shown: Answer<RunShown> = read(&shown, "a run")?;
        let trace: Answer<Trace> = read(&trace, "a run's trace")?;
        let (shown, root) = (shown.data, trace.data.root_span);
        let status =
            ["Completed", "Failed", "Cancelled"].into_iter().find(|ended| status.eq_ignore_ascii_case(ended));
        let mut recording =
            Recording::new(shown.function.id.clone(), run_id.to_owned(), self.request(run_id, &root).await?);
        match state {
            Some(state) if status.is_none() => {
                let state = MemoizedSteps::parse(state)
                    .map_err(|error| RecordError(format!("the run's state cannot be read: {error}")))?;
                (recording.steps, recording.waiting) = stored(&state, &root)?;
            }
            Some(_) => return Err(Unrecorded::NotYet(format!("the run {run_id} is just about to end"))),
            None => {
                recording.steps = traced(&root)?;
                let status = status.ok_or_else(|| {
                    Unrecorded::NotYet(format!(
                        "{} shows the run {run_id} as going on, without its state",
                        self.url
                    ))
                })?;
                recording.end = Some(end(status, &shown));
            }
        }
        Ok(recording)
    }

    /// The request, as the event that began the run has it.
    async fn request(&self, run_id: &str, root: &Span) -> Result<RecordedRequest, Unrecorded> {
        let event = match &root.input {
            Some(input) => {
                read::<Answer<Vec<Event>>>(&input.get().to_owned().into(), "the run's event")?.data
            }
            None => match self.get(&format!("/v0/runs/{run_id}/batch")).await? {
                Some(batch) => read(&batch, "the run's event")?,
                None => Vec::new(),
            },
        };
        let event = event.into_iter().next().ok_or_else(|| {
            Unrecorded::NotYet(format!("{} does not show the event that began the run {run_id}", self.url))
        })?;
        let body = event
            .data
            .decode_body()
            .ok_or_else(|| RecordError("the request's body is not base64".to_owned()))?;
        let mut request = RecordedRequest {
            method: event.data.method.into_owned(),
            path: event.data.path.into_owned(),
            query: event.data.query_params.into_owned(),
            content_type: event.data.content_type.into_owned(),
            ..RecordedRequest::default()
        };
        match String::from_utf8(body) {
            Ok(text) => request.body = text,
            Err(error) => request.body_base64 = STANDARD.encode(error.as_bytes()),
        }
        Ok(request)
    }

    /// An answer's body; `None` when there is no such thing.
    async fn get(&self, path: &str) -> Result<Option<bytes::Bytes>, RecordError> {
        let mut request = self.client.get(format!("{}{path}", self.url));
        if let Some(bearer) = &self.bearer {
            request = request.bearer_auth(bearer);
        }
        let failed = |error: reqwest::Error| {
            // Without the URL, which the message has.
            RecordError(format!("{}{path} could not be read: {}", self.url, error.without_url()))
        };
        let response = request.send().await.map_err(failed)?;
        let status = response.status();
        let body = response.bytes().await.map_err(failed)?;
        match status {
            StatusCode::GONE | StatusCode::NOT_FOUND => Ok(None),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(RecordError(format!(
                "{} does not accept the signing key: it answered {status}",
                self.url
            ))),
            status if status.is_success() => Ok(Some(body)),
            status => Err(RecordError(format!("{}{path} was answered with {status}", self.url))),
        }
    }
}

fn read<T: for<'de> Deserialize<'de>>(body: &bytes::Bytes, what: &str) -> Result<T, RecordError> {
    crate::json::read(body).map_err(|error| RecordError(format!("{what} cannot be read: {error}")))
}

/// What is stored of a run in flight, and what it waits for.
fn stored(state: &MemoizedSteps, root: &Span) -> Result<(Vec<RecordedStep>, Vec<RecordedStep>), Unrecorded> {
    let traced: HashMap<String, Step<'_>> =
        in_order(root).into_iter().map(|step| (step.hash.to_owned(), step)).collect();
    let missing = state.hashes().find(|hash| !traced.contains_key(&hash.to_string()));
    if let Some(hash) = missing {
        return Err(Unrecorded::NotYet(format!("the server's trace does not show the stored step {hash}")));
    }
    let (mut steps, mut waiting) = (Vec::new(), Vec::new());
    for step in in_order(root) {
        let value = StepHash::from_hex(step.hash).and_then(|hash| state.get(hash));
        match value {
            Some(value) => {
                let value = RawValue::from_string(value.as_json().to_owned())
                    .map_err(|error| RecordError(format!("the step `{}`: {error}", step.name)))?;
                steps.push(step.recorded(Some(value)));
            }
            None => waiting.push(step.recorded(None)),
        }
    }
    Ok((steps, waiting))
}

/// What was stored of a run that has ended, as far as its trace says.
fn traced(root: &Span) -> Result<Vec<RecordedStep>, Unrecorded> {
    let ended = in_order(root).into_iter().filter(Step::has_ended);
    let stored = |step: Step<'_>| {
        let value =
            step.stored().map_err(|why| Unrecorded::NotYet(format!("the step `{}`: {why}", step.name)))?;
        Ok(step.recorded(Some(value)))
    };
    ended.map(stored).collect()
}

fn end(status: &str, shown: &RunShown) -> RecordedEnd {
    #[derive(Deserialize)]
    struct Output {
        data: ApiResult<'static>,
    }
    let output = shown.output.as_ref().and_then(|output| crate::json::read::<Output>(output.get()).ok());
    let response = output.map(|Output { data }| RecordedResponse {
        status: data.status,
        headers: data
            .headers
            .into_iter()
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect(),
        body: data.body.into_owned(),
    });
    RecordedEnd { status: status.to_owned(), response }
}
