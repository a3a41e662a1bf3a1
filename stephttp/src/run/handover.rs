//! What is told to Inngest when a handler cannot go on by itself.

use std::time::Duration;

use serde::Serialize;

use super::Run;
use super::mode::{DISCOVER, FAILED, Mode, PLANS};
use super::record::{Recorded, StepKey};
use super::state::{Outstanding, OutstandingKind};
use super::stored_order::store_order;
use crate::remember;
use crate::wire::limits::REENTRY_ANSWER_BYTES;
use crate::wire::{OpCode, OpOpts};

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

impl Run {
    /// Decides what to tell Inngest about a suspended handler.
    ///
    /// With one thing outstanding, Inngest calls back once, and that re-entry may run every step it comes to. With
    /// several, two re-entries can be under way at once, and each would run what the other is running: from then on
    /// the run *plans*, which it notes in a hidden step.
    pub(crate) fn hand_over(&self, outstanding: Vec<Outstanding>) -> Handover {
        // What follows must find the handler where it is.
        store_order(&mut self.lock());
        let mut context = Vec::new();
        if self.is_first() {
            context.extend(
                self.remembered.take().map(|values| Recorded::ran(remember::hidden_step(), values, None)),
            );
        }
        let failed_before = self.count_failures();
        let (mut ops, retry_after) = choose(outstanding, failed_before);
        if self.is_first() {
            ops = by_reentry(ops);
        }
        let called_back = ops.len() + failed_before;
        if called_back > 1 && !self.plans() {
            context.push(hidden(StepKey::hidden(PLANS), &true));
        } else if let (true, [failing]) = (self.is_first(), &*ops)
            && failing.op() == OpCode::StepError
        {
            context.push(hidden(StepKey::hidden(FAILED), &failing.hash()));
        }
        if called_back > 1 && !self.plans() {
            let plan = |op: Recorded| if op.is_done_when_told() { op.into_plan() } else { op };
            ops = ops.into_iter().map(plan).collect();
        }
        if called_back > 1 || self.plans() {
            ops = ops.into_iter().map(Recorded::race).collect();
        }
        Handover { context, ops, retry_after }
    }

    /// What a request for one step answers when its handler does not come to that step: to be called back anew. The step
    /// itself is named only once.
    pub(crate) fn without_its_step(&self) -> Option<Recorded> {
        let Some(Mode::Runs(step)) = self.mode().filter(|_| self.misses_its_step(&self.lock())) else {
            return None;
        };
        let key = StepKey::hidden(format!("{DISCOVER}:{step}"));
        Some(Recorded::ask(key, OpCode::DiscoveryRequest, OpOpts::default()).race())
    }

    /// What a re-entry answers when finished steps could not be saved: they go before the operations that it would have
    /// answered alone. Inngest calls back for each, so from here on the run plans.
    pub(crate) fn unsaved_with(&self, ops: Vec<Recorded>) -> Vec<Recorded> {
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

    fn plans(&self) -> bool {
        matches!(self.mode(), Some(Mode::Plans | Mode::Runs(_)))
    }

    /// Steps that failed for good in the first request, where the handler went on. Inngest calls back for each of them.
    fn count_failures(&self) -> usize {
        self.lock().failed_steps
    }
}

/// A step that the SDK adds for itself.
pub(super) fn hidden(key: StepKey, value: &impl Serialize) -> Recorded {
    // A flag or texts: this cannot fail.
    Recorded::ran(key, serde_json::value::to_raw_value(value).unwrap_or_default(), None)
}

/// Replaces what must not be told from the first request by the wish to be called back at once, to tell it then.
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
    // A step that failed for good in the first request calls back by itself, at once: the rest is found again then.
    if failed_before == 1 {
        return (Vec::new(), None);
    }
    // So does one in a re-entry.
    if let Some(failed) = outstanding.iter().position(ends) {
        return only(outstanding, failed, delay);
    }
    // Of several steps that failed and will be tried again, one is told; the others run again in its re-entry.
    let mut failing_told = false;
    let retry_after = outstanding.iter().find(|one| is_failing(one)).and_then(delay);
    let told =
        outstanding.into_iter().filter(|one| !is_failing(one) || !std::mem::replace(&mut failing_told, true));
    (told.map(|one| one.op).collect(), retry_after)
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
