//! When a handler can go no further: whose turn it is, what starts, and why it ends.

use std::time::Duration;

use super::order::{Slot, Turn};
use super::{Journal, Outstanding, Recorded, Stale, Stop};

/// How often in a row a handler that wakes itself is polled again before it is given the next
/// result all the same.
///
/// Combinators wake themselves once or twice to be fair; a step that is busy does it without end.
const PATIENCE: u8 = 16;

/// How often a handler is let alone before something is decided that other requests of the run must
/// come to as well: what lies between its steps may give way to others.
const SETTLING: u8 = 4;

/// What the handler does by itself, if it does as it did in an earlier request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Awaited {
    /// It drops a step after so long.
    UntilDropped(Duration),
    /// It comes to a step; with how far it has come.
    UntilReached(usize),
}

/// How the handler is brought forward.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// The handler's poll came because a result was given to it.
    pub(super) gave: bool,
    /// The order of the steps' results waits for the handler.
    awaited: Option<Awaited>,
    /// How often in a row the handler had woken itself when it could have been given a result.
    restless: u8,
    /// How often in a row it has been let alone, to come to where it comes by itself.
    settling: u8,
}

impl Pace {
    /// Lets the handler alone for a moment, a few times.
    fn settles(&mut self) -> bool {
        self.settling = (self.settling + 1) % (SETTLING + 1);
        self.settling != 0
    }
}

/// What a verdict on a pending handler depends on beside the journal.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Polled {
    /// It has been woken since its last poll.
    pub(crate) is_woken: bool,
    /// A middleware is at work on a step that has just come to it.
    pub(crate) transforming: bool,
    /// How often Inngest dispatches the job once more, at most, if an answer says that a step
    /// failed.
    pub(crate) attempts_left: u32,
}

/// What is done with a handler that is pending.
#[derive(Debug)]
pub(crate) enum Next {
    /// It is polled again, once this step is woken: it is its turn.
    Give(Slot),
    /// It is polled again, once this step is woken.
    WakeOne(Slot),
    /// It is polled again, once these steps are woken.
    Wake(Vec<Slot>),
    /// All requests of the run have to agree on what comes next: what has ended is saved, with this
    /// proposal if there is one, and what is stored then is [learnt](Journal::learn). The handler's
    /// steps may go on meanwhile.
    Agree(Option<Recorded>),
    /// It is let alone until something happens.
    Rest,
    /// The same, but not for long: whoever gives way to others comes first.
    GiveWay,
    /// It goes no further. With whom to wake once it is gone.
    Done(Done, Vec<Slot>),
}

/// Why a handler goes no further.
#[derive(Debug)]
pub(crate) enum Done {
    /// It waits for what only Inngest can bring about.
    Suspended(Vec<Outstanding>),
    /// A step was misused; the text is for the developer.
    Misused(String),
    /// A middleware failed; the text is for the developer. Trying again may help.
    Broken(String),
    /// Inngest does not want this request to go on; with what the handler waited for.
    Stale(Stale, Vec<Outstanding>),
}

