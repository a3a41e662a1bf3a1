//! What is told to Inngest when a handler cannot go on by itself.

use std::time::Duration;

use serde_json::value::RawValue;

use super::delayed::delay;
use super::hidden::{DISCOVER, END, FAILED, PLANS, START, hidden, missed, order_step};
use super::remembered::remembered_step;
use super::{Decision, Journal, Mode, Outstanding, OutstandingKind, Recorded, StepKey, Target};
use crate::wire::limits::{REENTRY_ANSWER_BYTES, RUN_STEPS, STEP_OUTPUT_BYTES};
use crate::wire::{ApiResult, OpCode, OpOpts};

/// Room in an answer for the step that says that the run plans.
const PLANS_BYTES: usize = 1024;

/// The operations that hand a run over, in the order to send them.
#[derive(Debug)]
pub(crate) struct Handover {
    /// Hidden steps that must be stored before `ops` have an effect.
    pub(crate) context: Vec<Recorded>,
    /// What makes Inngest call back.
    pub(crate) ops: Vec<Recorded>,
    /// For the `Retry-After` header: the delay that a failed step asks for.
    pub(crate) retry_after: Option<Duration>,
}

/// What the journal does not know of a request that is handed over.
#[derive(Debug, Default)]
pub(crate) struct HandoverFacts {
    /// The output of the hidden step that holds what a first request remembers.
    pub(crate) remembered: Option<Box<RawValue>>,
    /// Whether a step that fails in this re-entry is tried again.
    pub(crate) has_attempt: bool,
}

/// Why a request for one step ends without that step's end.
#[derive(Debug)]
pub(crate) enum Unfinished {
    /// The handler dropped it.
    Dropped(Decision),
    /// The handler did not come to it; with what says so to later requests.
    Missed(Recorded),
}

/// The hidden step that a run begins with which has no other. `handed_over_at` is when the run may
/// have been handed over before, in milliseconds since the epoch.
pub(crate) fn start(handed_over_at: Option<u64>) -> Recorded {
    hidden(StepKey::hidden(START), &handed_over_at)
}

impl Journal {
    /// Decides what to tell Inngest about a suspended handler.
    ///
    /// With one thing outstanding, Inngest calls back once, and that re-entry may run every step it
    /// comes to. With several, two re-entries can be under way at once, and each would run what the
    /// other is running: from then on the run *plans*, which it notes in a hidden step.
    pub(crate) fn hand_over(&mut self, outstanding: Vec<Outstanding>, facts: HandoverFacts) -> Handover {
        // What follows must find the handler where it is.
        self.store_order();
        let is_first = self.mode == Mode::First;
        let mut context = Vec::new();
        if is_first {
            context.extend(facts.remembered.map(|values| Recorded::ran(remembered_step(), values, None)));
        }
        let failed_before = self.added.failed;
        let (mut ops, mut retry_after) = choose(outstanding, failed_before);
        if is_first {
            ops = by_reentry(ops);
        }
        let ops_are_one = ops.len() + failed_before == 1;
        // A delay goes with a re-entry's answer that holds nothing else.
        if let Some(put_off) = retry_after
            && (is_first || (ops.len() > 1 && facts.has_attempt))
            && let Some(failed) = ops.iter_mut().find(|op| op.op() == OpCode::StepError)
        {
            let (note, sleep) = delay(failed, put_off);
            context.push(note);
            if is_first && ops_are_one {
                context.push(hidden(StepKey::hidden(FAILED), &failed.hash()));
            }
            *failed = sleep;
            retry_after = None;
        }
        let begins_to_plan = ops.len() + failed_before > 1 && !self.plans();
        if begins_to_plan {
            context.push(hidden(StepKey::hidden(PLANS), &true));
            let plan = |op: Recorded| if op.is_done_when_told() { op.into_plan() } else { op };
            ops = ops.into_iter().map(plan).collect();
        } else if let (true, [failing]) = (is_first, &*ops)
            && failing.op() == OpCode::StepError
        {
            context.push(hidden(StepKey::hidden(FAILED), &failing.hash()));
        }
        if begins_to_plan || self.plans() {
            ops = ops.into_iter().map(Recorded::race).collect();
        }
        if is_first
            && context.is_empty()
            && ops.iter().any(|op| op.op() == OpCode::DiscoveryRequest)
            && !self.added.any_ended
        {
            // A re-entry that finds no step at all cannot tell a new run from one whose state is
            // being deleted.
            context.push(start(None));
        }
        Handover { context, ops, retry_after }
    }

    /// What a request for one step has to say when its handler has not brought that step to an end.
    pub(crate) fn without_its_step(&self) -> Option<Unfinished> {
        match (self.mode, self.target) {
            (Mode::Runs(_), Target::Dropped(dropped)) => Some(Unfinished::Dropped(dropped)),
            (Mode::Runs(step), _) if self.misses_its_step() => Some(Unfinished::Missed(missed(step))),
            _ => None,
        }
    }

    /// Asks to be called back, for once more to find out what comes next: the step that a request
    /// was made for is named only once.
    pub(crate) fn discovery(&self) -> Recorded {
        let suffix = match self.mode {
            Mode::Runs(step) => format!(":{step}"),
            _ => String::new(),
        };
        let key = StepKey::hidden(format!("{DISCOVER}{suffix}"));
        Recorded::ask(key, OpCode::DiscoveryRequest, OpOpts::default()).race()
    }

