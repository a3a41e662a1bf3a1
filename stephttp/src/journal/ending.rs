//! How a re-entry ends: what it tells Inngest, as one value.
//!
//! An answer that ends a run ends it again if it is over, and rewrites its status and output
//! (docs/protocol.md 3.5). So:
//!
//! > No answer changes a run that is over, and none hangs or fails one that is not.
//!
//! [`Ending::of`] is where that is kept. Everything that has ended is saved first; whether the run
//! still goes on is asked last. There is one exception: on the last attempt, while Inngest cannot
//! be asked, a request ends its run, since the run would otherwise hang for ever.

use std::time::Duration;

use super::handover::again_since;
use super::{Recorded, Stale};
use crate::untrusted::shown;
use crate::wire::{ApiResult, OpError};

/// What a re-entry tells Inngest.
#[derive(Debug)]
pub(crate) enum Ending {
    /// These operations. With the `Retry-After`.
    Operations(Vec<Recorded>, Option<Duration>),
    /// The run has ended, and this is what its client gets.
    Finished(ApiResult<'static>),
    /// Another attempt is asked for. Of a run that is over it changes nothing; one whose attempts
    /// are used up hangs.
    TryAgain(Why, String),
    /// The run is over: nothing.
    Over,
    /// Another dispatch of the job has taken this one's place: whatever is said counts for nothing.
    Superseded,
}

/// On whose account another attempt is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// The handler, or a middleware, has come to no answer.
    App,
    /// Inngest does not say what must be known.
    Inngest,
    /// Inngest has no state of the run: it may be over.
    Gone,
}

/// What a re-entry's handler has come to.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It goes on once Inngest has done these. With the `Retry-After`.
    Waits(Vec<Recorded>, Option<Duration>),
    /// It has ended, and the run with it.
    Ends(ApiResult<'static>),
    /// It has come to no answer, for this reason. Another attempt may; without one, the run fails.
    Fails(String),
    /// It has answered with an error. Another attempt may come to something better, after the time
    /// that the answer names; without one, the run fails, and this is what its client gets.
    Errs(ApiResult<'static>, Option<Duration>),
}

/// What has become of the steps that had ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Saved {
    /// Inngest has them.
    All,
    /// Inngest cannot be told for now.
    Not,
    /// Inngest does not want them.
    Refused(Stale),
}

/// How the run stands, as far as that was asked.
#[derive(Debug)]
pub(crate) enum Standing {
    /// Inngest has shown that the run goes on, as it has at the request's beginning.
    GoesOn,
    /// The run goes on, and another re-entry has come to its end first, which is this.
    Agreed(ApiResult<'static>),
    /// Inngest shows the run as over.
    Over,
    /// Inngest has no state of the run: it may be over.
    Gone,
    /// Inngest could not be asked; the text says for what.
    Unknown(&'static str),
}

/// What an ending depends on beside the outcome.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) saved: Saved,
    pub(crate) standing: Standing,
    /// An attempt is left for sure.
    pub(crate) may_retry: bool,
}

impl Outcome {
    /// Whether the run ends with it, as long as it goes on.
    pub(crate) fn ends(&self, may_retry: bool) -> bool {
        match self {
            Self::Waits(..) => false,
            Self::Ends(_) => true,
            Self::Fails(_) | Self::Errs(..) => !may_retry,
        }
    }
}

/// The result of a run that has failed, for a reason that its client and its page may show.
pub(crate) fn failure(message: &str) -> ApiResult<'static> {
    ApiResult::own(500, message)
}

const NOT_TOLD: &str = "Inngest could not be told what the run has come to";
const NOT_GIVEN: &str = "Inngest gives no state of the run";

impl Ending {
    /// Whether it is because the run is over, or may be.
    pub(crate) fn is_of_run_that_may_be_over(&self) -> bool {
        matches!(self, Self::Over | Self::TryAgain(Why::Gone, _))
    }

