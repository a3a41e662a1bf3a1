//! What time it is for the server, and when a timer may fire.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How a server's time goes by.
///
/// Sleeps, retries and timeouts are all measured on one clock. Nothing in a test has to wait for
/// them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Clock {
    /// Time stands still while the app works and jumps to the next timer when it has answered.
    /// Timers fire in the order of their due times; those due at the same instant fire together. A
    /// re-entry that is never answered therefore stops time, and so does a call to a third party or
    /// a stand-in function that does not end.
    ///
    /// A wait for an event or a signal times out at once, unless there is something to do before. A
    /// test that wants to send the event first holds time:
    /// [`DevServer::hold_time`](crate::DevServer::hold_time).
    #[default]
    Skip,
    /// Time moves only by [`DevServer::advance`](crate::DevServer::advance). It does not wait for
    /// stand-in functions.
    Manual,
    /// The machine's time.
    Real,
}

/// A clock with its hands.
#[derive(Debug)]
pub(crate) struct Time {
    kind: Clock,
    /// Where a clock that is not real stands.
    now: SystemTime,
    /// How far a manual clock may go.
    limit: SystemTime,
    /// Whether a skipping clock stands still.
    held: bool,
}

/// When something happened, and what happened before it at the same instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment {
    /// The time on the clock.
    pub(crate) at: SystemTime,
    /// How much had been noted before. It counts where the clock stands still.
    pub(crate) order: u64,
}

/// What to do about the earliest timer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// It is due, or time has just been moved to it.
    Fire,
    /// Come back at this time.
    At(SystemTime),
    /// Nothing before something else happens.
    Wait,
}

impl Time {
    pub(crate) fn new(kind: Clock) -> Self {
        // Whole milliseconds, as everything on the wire has them.
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now =
            UNIX_EPOCH + Duration::from_millis(u64::try_from(since_epoch.as_millis()).unwrap_or_default());
        Self { kind, now, limit: now, held: false }
    }

    pub(crate) fn kind(&self) -> Clock {
        self.kind
    }

    pub(crate) fn now(&self) -> SystemTime {
        if self.kind == Clock::Real { SystemTime::now() } else { self.now }
    }

    /// Decides about a timer that is due at `due`; `quiet` says that no dispatch is unanswered.
    pub(crate) fn timer(&mut self, due: SystemTime, quiet: bool) -> Timer {
        if due <= self.now() {
            return Timer::Fire;
        }
        match self.kind {
            Clock::Real => Timer::At(due),
            // A later timer must not overtake the work that an earlier one has begun.
            Clock::Skip if quiet && !self.held => self.move_to(due),
            Clock::Manual if quiet && due <= self.limit => self.move_to(due),
            Clock::Skip | Clock::Manual => Timer::Wait,
        }
    }

    /// Lets a skipping clock stand still, or go on.
    pub(crate) fn hold(&mut self, held: bool) {
        self.held = held;
    }

    /// Whether a skipping clock stands still.
    pub(crate) fn held(&self) -> bool {
        self.held && self.kind == Clock::Skip
    }

    fn move_to(&mut self, due: SystemTime) -> Timer {
        self.now = due;
        Timer::Fire
    }

    /// Lets a manual clock go on by `duration`; answers how far it may go now.
    pub(crate) fn allow(&mut self, duration: Duration) -> SystemTime {
        self.limit += duration;
        self.limit
    }

    /// Moves a manual clock to `target`, once every timer before it has fired.
    pub(crate) fn reach(&mut self, target: SystemTime) {
        self.now = self.now.max(target);
    }
}
