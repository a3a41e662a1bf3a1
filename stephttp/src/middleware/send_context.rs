//! What a middleware knows of events that are sent outside of steps.

use std::time::Duration;

/// A call that has sent events outside of steps, with all its attempts, as a
/// [`Middleware`](super::Middleware) sees it.
#[derive(Debug)]
pub struct SendContext {
    events: usize,
    attempts: u32,
    duration: Duration,
}

impl SendContext {
    pub(crate) fn new(events: usize, attempts: u32, duration: Duration) -> Self {
        Self { events, attempts, duration }
    }

    /// How many events it was to send.
    #[must_use]
    pub fn events(&self) -> usize {
        self.events
    }

    /// How many requests it took; 0 if none was made.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// How long it took, with all attempts.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.duration
    }
}