    /// How a re-entry ends. `unsaved_with` gives what could not be saved, before some operations.
    pub(crate) fn of(
        outcome: Outcome,
        facts: Facts,
        unsaved_with: impl FnOnce(Vec<Recorded>, bool) -> Vec<Recorded>,
    ) -> Self {
        let Facts { saved, standing, may_retry } = facts;
        match (saved, standing) {
            (Saved::Refused(Stale::Superseded), _) => Self::Superseded,
            (Saved::Refused(Stale::Over), Standing::Agreed(agreed)) => Self::Finished(agreed),
            // It was a passing failure of Inngest's: what has ended goes back in the answer.
            (Saved::Refused(Stale::Over), Standing::GoesOn) | (Saved::Not, _) => {
                Self::unsaved(outcome, may_retry, unsaved_with)
            }
            (Saved::Refused(Stale::Over), standing) => Self::without_state(&standing, may_retry),
            (Saved::All, standing) => match outcome {
                Outcome::Waits(ops, retry_after) => Self::Operations(ops, retry_after),
                Outcome::Fails(message) if may_retry => Self::TryAgain(Why::App, message),
                Outcome::Fails(message) => Self::end(failure(&message), standing, may_retry),
                Outcome::Errs(result, delay) if may_retry => Self::try_again(&result, delay),
                Outcome::Ends(result) | Outcome::Errs(result, _) => Self::end(result, standing, may_retry),
            },
        }
    }

    /// The handler's error is not the run's end. Only beside a step that failed Inngest looks at a
    /// delay.
    fn try_again(error: &ApiResult<'_>, delay: Option<Duration>) -> Self {
        let message = format!("the handler answered {}: {}", error.status, shown(&error.body));
        match delay {
            None => Self::TryAgain(Why::App, message),
            delay => Self::Operations(vec![again_since(OpError::own("HandlerError", message))], delay),
        }
    }

    /// The run ends with a result, if it goes on.
    fn end(result: ApiResult<'static>, standing: Standing, may_retry: bool) -> Self {
        match standing {
            Standing::Agreed(agreed) => Self::Finished(agreed),
            Standing::Unknown(what) if may_retry => Self::TryAgain(Why::Inngest, what.to_owned()),
            // If that is unknown: it went on when the request began, and what it has come to must
            // not be lost.
            Standing::GoesOn | Standing::Unknown(_) => Self::Finished(result),
            standing => Self::without_state(&standing, may_retry),
        }
    }

    /// Finished steps that cannot be saved go back in the answer: the next re-entry comes to this
    /// same point.
    fn unsaved(
        outcome: Outcome,
        may_retry: bool,
        unsaved_with: impl FnOnce(Vec<Recorded>, bool) -> Vec<Recorded>,
    ) -> Self {
        let (ops, retry_after) = match outcome {
            Outcome::Waits(ops, retry_after) => (ops, retry_after),
            Outcome::Ends(_) | Outcome::Fails(_) | Outcome::Errs(..) => (Vec::new(), None),
        };
        let ops = unsaved_with(ops, may_retry);
        if !ops.is_empty() {
            Self::Operations(ops, retry_after)
        } else if may_retry {
            // Somebody else is saving them.
            Self::TryAgain(Why::Inngest, NOT_TOLD.to_owned())
        } else {
            Self::Finished(failure(NOT_TOLD))
        }
    }

    /// Inngest does not give the state of the run.
    pub(crate) fn without_state(standing: &Standing, may_retry: bool) -> Self {
        match standing {
            Standing::Over => Self::Over,
            // Each of its attempts has come to this, and Inngest has not said that it is over.
            Standing::Unknown(what) if !may_retry => Self::Finished(failure(what)),
            Standing::Unknown(what) => Self::TryAgain(Why::Inngest, (*what).to_owned()),
            // Whether it was over cannot be told. This changes nothing if it was, and brings
            // another attempt if it was not.
            Standing::Gone | Standing::GoesOn | Standing::Agreed(_) => {
                Self::TryAgain(Why::Gone, NOT_GIVEN.to_owned())
            }
        }
    }
}
