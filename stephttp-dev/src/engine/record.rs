//! A run as a replay test needs it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;

use super::State;
use super::number::as_read;
use super::run::{OriginalRequest, Run};
use crate::inspect::StepStatus;
use crate::recording::{
    RecordError, RecordedEnd, RecordedRequest, RecordedResponse, RecordedStep, Recording,
};

impl State {
    /// What is known of a run, as the app would be told of it.
    pub(crate) fn record(&self, run_id: &str) -> Result<Recording, RecordError> {
        let run = self.runs.get(run_id).ok_or_else(|| RecordError(format!("there is no run {run_id}")))?;
        let mut recording = Recording::new(run.function.clone(), run.id.clone(), request(run));
        for hash in &run.kept {
            let Some(raw) = run.memo.get(hash) else { continue };
            let read = as_read(raw).map_err(|number| {
                let label = run.label(hash);
                RecordError(format!("the step `{label}` holds the number {number}, which no float can hold"))
            })?;
            // A key is stored with JSON.
            let value = RawValue::from_string(read)
                .map_err(|error| RecordError(format!("the step `{}`: {error}", run.label(hash))))?;
            recording.steps.push(step(run, hash, Some(value)));
        }
        if run.ending.is_none() {
            let waits =
                |status| !matches!(status, StepStatus::Completed | StepStatus::Failed | StepStatus::TimedOut);
            let waiting = run.steps().filter(|step| waits(step.status) && !run.memo.contains_key(&step.hash));
            recording.waiting = waiting.map(|waits| step(run, &waits.hash, None)).collect();
        }
        recording.end = run.ending.as_ref().map(|ending| RecordedEnd {
            status: ending.status.as_str().to_owned(),
            response: ending.response.as_ref().map(|response| RecordedResponse {
                status: response.status,
                headers: response.headers.iter().cloned().collect(),
                body: response.body.clone(),
            }),
        });
        recording.without_headers()?.without_secrets(&[&run.token])
    }
}

fn step(run: &Run, hash: &str, value: Option<Box<RawValue>>) -> RecordedStep {
    let view = run.steps().find(|step| step.hash == hash);
    let (id, index, op) =
        view.map_or((String::new(), 0, String::new()), |view| (view.id.clone(), view.index, view.op.clone()));
    RecordedStep { id, index, hash: hash.to_owned(), op, tied: false, value }
}

fn request(run: &Run) -> RecordedRequest {
    let OriginalRequest { url, method, content_type, body } = &run.request;
    let rest = url.strip_prefix(run.app.as_str()).unwrap_or(url);
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut request = RecordedRequest {
        method: method.to_string(),
        path: path.to_owned(),
        query: query.to_owned(),
        content_type: content_type.clone(),
        ..RecordedRequest::default()
    };
    match std::str::from_utf8(body) {
        Ok(text) => text.clone_into(&mut request.body),
        Err(_) => request.body_base64 = STANDARD.encode(body),
    }
    request
}
