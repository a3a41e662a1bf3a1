//! When a handler can go no further: whose turn it is, what starts, and why it ends.

use std::time::Duration;

use super::order::{Slot, Turn};
use super::{Journal, Mode, Outstanding, Recorded, Stale, Stop, Target};
use crate::wire::limits::RUN_STEPS;

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

/// What is done with a handler that is pending.
#[derive(Debug)]
pub(crate) enum Next {
    /// It is polled again, once this step is woken: it is its turn.
    Give(Slot),
    /// It is polled again, once these steps are woken.
    Wake(Vec<Slot>),
    /// It is let alone until something happens.
    Rest,
    /// The same, but not for long: whoever gives way to others comes first.
    GiveWay,
    /// It must be decided which step's result comes first, so that other requests of the run agree:
    /// this step holds the proposal. Once what is stored has been [learnt](Journal::learn), the
    /// handler goes on.
    Undecided(Recorded),
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
    /// What is done with the handler, which is pending. `is_woken`: it has been woken since its
    /// last poll. `transforming`: a middleware is at work on a step that has just come to it.
    pub(crate) fn after_poll(&mut self, is_woken: bool, transforming: bool) -> Next {
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
        if is_woken && self.pace.restless < PATIENCE {
            self.pace.restless += 1;
            return Next::Rest;
        }
        self.pace.restless = 0;
        self.pace.gave = false;
        self.pace.awaited = None;
        if let Some(next) = self.next_turn() {
            return next;
        }
        if self.saves_first && !self.gate.waiting.is_empty() {
            return Next::Rest;
        }
        let opened = self.open_gate();
        if !opened.is_empty() {
            return Next::Wake(opened);
        }
        let waits = self.outstanding.is_empty() || self.pace.awaited.is_some();
        if waits || is_woken || polled > 0 || self.executing.elsewhere > 0 {
            return Next::Rest;
        }
        if self.executing.all > 0 && !probing {
            // Is the handler still interested in the steps that execute, or does it hold them while
            // it waits for something else? Then they will never end: what has begun is given up,
            // and runs again.
            self.executing.probing = true;
            return Next::Wake(self.order.waiting());
        }
        if self.misses_its_step() && self.target != Target::GivenUp {
            self.pace.awaited = Some(Awaited::UntilReached(self.order.progress()));
            return Next::Rest;
        }
        self.done(Done::Suspended)
    }

    /// Gives the next result, if there is one to give. `None`: the handler gets none now.
    fn next_turn(&mut self) -> Option<Next> {
        // With the step that this request was made for the handler has come far enough.
        if self.has_target() {
            return None;
        }
        let decides = self.mode.decides();
        if !decides && self.order.goes_beyond_log() && self.pace.settles() {
            return Some(Next::GiveWay);
        }
        match self.order.turn(decides) {
            Turn::Give(slot) => {
                self.pace.gave = true;
                return Some(Next::Give(slot));
            }
            Turn::Undecided if self.is_full() => {
                let fault =
                    format!("a run has at most {RUN_STEPS} steps, and the order of its steps needs one more");
                return Some(self.done(|_| Done::Misused(fault)));
            }
            Turn::Undecided => return Some(Next::Undecided(self.propose_order())),
            Turn::Handler(after) => self.pace.awaited = Some(Awaited::UntilDropped(after)),
            Turn::Unreached if self.order.withholds() || !self.outstanding.is_empty() => {
                self.pace.awaited = Some(Awaited::UntilReached(self.order.progress()));
            }
            Turn::Unreached | Turn::Nobody => {}
        }
        None
    }

    fn done(&mut self, why: impl FnOnce(Vec<Outstanding>) -> Done) -> Next {
        let (outstanding, strays) = self.close();
        Next::Done(why(outstanding), strays)
    }

    /// Lets the steps start that wait for it. Returns whom to wake.
    fn open_gate(&mut self) -> Vec<Slot> {
        if self.target.is_answered() || self.gate.waiting.is_empty() {
            return Vec::new();
        }
        self.gate.opened += 1;
        std::mem::take(&mut self.gate.waiting)
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
        let before = self.order.progress();
        self.order.pass_over();
        let went_on = self.order.progress() > before;
        if self.misses_its_step() && !(went_on && self.order.withholds()) {
            self.target = Target::GivenUp;
        }
    }

    /// Whether the handler has come to the step that this request was made for.
    fn has_target(&self) -> bool {
        matches!(self.mode, Mode::Runs(_)) && matches!(self.target, Target::Reached(_) | Target::Answered(_))
    }

    /// Whether the handler has not come to the step that this request was made for.
    pub(super) fn misses_its_step(&self) -> bool {
        let Mode::Runs(step) = self.mode else { return false };
        matches!(self.target, Target::Unreached | Target::GivenUp) && !self.known.contains(step)
    }

    /// A step's code begins to run, in the handler's own task or elsewhere.
    pub(crate) fn begin_executing(&mut self, elsewhere: bool) {
        self.executing.any_begun = true;
        self.executing.all += 1;
        self.executing.elsewhere += usize::from(elsewhere);
    }

    /// A step's code has ended, or was dropped. Whether the handler may go no further now.
    pub(crate) fn end_executing(&mut self, elsewhere: bool) -> bool {
        self.executing.all -= 1;
        self.executing.elsewhere -= usize::from(elsewhere);
        !self.outstanding.is_empty()
    }

    /// A step's code was polled and has not ended.
    pub(crate) fn note_polled(&mut self) {
        self.executing.polled += 1;
    }
}
