//! Messages to topics, as subscribers get them.

use std::time::SystemTime;

use serde::de::IgnoredAny;
use serde_json::Value;

use super::ENVIRONMENT;
use super::compact::compact;
use super::token::Topic;

/// A message.
#[derive(Debug, Clone)]
pub(crate) struct Message<'a> {
    /// `data`, or the beginning or the end of a stream of chunks.
    pub(crate) kind: &'static str,
    /// JSON.
    pub(crate) data: String,
    pub(crate) metadata: Option<&'a str>,
    pub(crate) at: SystemTime,
    pub(crate) channel: &'a str,
    pub(crate) topic: &'a str,
    pub(crate) run_id: Option<&'a str>,
}

impl Message<'_> {
    pub(crate) fn topic(&self) -> Topic {
        Topic::new(self.channel, self.topic)
    }

    /// It as an event, in the server's order.
    pub(crate) fn event(&self) -> String {
        let text = |text: &str| compact(&Value::from(text).to_string());
        let mut json = format!("{{\"kind\":\"{}\",\"data\":{}", self.kind, compact(&self.data));
        if let Some(metadata) = self.metadata {
            json += &format!(",\"metadata\":{}", compact(metadata));
        }
        json += &format!(",\"created_at\":\"{}\"", humantime::format_rfc3339_millis(self.at));
        if !self.channel.is_empty() {
            json += &format!(",\"channel\":{}", text(self.channel));
        }
        json += &format!(",\"env_id\":\"{ENVIRONMENT}\",\"topic\":{}", text(self.topic));
        if let Some(run_id) = self.run_id {
            json += &format!(",\"run_id\":{}", text(run_id));
        }
        format!("data: {json}}}\n\n")
    }
}

/// A piece of a stream of chunks.
#[derive(Debug)]
pub(crate) struct Chunk<'a> {
    pub(crate) stream: &'a str,
    pub(crate) data: &'a str,
}

impl Chunk<'_> {
    pub(crate) fn event(&self) -> String {
        let text = |text: &str| compact(&Value::from(text).to_string());
        let (stream, data) = (text(self.stream), text(self.data));
        format!("data: {{\"kind\":\"chunk\",\"stream_id\":{stream},\"data\":{data}}}\n\n")
    }
}

/// A body as a message's data: JSON as it is, anything else as a string.
pub(crate) fn data(body: &[u8]) -> String {
    match std::str::from_utf8(body) {
        Ok(text) if serde_json::from_str::<IgnoredAny>(text).is_ok() => text.to_owned(),
        _ => Value::from(String::from_utf8_lossy(body)).to_string(),
    }
}