impl Journal {
    /// What is done with the handler, which is pending. `leaves` says whether steps that have not
    /// begun are left to another request, when one has begun in this one or not.
    pub(crate) fn after_poll(&mut self, facts: Polled, leaves: impl FnOnce(bool) -> bool) -> Next {
        let Polled { is_woken, transforming, attempts_left } = facts;
        let has_attempt = self.has_attempt(attempts_left);
        if let Some(stop) = &self.stop {
            // The others are told once; Inngest's word stays.
            let stop =
                if let Stop::Stale(stale) = stop { Some(Stop::Stale(*stale)) } else { self.stop.take() };
            return self.done(|outstanding| match stop {
                Some(Stop::Misused(fault)) => Done::Misused(fault),
                Some(Stop::Broken(fault)) => Done::Broken(fault),
                Some(Stop::Stale(stale)) => Done::Stale(stale, outstanding),
                None => unreachable!("it was there"),
            });
        }
        if transforming {
            return Next::Rest;
        }
        let polled = std::mem::take(&mut self.executing.polled);
        let probing = std::mem::take(&mut self.executing.probing);
        // A timeout that is reached polls the step once more, and then drops it: nothing is under
        // way by that.
        let is_unsure = std::mem::take(&mut self.executing.ended) && polled > 0;
        if is_woken && self.pace.restless < PATIENCE {
            self.pace.restless += 1;
            return Next::Rest;
        }
        self.pace.restless = 0;
        self.pace.gave = false;
        self.pace.awaited = None;
        if self.is_agreeing {
            return Next::Rest;
        }
        if self.is_needless || self.log.is_held_elsewhere(&self.job.id) {
            // Another request sees to everything.
            self.outstanding.clear();
            self.gate.waiting.clear();
            return self.done(Done::Suspended);
        }
        if let Some(next) = self.next_turn() {
            return next;
        }
        if !self.gate.waiting.is_empty() {
            if self.saves_first {
                return Next::Rest;
            }
            // What could be missed is told first, and the steps begin in another request. A job on
            // its last attempt that has brought the run forward leaves the rest to a new one.
            let has_begun = self.executing.begun > 0;
            let is_spent = has_begun && self.job.generation > 1 && !has_attempt;
            let stays_shut = Outstanding::may_miss(&self.outstanding) || is_spent || leaves(has_begun);
            if !stays_shut && let Some(next) = self.open_gate(has_attempt) {
                return next;
            }
        }
        let has_nothing = self.outstanding.is_empty() && self.gate.waiting.is_empty();
        let waits = has_nothing || self.pace.awaited.is_some();
        if waits || is_woken || (polled > 0 && !is_unsure) || self.executing.elsewhere > 0 {
            return Next::Rest;
        }
        if self.executing.all > 0 && (!probing || is_unsure) {
            // Is the handler still interested in the steps that execute, or does it hold them while
            // it waits for something else? Then they will never end: what has begun is given up,
            // and runs again.
            self.executing.probing = true;
            return Next::Wake(self.order.waiting());
        }
        if !self.decides()
            && let Some(next) = self.settle(has_attempt)
        {
            return next;
        }
        self.done(Done::Suspended)
    }

    /// Whether Inngest dispatches the job once more if an answer says that a step failed.
    pub(super) fn has_attempt(&self, attempts_left: u32) -> bool {
        attempts_left > u32::from(self.is_for_the_first)
    }

    /// Gives the next result, if there is one to give. `None`: the handler gets none now.
    fn next_turn(&mut self) -> Option<Next> {
        let decides = self.decides();
        if !decides && self.order.goes_beyond_log() && self.pace.settles() {
            return Some(Next::GiveWay);
        }
        match self.order.turn(decides) {
            Turn::Give(slot) => {
                self.pace.gave = true;
                return Some(Next::Give(slot));
            }
            Turn::Undecided => return Some(self.propose(Vec::new())),
            Turn::Handler(after) => self.pace.awaited = Some(Awaited::UntilDropped(after)),
            Turn::Unreached if self.order.withholds() || !self.outstanding.is_empty() => {
                self.pace.awaited = Some(Awaited::UntilReached(self.order.progress()));
            }
            Turn::Unreached | Turn::Nobody => {}
        }
        None
    }

    pub(super) fn done(&mut self, why: impl FnOnce(Vec<Outstanding>) -> Done) -> Next {
        let (outstanding, strays) = self.close();
        Next::Done(why(outstanding), strays)
    }

    /// What the handler must do by itself before it is given more results.
    pub(crate) fn awaited(&self) -> Option<Awaited> {
        self.pace.awaited
    }

    /// The time that passes now is not the handler's.
    pub(crate) fn let_go(&mut self) {
        self.pace.awaited = None;
    }

    /// The handler does not come to where it came in an earlier request.
    pub(crate) fn pass_over(&mut self) {
        self.order.pass_over();
    }

    /// A step's code begins to run, in the handler's own task or elsewhere.
    pub(crate) fn begin_executing(&mut self, elsewhere: bool) {
        self.executing.begun += 1;
        self.executing.all += 1;
        self.executing.elsewhere += usize::from(elsewhere);
    }

    /// A step's code has ended, or was dropped. Whether the handler may go no further now.
    pub(crate) fn end_executing(&mut self, elsewhere: bool) -> bool {
        self.executing.all -= 1;
        self.executing.ended = true;
        self.executing.elsewhere -= usize::from(elsewhere);
        !self.outstanding.is_empty() || !self.gate.waiting.is_empty()
    }

    /// A step's code was polled and has not ended.
    pub(crate) fn note_polled(&mut self) {
        self.executing.polled += 1;
        self.executing.ended = false;
    }
}
