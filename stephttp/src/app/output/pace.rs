//! How fast a client takes what is held for it.

use std::time::Duration;

use tokio::time::Instant;

/// For how long a client may take nothing.
const IDLE: Duration = Duration::from_secs(10);
/// The time over which its speed is measured, and the least after which it says anything.
const WINDOW: Duration = Duration::from_secs(10);
const SHORTEST: Duration = Duration::from_secs(3);
/// Bytes per second that a client has to take.
const LEAST: u64 = 32 * 1024;

/// What a client has taken lately.
#[derive(Debug)]
pub(crate) struct Pace {
    /// When it last took something.
    last: Instant,
    /// Since when `taken` is counted.
    since: Instant,
    taken: u64,
}

impl Pace {
    pub(crate) fn begin() -> Self {
        let now = Instant::now();
        Self { last: now, since: now, taken: 0 }
    }

    pub(crate) fn took(&mut self, bytes: usize) {
        let now = Instant::now();
        if now.duration_since(self.since) >= WINDOW {
            (self.since, self.taken) = (now, 0);
        }
        self.last = now;
        self.taken += bytes as u64;
    }

    /// Whether the client takes so little that it would hold its output for minutes. What it has
    /// taken at once at first, into the buffers on the way, does not count for long.
    pub(crate) fn is_slow(&self) -> bool {
        let now = Instant::now();
        let measured = now.duration_since(self.since);
        now.duration_since(self.last) >= IDLE
            || (measured >= SHORTEST && self.taken / measured.as_secs().max(1) < LEAST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so much a second for a minute; whether that ever was too slow.
    async fn takes(bytes: usize) -> bool {
        let mut pace = Pace::begin();
        pace.took(1_000_000);
        let mut was_slow = false;
        for _ in 0..60 {
            tokio::time::advance(Duration::from_secs(1)).await;
            was_slow |= pace.is_slow();
            pace.took(bytes);
        }
        was_slow
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_link_is_no_slow_client_and_a_drip_is() {
        assert!(!takes(64 * 1024).await);
        assert!(takes(8 * 1024).await);
        assert!(takes(1).await);
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_is_slow_whatever_it_has_taken_before() {
        let mut pace = Pace::begin();
        pace.took(100_000_000);
        tokio::time::advance(IDLE - Duration::from_millis(1)).await;
        assert!(!pace.is_slow());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(pace.is_slow());
    }
}