    /// A hidden step that says that the handler dropped a step by itself, if it is the next in the
    /// order.
    pub(crate) fn propose_drop(&self, dropped: Decision) -> Option<Recorded> {
        (!self.order.has_drop_of(dropped)).then(|| hidden(order_step(self.known.orders()), &[dropped]))
    }

    /// Says what is wrong when a run's hidden steps are over a limit: Inngest ends it without an
    /// error then, or drops them.
    pub(crate) fn over_limit(&self, handover: &Handover) -> Option<String> {
        if let Some(bytes) =
            handover.context.iter().map(Recorded::output_size).find(|bytes| *bytes > STEP_OUTPUT_BYTES)
        {
            return Some(format!(
                "what `Remember` and middlewares remember of the request has {bytes} bytes as it is stored, but Inngest keeps \
                 at most {STEP_OUTPUT_BYTES} (4 MiB) of it: remember less"
            ));
        }
        // Should the first call be lost, one more begins the run.
        let steps = self.steps() + handover.context.len() + usize::from(self.mode == Mode::First);
        (steps > RUN_STEPS).then(|| {
            format!(
                "the run has {steps} steps, hidden ones that this crate adds for its waits and races included; the most \
                 is {RUN_STEPS}"
            )
        })
    }

    /// What a re-entry answers when finished steps could not be saved: they go before the
    /// operations that it would have answered alone. Inngest calls back for each, so from here on
    /// the run plans.
    pub(crate) fn unsaved_with(&mut self, ops: Vec<Recorded>) -> Vec<Recorded> {
        let size: usize = ops.iter().map(Recorded::size).sum();
        let mut answer = self.take_unsent_within(REENTRY_ANSWER_BYTES.saturating_sub(size + PLANS_BYTES));
        if answer.len() + ops.len() > 1 && !self.plans() {
            answer.retain(|op| op.hash() != StepKey::hidden(PLANS).hash);
            answer.insert(0, hidden(StepKey::hidden(PLANS), &true));
        }
        answer.extend(ops);
        if answer.len() > 1 || self.plans() {
            answer.into_iter().map(Recorded::race).collect()
        } else {
            answer
        }
    }

    /// A hidden step that proposes how the run ends, if several re-entries may come to its end at
    /// once, and it can be stored.
    pub(crate) fn propose_end(&self, result: &ApiResult<'_>) -> Option<Recorded> {
        if !self.plans() || self.is_full() {
            return None;
        }
        let end = hidden(StepKey::hidden(END), result);
        (end.output_size() <= STEP_OUTPUT_BYTES).then_some(end)
    }

    /// Whether other re-entries of the run may be under way.
    pub(crate) fn plans(&self) -> bool {
        self.mode.plans()
    }
}

/// Replaces what must not be told from the first request by the wish to be called back at once, to
/// tell it then.
fn by_reentry(mut ops: Vec<Recorded>) -> Vec<Recorded> {
    let told = ops.len();
    ops.retain(|op| !op.is_for_reentries());
    if ops.len() < told {
        let key = StepKey::hidden(DISCOVER);
        ops.push(Recorded::ask(key, OpCode::DiscoveryRequest, OpOpts::default()));
    }
    ops
}

/// Of what is outstanding, what to say now.
fn choose(outstanding: Vec<Outstanding>, failed_before: usize) -> (Vec<Recorded>, Option<Duration>) {
    let is_answer = |one: &Outstanding| matches!(one.kind, OutstandingKind::Answer(_));
    let is_failing = |one: &Outstanding| matches!(one.kind, OutstandingKind::Failing(_));
    let ends = |one: &Outstanding| one.op.op() == OpCode::StepFailed;
    let delay = |one: &Outstanding| match one.kind {
        OutstandingKind::Answer(delay) | OutstandingKind::Failing(delay) => delay,
        OutstandingKind::Wait | OutstandingKind::Planned => None,
    };
    // A request for one step answers with that step, a retry with the step that ended.
    if let Some(answer) = outstanding.iter().position(is_answer) {
        return only(outstanding, answer, delay);
    }
    // A step that failed for good in the first request calls back by itself, at once: the rest is
    // found again then.
    let waits_for_retry = |one: &Outstanding| is_failing(one) && delay(one).is_some();
    if failed_before == 1 && !outstanding.iter().any(waits_for_retry) {
        return (Vec::new(), None);
    }
    // So does one in a re-entry.
    if let Some(failed) = outstanding.iter().position(ends) {
        return only(outstanding, failed, delay);
    }
    // Of several steps that failed and will be tried again, one is told; the others run again in
    // its re-entry. So it is the one that wants to wait longest; among equals, the first.
    let failing = outstanding.iter().filter(|one| is_failing(one)).rev();
    let last = failing.max_by_key(|one| delay(one)).map(|one| (one.op.hash(), delay(one)));
    let is_told = |one: &Outstanding| !is_failing(one) || last.is_some_and(|(hash, _)| hash == one.op.hash());
    let told = outstanding.into_iter().filter(is_told).map(|one| one.op).collect();
    (told, last.and_then(|(_, delay)| delay))
}

fn only(
    mut outstanding: Vec<Outstanding>,
    index: usize,
    delay: impl Fn(&Outstanding) -> Option<Duration>,
) -> (Vec<Recorded>, Option<Duration>) {
    let one = outstanding.swap_remove(index);
    let delay = delay(&one);
    (vec![one.op], delay)
}
