//! `POST /v1/realtime/publish`: a message to those who listen.

use bytes::Bytes;
use serde::Serialize;

use super::call::Call;
use super::extras::Extras;
use super::{ApiClient, ApiError, Patience, at};
use crate::event::check_depth;
use crate::untrusted::shown;
use crate::wire::RunId;
use crate::wire::realtime::MESSAGE_BYTES;

/// What is published: the data as JSON, to a topic of a channel.
#[derive(Debug)]
pub(crate) struct Message {
    channel: String,
    topic: String,
    data: Bytes,
}

/// A message makes no sense. A step's error has this name.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct InvalidMessage(String);

/// A message would be in clear, unlike all else of a run. A step's error has this name.
#[derive(Debug, thiserror::Error)]
#[error(
    "nothing was published: a message passes through Inngest in clear, while a middleware seals what runs hold; say by \
     SetupOpts::stream_in_clear that this may be"
)]
pub(crate) struct PublishInClear;

impl Message {
    /// The server takes what is refused here: it sends a message that is too long as a part of its
    /// text, and one of an empty name to nobody.
    pub(crate) fn new(channel: String, topic: String, data: &impl Serialize) -> Result<Self, InvalidMessage> {
        if channel.is_empty() {
            return Err(InvalidMessage("the name of the channel to publish to is empty".to_owned()));
        }
        if topic.is_empty() {
            return Err(InvalidMessage("the name of the topic to publish to is empty".to_owned()));
        }
        let name = shown(&topic);
        if topic.starts_with('$') {
            let problem =
                format!("the topic `{name}` cannot be published to: `$` begins Inngest's own names");
            return Err(InvalidMessage(problem));
        }
        let data = serde_json::value::to_raw_value(data).map_err(|error| {
            let error = error.to_string();
            let problem = format!("the message to `{name}` cannot be written as JSON: {}", shown(&error));
            InvalidMessage(problem)
        })?;
        check_depth(data.get(), "data").map_err(|problem| {
            InvalidMessage(format!("the message to `{name}` cannot be published: {problem}"))
        })?;
        let bytes = data.get().len();
        if bytes > MESSAGE_BYTES {
            return Err(InvalidMessage(format!(
                "the message to `{name}` has {bytes} bytes as JSON, but at most {MESSAGE_BYTES} (512 KiB) are allowed: \
                 publish where the data is, or publish it in several messages"
            )));
        }
        let data: Box<str> = data.into();
        Ok(Self { channel, topic, data: String::from(data).into() })
    }
}

impl ApiClient {
    /// Publishes a message. Made again, it is published again: nobody knows that it is the same.
    ///
    /// The run, if it is one's, stands in the message.
    pub(crate) async fn publish(
        &self,
        message: Message,
        run_id: Option<RunId>,
        patience: Patience,
        extras: Option<&Extras>,
    ) -> Result<(), ApiError> {
        let Message { channel, topic, data } = message;
        let mut url = at(&self.inner.base, "v1/realtime/publish");
        url.query_pairs_mut().append_pair("channel", &channel).append_pair("topic", &topic);
        if let Some(run_id) = run_id {
            url.query_pairs_mut().append_pair("run_id", &run_id.to_string());
        }
        self.call(Call::post(&url, data).extras(extras), patience, |_| Ok(())).await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use serde_json::value::RawValue;

    use super::*;

    fn refused(channel: &str, topic: &str, data: &impl Serialize) -> String {
        Message::new(channel.to_owned(), topic.to_owned(), data).unwrap_err().to_string()
    }

    #[test]
    fn what_the_server_would_cut_or_mix_up_is_refused() {
        assert!(refused("", "t", &1).contains("channel"));
        assert!(refused("c", "", &1).contains("topic"));
        assert!(refused("c", "$stream", &1).contains("`$stream`"));
        assert!(refused("c", "t", &std::collections::BTreeMap::from([((1, 2), 3)])).contains("JSON"));
        let deep = RawValue::from_string("[".repeat(128) + &"]".repeat(128)).unwrap();
        assert!(refused("c", "t", &deep).contains("levels"));
        let error = refused("c", "t", &"x".repeat(MESSAGE_BYTES - 1));
        assert!(error.contains("`t` has 524289 bytes") && error.contains("512 KiB"), "{error}");
    }

    #[test]
    fn a_message_is_json_up_to_the_last_byte_that_the_server_takes() {
        let message = |data: &str| Message::new("c".to_owned(), "t".to_owned(), &data).unwrap().data;
        assert_eq!(message(&"x".repeat(MESSAGE_BYTES - 2)).len(), MESSAGE_BYTES);
        // A text that is a number stays a text.
        assert_eq!(message("5"), r#""5""#);
        let message = Message::new("c".to_owned(), "t".to_owned(), &json!({"n": u64::MAX})).unwrap();
        assert_eq!(message.data, r#"{"n":18446744073709551615}"#);
    }
}
