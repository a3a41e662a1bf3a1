//! What an app promises whatever goes wrong.

use std::fmt;

/// What an app promises, and what a sweep looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Promise {
    /// A step whose result is saved does not run again, and no step or effect happens more often
    /// than it does undisturbed, but once more for each death: what a process did and had not
    /// saved is lost with it.
    RunsOnce,
    /// Each step that runs undisturbed runs here, too.
    LeavesNothingOut,
    /// The client gets the answer that it gets undisturbed.
    SameAnswer,
    /// The story ends, and no run is left that nothing will end.
    Ends,
    /// A run of which a client was told, or that a living process has begun, is at Inngest.
    KeepsRuns,
    /// The engine sees no mistake of the SDK's.
    NoViolation,
    /// The story's assertions pass, and each of its requests is answered.
    Story,
    /// The checks of the world pass.
    World,
}

impl Promise {
    /// What it is called when it is broken.
    #[must_use]
    pub fn broken(self) -> &'static str {
        match self {
            Self::RunsOnce => "ran twice",
            Self::LeavesNothingOut => "left out",
            Self::SameAnswer => "another answer",
            Self::Ends => "hangs",
            Self::KeepsRuns => "lost",
            Self::NoViolation => "violation",
            Self::Story => "the story fails",
            Self::World => "the world is wrong",
        }
    }
}

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Breach {
    /// Which.
    pub promise: Promise,
    /// How.
    pub how: String,
}

impl Breach {
    pub(super) fn new(promise: Promise, how: impl Into<String>) -> Self {
        Self { promise, how: how.into() }
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.promise.broken(), self.how)
    }
}
