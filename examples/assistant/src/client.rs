//! A client in a terminal: it asks, reads the stream, and reviews the draft.

use std::collections::HashMap;

use inngest::wire::realtime::Event;
use narrator::BoxError;
use reqwest::header::ACCEPT;
use reqwest::{Client, Url};

use crate::answer::{Answer, Progress, Question, Review};
use crate::sse::Events;

/// What a client has read of an answer.
#[derive(Debug)]
pub(crate) struct Reading {
    here: Url,
    events: Events,
    /// Where the stream goes on, should the process that is read from end: opened at once, so that
    /// nothing is missed.
    elsewhere: Option<Events>,
    /// By step: what it has streamed, and may take back.
    provisional: HashMap<String, String>,
    /// What is final of the texts, by step, in order.
    pub(crate) committed: Vec<String>,
    pub(crate) rollbacks: usize,
}

/// What has happened, for whoever looks on.
#[derive(Debug)]
pub(crate) enum Happening {
    /// Provisional.
    Text(String),
    /// A text of no step, which is final.
    Told(String),
    Progress(Progress),
    Committed,
    RolledBack,
    Ended(Answer),
}

impl Reading {
    /// Asks a question.
    pub(crate) async fn begin(here: &str, question: &str) -> Result<Self, BoxError> {
        let here = Url::parse(here)?;
        let question = Question { question: question.to_owned() };
        let request = Client::new().post(here.join("/answers")?).json(&question);
        let response = request.header(ACCEPT, "text/event-stream").send().await?.error_for_status()?;
        Ok(Self {
            here,
            events: Events::of(response),
            elsewhere: None,
            provisional: HashMap::new(),
            committed: Vec::new(),
            rollbacks: 0,
        })
    }

    /// Reads on.
    pub(crate) async fn next(&mut self) -> Result<Happening, BoxError> {
        loop {
            let Some(event) = self.events.next().await? else {
                self.events = self.elsewhere.take().ok_or("the stream broke off")?;
                continue;
            };
            if let Some(happening) = self.take(Event::read(&event.name, &event.data)?).await? {
                return Ok(happening);
            }
        }
    }

    async fn take(&mut self, event: Event) -> Result<Option<Happening>, BoxError> {
        let step = event.step().map(|step| step.to_string()).unwrap_or_default();
        Ok(match event {
            Event::Stream(stream) => match serde_json::from_str::<String>(stream.data.get()) {
                Ok(text) if step.is_empty() => Some(Happening::Told(text)),
                Ok(text) => {
                    self.provisional.entry(step).or_default().push_str(&text);
                    Some(Happening::Text(text))
                }
                Err(_) => Some(Happening::Progress(serde_json::from_str(stream.data.get())?)),
            },
            Event::Commit(_) => self.provisional.remove(&step).map(|text| {
                self.committed.push(text);
                Happening::Committed
            }),
            Event::Rollback(_) => self.provisional.remove(&step).map(|_| {
                self.rollbacks += 1;
                Happening::RolledBack
            }),
            Event::RedirectInfo(info) => {
                let request = Client::new().get(&*info.url).header(ACCEPT, "text/event-stream");
                self.elsewhere = Some(Events::of(request.send().await?.error_for_status()?));
                None
            }
            Event::Response(end) if end.response.status_code == 200 => {
                Some(Happening::Ended(serde_json::from_str(&end.response.body)?))
            }
            Event::Response(end) => return Err(end.response.body.into_owned().into()),
            _ => None,
        })
    }

    /// Says what the client thinks of the draft.
    pub(crate) async fn review(&self, url: &str, approved: bool, remark: &str) -> Result<(), BoxError> {
        let review = Review { approved, remark: remark.to_owned() };
        Client::new().post(self.here.join(url)?).json(&review).send().await?.error_for_status()?;
        Ok(())
    }
}
