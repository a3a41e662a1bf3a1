//! What a subscription needs.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{RUN_KIND, STREAM_TOPIC};

/// A topic of a channel, in the body of `POST /v1/realtime/token`: an array of these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Topic<'a> {
    /// [`RUN_KIND`], also for channels that are no run's.
    #[serde(default)]
    pub kind: Cow<'a, str>,
    /// The channel: a run's id, or what an app has chosen.
    #[serde(default)]
    pub channel: Cow<'a, str>,
    /// The topic.
    #[serde(default)]
    pub name: Cow<'a, str>,
}

impl<'a> Topic<'a> {
    /// A topic of a channel.
    pub fn new(channel: impl Into<Cow<'a, str>>, name: impl Into<Cow<'a, str>>) -> Self {
        Self { kind: RUN_KIND.into(), channel: channel.into(), name: name.into() }
    }

    /// A run's stream.
    pub fn stream_of(run_id: impl Into<Cow<'a, str>>) -> Self {
        Self::new(run_id, STREAM_TOPIC)
    }
}

/// What `POST /v1/realtime/token` answers with 201; not in an [`Envelope`](crate::wire::Envelope).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RealtimeToken {
    /// Allows connecting to the topics. Valid for [`TOKEN_LIFE`](super::TOKEN_LIFE).
    pub jwt: String,
}

impl std::fmt::Debug for RealtimeToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RealtimeToken(..)")
    }
}
