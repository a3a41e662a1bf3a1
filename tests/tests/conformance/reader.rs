//! How a client reads a run's stream.

use std::collections::HashMap;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use bytes::Bytes;
use inngest::wire::StepHash;
use inngest::wire::realtime::Event;
use reqwest::{Response, Url};
use serde_json::Value;
use tokio::sync::watch;

use crate::client::{HTTP, PAUSE, explain};

/// What a client has read.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// What it shows in the end: each push outside of steps, and what each step has streamed in the
    /// attempt that ended well.
    pub(crate) shown: Vec<Shown>,
}

/// Something that is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) text: String,
    /// A step has streamed it, not the handler outside of steps.
    pub(crate) of_step: bool,
}

/// What is to be shown.
#[derive(Debug, Default)]
struct Screen {
    last: Vec<Shown>,
    provisional: HashMap<StepHash, String>,
    /// Steps whose text is final, and whether this connection may tell of them again: it has begun
    /// anew.
    over: HashMap<StepHash, bool>,
    /// It is read at the server itself, which tells again of a step whose process died before it
    /// was saved.
    is_at_the_server: bool,
}

impl Screen {
    /// A stream begins with the whole of what there is: what is not final is void, and what is
    /// comes again.
    fn begin_anew(&mut self) {
        self.provisional.clear();
        self.over.values_mut().for_each(|may_come_again| *may_come_again = true);
    }

    fn see(&mut self, event: &Event) -> Result<(), String> {
        if let Some(step) = event.step()
            && let Some(may_come_again) = self.over.get_mut(&step)
        {
            return match event {
                _ if self.is_at_the_server => Ok(()),
                Event::Commit(_) if *may_come_again => {
                    *may_come_again = false;
                    Ok(())
                }
                Event::Stream(_) if *may_come_again => Ok(()),
                Event::Rollback(_) => Ok(()),
                _ => Err(format!("`{}` of {step}, which is over", event.name())),
            };
        }
        match event {
            Event::Stream(stream) => {
                let text = match serde_json::from_str(stream.data.get()) {
                    Ok(Value::String(text)) => text,
                    _ => stream.data.to_string(),
                };
                match stream.hashed_step_id {
                    Some(step) => self.provisional.entry(step).or_default().push_str(&text),
                    None => self.last.push(Shown { text, of_step: false }),
                }
            }
            Event::Commit(commit) => {
                if let Some(step) = commit.hashed_step_id {
                    self.over.insert(step, false);
                    let text = self.provisional.remove(&step);
                    self.last.extend(text.map(|text| Shown { text, of_step: true }));
                }
            }
            Event::Rollback(rollback) => {
                rollback.hashed_step_id.and_then(|step| self.provisional.remove(&step));
            }
            _ => {}
        }
        Ok(())
    }
}

/// Reads a stream to its response. Where it goes on elsewhere, that is read too, from when it is
/// announced. A client whose connection breaks goes back to where the app says, `repeats` times.
pub(crate) async fn read(
    response: Response,
    handed_over: &watch::Sender<Option<String>>,
    repeats: usize,
) -> Result<Read, String> {
    let mut screen = Screen::default();
    let mut elsewhere = None;
    let mut resume: Option<Url> = None;
    let mut left = repeats;
    let mut last_id = None;
    let mut current = Events::of(response);
    loop {
        let event = match (current.next().await, &resume) {
            (Ok(event), _) => event,
            (Err(_), Some(url)) if left > 0 => {
                left -= 1;
                elsewhere = None;
                current = Events::of(come_back(url, last_id.as_deref()).await?);
                continue;
            }
            (Err(error), _) => return Err(error),
        };
        last_id = current.last_id.clone().or(last_id);
        match event {
            Some(Event::Metadata(_)) => screen.begin_anew(),
            Some(Event::RedirectInfo(redirect)) => {
                handed_over.send_replace(Some(redirect.run_id.into_owned()));
                // At once, as JS's client does.
                let url = redirect.url.into_owned();
                elsewhere = Some(tokio::spawn(HTTP.get(url).header("accept", "text/event-stream").send()));
            }
            Some(Event::Resume(there)) => {
                // Until it knows that, a client whose connection breaks makes its request again.
                handed_over.send_replace(Some(there.run_id.into_owned()));
                let url = current.response.url().join(&there.url).map_err(|error| error.to_string())?;
                resume = Some(url);
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
                    shown: screen.last,
                });
            }
            Some(event) => screen.see(&event)?,
            None => {
                current = match (elsewhere.take(), &resume) {
                    (Some(response), _) => {
                        screen.is_at_the_server = true;
                        let response = response.await.map_err(|error| error.to_string())?;
                        Events::of(response.map_err(|error| explain(&error))?)
                    }
                    (None, Some(url)) if left > 0 => {
                        left -= 1;
                        Events::of(come_back(url, last_id.as_deref()).await?)
                    }
                    (None, _) => return Err("the stream ends without a response".to_owned()),
                };
            }
        }
    }
}

/// Asks the app for the stream again, until it is there.
async fn come_back(url: &Url, last_id: Option<&str>) -> Result<Response, String> {
    const ATTEMPTS: usize = 50;
    let mut last = String::new();
    for _ in 0..ATTEMPTS {
        let mut request = HTTP.get(url.clone()).header("accept", "text/event-stream");
        if let Some(id) = last_id {
            request = request.header("last-event-id", id);
        }
        match request.send().await {
            Ok(response) if response.status() == StatusCode::OK => return Ok(response),
            Ok(response) if response.status() != StatusCode::SERVICE_UNAVAILABLE => {
                return Err(format!("the stream is refused: {}", response.status()));
            }
            Ok(response) => last = response.status().to_string(),
            Err(error) => last = explain(&error),
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(format!("the stream cannot be had again: {last}"))
}

struct Events {
    response: Response,
    bytes: Vec<u8>,
    last_id: Option<String>,
}

impl Events {
    fn of(response: Response) -> Self {
        Self { response, bytes: Vec::new(), last_id: None }
    }

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
            let value = |field: &str| event.lines().find_map(|line| line.strip_prefix(field));
            let (Some(name), Some(data)) = (value("event: "), value("data: ")) else {
                // Comments, and what the server says of the connection.
                if event.starts_with(':') || event.starts_with("data: ") || event.trim().is_empty() {
                    continue;
                }
                return Err(format!("`{event}` is no event"));
            };
            let read = Event::read(name, data).map_err(|error| format!("{event}: {error}"))?;
            if let Some(id) = value("id: ") {
                self.last_id = Some(id.to_owned());
            }
            return Ok(Some(read));
        }
    }
}
