//! What a middleware knows of a delivery.

use std::fmt;
use std::time::Duration;

use super::Execution;

/// The delivery to Inngest of the end of a run that has ended in its client's request, as a
/// [`Middleware`](super::Middleware) sees it.
pub struct DeliveryContext<'a> {
    execution: &'a Execution,
    attempts: u32,
    calls: u32,
    duration: Duration,
}

impl<'a> DeliveryContext<'a> {
    pub(crate) fn new(execution: &'a Execution, attempts: u32, calls: u32, duration: Duration) -> Self {
        Self { execution, attempts, calls, duration }
    }

    /// The execution whose end is delivered.
    #[must_use]
    pub fn execution(&self) -> &Execution {
        self.execution
    }

    /// How many calls it took: one, unless the run has much to tell. 0 if what there was to send
    /// could not be sent at all.
    #[must_use]
    pub fn calls(&self) -> u32 {
        self.calls
    }

    /// How many requests these calls took. One that was tried again took several.
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

impl fmt::Debug for DeliveryContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeliveryContext")
            .field("execution", &self.execution)
            .field("calls", &self.calls)
            .field("attempts", &self.attempts)
            .field("duration", &self.duration)
            .finish_non_exhaustive()
    }
}
