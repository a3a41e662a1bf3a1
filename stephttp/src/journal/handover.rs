//! What is told to Inngest when a handler cannot go on by itself.

use std::time::Duration;

use serde_json::value::RawValue;

use super::hidden::{AGAIN, END, SHARED, START, discovery, hidden, told_step};
use super::log::LogEntry;
use super::outstanding::{Awaits, Outstanding};
use super::remembered::remembered_step;
use super::{Journal, Mode, Recorded, StepKey};
use crate::wire::limits::{REENTRY_ANSWER_BYTES, RUN_STEPS, STEP_OUTPUT_BYTES};
use crate::wire::{ApiResult, OpCode, OpError, StepHash};

/// Room in an answer for the step that says that the run is shared, and for one that asks for
/// another attempt.
const SHARED_BYTES: usize = 2 * 1024;

/// The operations that hand a run over, in the order to send them.
#[derive(Debug)]
pub(crate) struct Handover {
    /// Hidden steps that must be stored before `ops` have an effect.
    pub(crate) context: Vec<Recorded>,
    /// What makes Inngest call back; nothing, where others see to the run.
    pub(crate) ops: Vec<Recorded>,
    /// For the `Retry-After` header: the delay that a failed step asks for.
    pub(crate) retry_after: Option<Duration>,
}

/// What the journal does not know of a request that is handed over.
#[derive(Debug, Default)]
pub(crate) struct HandoverFacts {
    /// The output of the hidden step that holds what a first request remembers.
    pub(crate) remembered: Option<Box<RawValue>>,
    /// How often Inngest dispatches this re-entry's job once more, at most.
    pub(crate) attempts_left: u32,
    /// How long ago the request began.
    pub(crate) elapsed: Duration,
}

/// The hidden step that a run begins with which has no other. `handed_over_at` is when the run may
/// have been handed over before, in milliseconds since the epoch.
pub(crate) fn start(handed_over_at: Option<u64>) -> Recorded {
    hidden(StepKey::hidden(START), &handed_over_at)
}

/// What is told, while it is being put together.
#[derive(Debug, Default)]
struct Telling {
    context: Vec<Recorded>,
    ops: Vec<Recorded>,
    /// Says of waits that Inngest has been told of them.
    told: Vec<Recorded>,
    retry_after: Option<Duration>,
    /// Steps that this job must keep, once others may come to them.
    claims: Vec<StepHash>,
    /// Something is left that another request must come to.
    leaves: bool,
}

impl Journal {
    /// Decides what to tell Inngest about a suspended handler.
    ///
    /// With one thing outstanding, Inngest calls back once, and that re-entry is alone. With
    /// several, two re-entries can be under way at once, and each would run what the other is
    /// running: from then on the run is *shared*, which it notes in a hidden step, and steps are
    /// claimed before they begin.
    pub(crate) fn hand_over(&mut self, mut outstanding: Vec<Outstanding>, facts: HandoverFacts) -> Handover {
        let is_first = self.mode == Mode::First;
        let failed_before = self.added.failed;
        let mut entries = Vec::new();
        if self.decides() {
            // What follows must find the handler where it is.
            entries.extend(self.order.take_unstored().into_iter().map(LogEntry::Decided));
            keep_the_answer(&mut outstanding, failed_before);
            let is_one = outstanding.len() + failed_before + usize::from(self.gate.is_left) == 1;
            let has_attempt = if is_first {
                is_one && !has_delay(&outstanding)
            } else {
                self.has_attempt(facts.attempts_left)
            };
            entries.extend(self.retries(&outstanding, has_attempt));
        }
        let mut telling = Telling { leaves: self.gate.is_left || self.has_released, ..Telling::default() };
        if is_first {
            let values = facts.remembered.map(|values| Recorded::ran(remembered_step(), values, None));
            telling.context.extend(values);
        }
        self.note(&entries);
        self.tell(&mut telling, outstanding, facts.elapsed);
        let Telling { mut context, mut ops, told, retry_after, claims, leaves } = telling;
        if leaves && failed_before == 0 {
            ops.push(self.discovery());
        }
        let begins_to_share = ops.len() + failed_before > 1 && self.mode != Mode::Shared;
        if begins_to_share {
            context.push(hidden(StepKey::hidden(SHARED), &true));
        }
        if (begins_to_share || self.is_holding()) && !is_first && !claims.is_empty() {
            entries.push(LogEntry::Claimed { claimed: claims, by: self.job.id.clone() });
        }
        if self.is_holding() {
            // Who holds the run has not settled anything with others.
            entries.extend(self.recovered());
            entries.push(LogEntry::Left { left_by: self.job.id.clone() });
        }
        // An answer's finished steps are stored with it: nobody takes a wait for told that is not.
        if is_first { &mut context } else { &mut ops }.extend(told);
        if begins_to_share || self.mode == Mode::Shared {
            ops = ops.into_iter().map(Recorded::race).collect();
        }
        if is_first
            && context.is_empty()
            && entries.is_empty()
            && ops.iter().any(|op| op.op() == OpCode::DiscoveryRequest)
            && !self.added.any_ended
        {
            // A re-entry that finds no step at all cannot tell a new run from one whose state is
            // being deleted.
            context.push(start(None));
        }
        self.write(&entries);
        Handover { context, ops, retry_after }
    }

