//! What a middleware knows of messages that are published outside of steps.

use std::time::Duration;

/// A call that has published a message outside of steps, with all its attempts, as a
/// [`Middleware`](super::Middleware) sees it.
#[derive(Debug)]
pub struct PublishContext {
    attempts: u32,
    duration: Duration,
}

impl PublishContext {
    pub(crate) fn new(attempts: u32, duration: Duration) -> Self {
        Self { attempts, duration }
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
