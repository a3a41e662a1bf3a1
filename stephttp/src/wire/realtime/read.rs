//! The events of a run's stream, as they are read.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Commit, Metadata, RedirectInfo, Response, Resume, Rollback, SseEvent, Stream};
use crate::wire::StepHash;

/// An event of a run's stream, as it is read.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// `inngest.metadata`
    Metadata(Metadata<'static>),
    /// `inngest.stream`
    Stream(Stream<Box<RawValue>>),
    /// `inngest.commit`
    Commit(Commit),
    /// `inngest.rollback`
    Rollback(Rollback),
    /// `inngest.redirect_info`
    RedirectInfo(RedirectInfo<'static>),
    /// `stephttp.resume`
    Resume(Resume<'static>),
    /// `inngest.response`
    Response(Response<'static>),
}

/// Why something is no event of a run's stream.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnreadableEvent {
    /// A name that is none of these events'. JS's client skips it.
    #[error("`{0}` is no event of a run's stream")]
    Unknown(String),
    /// Data that is not the event's. JS's client gives up.
    #[error("the data of `{name}` cannot be read: {error}")]
    Data {
        /// The event's name.
        name: &'static str,
        /// What is wrong.
        #[source]
        error: serde_json::Error,
    },
}

impl Event {
    /// Reads an event: what stands after `event: `, and what stands after `data: `.
    ///
    /// # Errors
    /// When the name is none of these events', or the data is not that event's.
    pub fn read(name: &str, data: &str) -> Result<Self, UnreadableEvent> {
        fn data_of<'de, E: SseEvent + Deserialize<'de>>(data: &'de str) -> Result<E, UnreadableEvent> {
            serde_json::from_str(data).map_err(|error| UnreadableEvent::Data { name: E::NAME, error })
        }
        match name {
            Metadata::NAME => data_of(data).map(Self::Metadata),
            Stream::<()>::NAME => data_of(data).map(Self::Stream),
            Commit::NAME => data_of(data).map(Self::Commit),
            Rollback::NAME => data_of(data).map(Self::Rollback),
            RedirectInfo::NAME => data_of(data).map(Self::RedirectInfo),
            Response::NAME => data_of(data).map(Self::Response),
            Resume::NAME => data_of(data).map(Self::Resume),
            other => Err(UnreadableEvent::Unknown(other.chars().take(100).collect())),
        }
    }

    /// The event's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Metadata(_) => Metadata::NAME,
            Self::Stream(_) => Stream::<()>::NAME,
            Self::Commit(_) => Commit::NAME,
            Self::Rollback(_) => Rollback::NAME,
            Self::RedirectInfo(_) => RedirectInfo::NAME,
            Self::Resume(_) => Resume::NAME,
            Self::Response(_) => Response::NAME,
        }
    }

    /// The step that it is about, if any.
    #[must_use]
    pub fn step(&self) -> Option<StepHash> {
        match self {
            Self::Stream(stream) => stream.hashed_step_id,
            Self::Commit(commit) => commit.hashed_step_id,
            Self::Rollback(rollback) => rollback.hashed_step_id,
            Self::Metadata(_) | Self::RedirectInfo(_) | Self::Resume(_) | Self::Response(_) => None,
        }
    }
}
