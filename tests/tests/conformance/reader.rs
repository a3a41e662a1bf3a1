//! How a client reads a run's stream.

use std::collections::HashMap;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use bytes::Bytes;
use inngest::wire::StepHash;
use inngest::wire::realtime::Event;
use reqwest::Response;
use serde_json::Value;
use tokio::sync::watch;

use crate::client::{HTTP, explain};

/// What a client has read.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// What it shows in the end: each push outside of steps, and what each step has streamed in the
    /// attempt that ended well.
    pub(crate) shown: Vec<String>,
}

/// What is to be shown.
#[derive(Debug, Default)]
struct Shown {
    last: Vec<String>,
    provisional: HashMap<StepHash, String>,
}

impl Shown {
    fn see(&mut self, event: &Event) {
        match event {
            Event::Stream(stream) => {
                let text = match serde_json::from_str(stream.data.get()) {
                    Ok(Value::String(text)) => text,
                    _ => stream.data.to_string(),
                };
                match stream.hashed_step_id {
                    Some(step) => self.provisional.entry(step).or_default().push_str(&text),
                    None => self.last.push(text),
                }
            }
            Event::Commit(commit) => {
                let text = commit.hashed_step_id.and_then(|step| self.provisional.remove(&step));
                self.last.extend(text);
            }
            Event::Rollback(rollback) => {
                rollback.hashed_step_id.and_then(|step| self.provisional.remove(&step));
            }
            _ => {}
        }
    }
}

/// Reads a stream to its response. Where it goes on elsewhere, that is read too, from when it is
/// announced.
pub(crate) async fn read(
    response: Response,
    handed_over: &watch::Sender<Option<String>>,
) -> Result<Read, String> {
    let mut shown = Shown::default();
    let mut elsewhere = None;
    let mut current = Events { response, bytes: Vec::new() };
    loop {
        match current.next().await? {
            Some(Event::Metadata(metadata)) => {
                handed_over.send_replace(Some(metadata.run_id.into_owned()));
            }
            Some(Event::RedirectInfo(redirect)) => {
                // At once, as JS's client does.
                let url = redirect.url.into_owned();
                elsewhere = Some(tokio::spawn(HTTP.get(url).header("accept", "text/event-stream").send()));
            }
            Some(Event::Response(end)) => {
                let response = end.response;
                let mut headers = HeaderMap::new();
                for (name, value) in &response.headers {
                    let name = HeaderName::try_from(&**name).map_err(|error| error.to_string())?;
                    headers.insert(name, HeaderValue::try_from(&**value).map_err(|error| error.to_string())?);
                }
                return Ok(Read {
                    status: StatusCode::from_u16(response.status_code).map_err(|error| error.to_string())?,
                    headers,
                    body: response.body.into_owned().into(),
                    shown: shown.last,
                });
            }
            Some(event) => shown.see(&event),
            None => {
                let response = elsewhere.take().ok_or("the stream ends without a response")?;
                let response = response.await.map_err(|error| error.to_string())?;
                let response = response.map_err(|error| explain(&error))?;
                current = Events { response, bytes: Vec::new() };
            }
        }
    }
}

struct Events {
    response: Response,
    bytes: Vec<u8>,
}

impl Events {
    async fn next(&mut self) -> Result<Option<Event>, String> {
        loop {
            let Some(end) = self.bytes.windows(2).position(|two| two == b"\n\n") else {
                match self.response.chunk().await.map_err(|error| explain(&error))? {
                    Some(chunk) => self.bytes.extend_from_slice(&chunk),
                    None if self.bytes.is_empty() => return Ok(None),
                    None => return Err("the stream ends within an event".to_owned()),
                }
                continue;
            };
            let event: Vec<u8> = self.bytes.drain(..end + 2).collect();
            let event = String::from_utf8(event).map_err(|error| error.to_string())?;
            let Some((name, data)) =
                event.strip_prefix("event: ").and_then(|event| event.split_once("\ndata: "))
            else {
                // Comments, and what the server says of the connection.
                if event.starts_with(':') || event.starts_with("data: ") || event.trim().is_empty() {
                    continue;
                }
                return Err(format!("`{event}` is no event"));
            };
            return Event::read(name, data.trim_end()).map(Some).map_err(|error| format!("{event}: {error}"));
        }
    }
}