    /// Puts together what is told of what is outstanding.
    fn tell(&self, telling: &mut Telling, outstanding: Vec<Outstanding>, elapsed: Duration) {
        let is_first = self.mode == Mode::First;
        let may_miss = Outstanding::may_miss(&outstanding);
        let shares = outstanding.len() > 1;
        for one in outstanding {
            let is_beside_a_step = one.is_beside_a_step(self.executing.begun);
            let op = match one.awaits {
                Awaits::Elsewhere | Awaits::Inngest { is_told: true, .. } => continue,
                Awaits::Inngest { op, .. } if is_first && op.is_for_reentries() => {
                    telling.leaves = true;
                    continue;
                }
                // What it brings about could be what the wait is for.
                Awaits::Inngest { op, .. } if may_miss && op.is_done_when_told() => {
                    telling.leaves = true;
                    continue;
                }
                Awaits::Inngest { op, .. } => {
                    if op.is_done_when_told() {
                        telling.claims.push(one.hash);
                    }
                    if is_beside_a_step { op.shortened(elapsed) } else { op }
                }
                // Another dispatch of this job has told Inngest of it. The job that this brought
                // may have come and gone, and Inngest makes no second one.
                Awaits::Answer(op) if self.known.contains(op.hash()) => {
                    telling.leaves = true;
                    continue;
                }
                Awaits::Answer(op) => {
                    // After a failure for good, unlike after a result, the server calls back only
                    // if nothing else of the run is open, or if the job races with others: which no
                    // job does that an event, a signal or a timeout has brought.
                    telling.leaves |= op.op() == OpCode::StepFailed && (shares || self.mode == Mode::Shared);
                    // Others may come to it once the run is left, which is before the answer.
                    if self.is_holding() {
                        telling.claims.push(one.hash);
                    }
                    op
                }
                Awaits::Retry { op, delay, .. } => {
                    let Some(op) = self.retried(op, one.hash) else { continue };
                    if self.known.contains(op.hash()) {
                        telling.leaves = true;
                        continue;
                    }
                    if op.op() == OpCode::StepError {
                        telling.claims.push(one.hash);
                        telling.retry_after = delay;
                    }
                    op
                }
            };
            telling.ops.push(op);
        }
        if telling.leaves {
            let missable = telling.ops.iter().filter(|op| op.is_missable());
            telling.told = missable.map(|op| hidden(told_step(op.hash()), &true)).collect();
        }
    }

    /// Asks to be called back at once, by a name that no other request asks by.
    fn discovery(&self) -> Recorded {
        discovery(&self.own_name().unwrap_or_default())
    }

