//! Log lines that strangers can cause.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::sync::lock;

/// Lines of one kind that are written within [`PERIOD`].
const LINES: u32 = 20;
const PERIOD: Duration = Duration::from_secs(10);

/// What a line is about. Each kind has a limit of its own, so that one of them cannot silence the
/// others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Complaint {
    /// A request claims to be Inngest's, and is not.
    Unsigned,
    /// A request's body is too long, too slow, or broke off.
    RequestBody,
    /// A response's body did not come to its end, or is not stored.
    ResponseBody,
    /// The method of a request is none that Inngest calls back with.
    Method,
    /// The output route has nothing to give.
    Output,
    /// In dev mode: a request's `Host` is none that Inngest is sent to.
    Host,
    /// A handler takes a `Step`, and its route has no layer.
    MissingLayer,
    /// A request's run could not be handed over.
    HandOver,
    /// A response ends before Inngest has the report of its run, which it was to wait for.
    Delivery,
    /// Something of a run's stream does not come to its client.
    Stream,
}

/// Limits how often a process says what strangers make it say.
#[derive(Debug, Default)]
pub(crate) struct Complaints([Limit; 10]);

#[derive(Debug, Default)]
struct Limit(Mutex<Period>);

#[derive(Debug, Default, Clone, Copy)]
struct Period {
    began: Option<Instant>,
    written: u32,
    left_out: u64,
}

impl Complaints {
    /// Whether a line may be written; with how many of its kind were left out before it.
    pub(crate) fn admit(&self, complaint: Complaint) -> Option<u64> {
        let mut period = lock(&self.0[complaint as usize].0);
        let now = Instant::now();
        if period.began.is_none_or(|began| now.duration_since(began) >= PERIOD) {
            *period = Period { began: Some(now), written: 0, left_out: period.left_out };
        }
        if period.written < LINES {
            period.written += 1;
            Some(std::mem::take(&mut period.left_out))
        } else {
            period.left_out += 1;
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn lines_are_limited_by_kind_and_those_left_out_are_counted() {
        let complaints = Complaints::default();
        let written = (0..1_000).filter(|_| complaints.admit(Complaint::Unsigned).is_some()).count();
        assert_eq!(written, 20);
        assert_eq!(complaints.admit(Complaint::Output), Some(0));
        tokio::time::advance(PERIOD).await;
        assert_eq!(complaints.admit(Complaint::Unsigned), Some(980));
        assert_eq!(complaints.admit(Complaint::Unsigned), Some(0));
    }
}
