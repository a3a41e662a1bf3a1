//! Time for runs without Inngest: what is waited for is over in the order in which it would be, at
//! once.

use std::sync::Mutex;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::sync::lock;

/// After so many polls a wait is over whatever else waits: the others may be held without being
/// polled.
const PATIENCE: u32 = 1_000;

/// The waits of one run.
#[derive(Debug, Default)]
pub(super) struct VirtualTime(Mutex<Clock>);

#[derive(Debug, Default)]
struct Clock {
    now: Duration,
    /// When each of them is over, and the order in which they began.
    waits: Vec<(Duration, u32)>,
    begun: u32,
}

/// One wait's place among them.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Ticket {
    wait: Option<(Duration, u32)>,
    polls: u32,
}

impl VirtualTime {
    /// Polls a wait that lasts so long. It is not over at its first poll: others that begin with it
    /// may be over before.
    pub(super) fn poll(&self, ticket: &mut Ticket, lasts: Duration, waker: &Waker) -> Poll<()> {
        if lasts.is_zero() {
            return Poll::Ready(());
        }
        let mut clock = lock(&self.0);
        ticket.polls += 1;
        if let Some(wait) = ticket.wait {
            if clock.waits.iter().min() == Some(&wait) || ticket.polls > PATIENCE {
                clock.now = clock.now.max(wait.0);
                clock.waits.retain(|other| *other != wait);
                ticket.wait = None;
                return Poll::Ready(());
            }
        } else {
            let wait = (clock.now.saturating_add(lasts), clock.begun);
            clock.begun += 1;
            clock.waits.push(wait);
            ticket.wait = Some(wait);
        }
        drop(clock);
        // The handler's own tasks come first.
        let _ = std::pin::pin!(tokio::task::yield_now()).poll(&mut Context::from_waker(waker));
        Poll::Pending
    }

    /// A wait was dropped.
    pub(super) fn forget(&self, ticket: &Ticket) {
        if let Some(wait) = ticket.wait {
            lock(&self.0).waits.retain(|other| *other != wait);
        }
    }
}