    /// What no other request is called; a first request needs no name.
    pub(super) fn own_name(&self) -> Option<String> {
        let name = || format!("{}:{}", StepHash::of(&self.job.id), self.job.generation);
        (self.mode != Mode::First).then(name)
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
    /// the run is shared. Nothing, if nothing can be told without leaving others waiting for ever.
    pub(crate) fn unsaved_with(&mut self, ops: Vec<Recorded>, may_retry: bool) -> Vec<Recorded> {
        let mut answer = self.take_unsent_within(room_beside(&ops));
        if self.mode == Mode::Shared {
            if self.has_to_stay(&answer, &ops) {
                if !may_retry {
                    return Vec::new();
                }
                answer.push(again());
            }
        } else if answer.len() + ops.len() > 1 {
            answer.retain(|op| op.hash() != StepKey::hidden(SHARED).hash);
            answer.insert(0, hidden(StepKey::hidden(SHARED), &true));
        }
        answer.extend(ops);
        if answer.len() > 1 || self.mode == Mode::Shared {
            answer.into_iter().map(Recorded::race).collect()
        } else {
            answer
        }
    }

    /// Whether others of the run wait for this job when it answers with what could not be saved,
    /// before some operations.
    fn has_to_stay(&self, unsaved: &[Recorded], ops: &[Recorded]) -> bool {
        // What is proposed with it may be taken.
        let has_claims = unsaved.iter().any(Recorded::is_log)
            || self.is_holding()
            || self.log.has_erred(&self.job.id)
            || !self.left_claims().is_empty();
        has_claims && !ops.iter().any(|op| op.op() == OpCode::StepError)
    }

    /// Whether what could not be saved, before some operations, can be told by another attempt
    /// alone.
    pub(crate) fn is_stranded(&self, ops: &[Recorded]) -> bool {
        let unsaved = self.unsent_within(room_beside(ops));
        if self.mode == Mode::Shared && self.has_to_stay(unsaved, ops) {
            return true;
        }
        unsaved.is_empty() && ops.is_empty()
    }

    /// A hidden step that proposes how the run ends, if several re-entries may come to its end at
    /// once, and it can be stored. It takes the place of one that could not be saved.
    pub(crate) fn propose_end(&mut self, result: &ApiResult<'_>) -> Option<Recorded> {
        self.unsent.retain(|op| op.hash() != StepKey::hidden(END).hash);
        if self.decides() || self.is_full() {
            return None;
        }
        let end = hidden(StepKey::hidden(END), result);
        (end.output_size() <= STEP_OUTPUT_BYTES).then_some(end)
    }
}

/// Bytes that an answer has for what could not be saved.
fn room_beside(ops: &[Recorded]) -> usize {
    let size: usize = ops.iter().map(Recorded::size).sum();
    REENTRY_ANSWER_BYTES.saturating_sub(size + SHARED_BYTES)
}

/// Has Inngest dispatch this job again.
fn again() -> Recorded {
    again_since(OpError::own("NotSavedError", "Inngest could not be told what the run has come to"))
}

/// The same, for this reason.
pub(super) fn again_since(error: OpError) -> Recorded {
    Recorded::failed(StepKey::hidden(AGAIN), OpCode::StepError, error, None)
}

/// A step that has ended calls back at once, and the rest is found again then: so the run stays one
/// line of work. Not beside others that failed, which would run again too early.
fn keep_the_answer(outstanding: &mut Vec<Outstanding>, failed_before: usize) {
    let is_answer = |one: &Outstanding| matches!(one.awaits, Awaits::Answer(_));
    let ended = failed_before + outstanding.iter().filter(|one| is_answer(one)).count();
    if ended == 1 && !outstanding.iter().any(Outstanding::is_failing) {
        outstanding.retain(is_answer);
    }
}

fn has_delay(outstanding: &[Outstanding]) -> bool {
    outstanding.iter().any(|one| matches!(one.awaits, Awaits::Retry { delay: Some(_), .. }))
}
