//! What middlewares make of a step's data, between the handler and Inngest.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::value::RawValue;

use super::{BoxFuture, Hooks};
use crate::error::Failure;
use crate::event;
use crate::function::StepKind;
use crate::journal::{Memoized, Recorded, Slot, StepKey, Stop};
use crate::middleware::{Chain, StepContext};
use crate::run::{Run, State};
use crate::untrusted::shown;
use crate::wire::{StepHash, exact};

/// A step's transformation that is under way.
pub(super) struct Pending {
    pub(super) slot: Slot,
    pub(super) future: BoxFuture<Transformed>,
}

/// What a transformation comes to. The error is for the log.
pub(super) enum Transformed {
    /// A stored result can be given.
    Restored(StepHash, Result<Memoized, String>),
    /// Inngest can be asked.
    Prepared(Result<Recorded, String>),
}

impl Hooks {
    fn transform(&self, slot: Slot, future: impl Future<Output = Transformed> + Send + 'static) {
        self.lock().pending.push(Pending { slot, future: Box::pin(future) });
    }
}

impl Run {
    pub(super) fn transformed(&self, slot: Slot, transformed: Transformed) {
        let journal = &mut self.lock().journal;
        let outcome = match transformed {
            Transformed::Restored(hash, restored) => restored.map(|value| {
                journal.restore(hash, value);
                journal.resolve(slot);
            }),
            // It may have been dropped just now, in a task of its own.
            Transformed::Prepared(prepared) => prepared.map(|op| journal.ask(slot, op)),
        };
        if let Err(fault) = outcome {
            journal.stop(Stop::Broken(fault));
        }
    }

    /// A step's future was dropped.
    pub(in crate::run) fn forget_hooks(&self, slot: Slot) {
        let Some(hooks) = &self.hooks else { return };
        let forgotten: Vec<_> = hooks.lock().pending.extract_if(.., |pending| pending.slot == slot).collect();
        drop(forgotten);
    }

    /// A step's stored result can be given, once it is what it was before it was stored.
    pub(in crate::run) fn resolve_restored(&self, state: &mut State, slot: Slot, key: &StepKey) {
        let hooks = self.hooks.as_ref();
        let stored = hooks.and_then(|hooks| Some((hooks, state.journal.unrestored(key.hash)?)));
        let Some((hooks, stored)) = stored else { return state.journal.resolve(slot) };
        let (chain, step, hash) = (hooks.chain.clone(), hooks.context(key), key.hash);
        hooks.transform(slot, async move {
            let restored = restore(&chain, &step, stored).await;
            let fault = |failure: Failure| {
                let failure = failure.to_string();
                format!(
                    "what is stored of the step `{}` cannot be restored: {}",
                    shown(step.id()),
                    shown(&failure)
                )
            };
            Transformed::Restored(hash, restored.map_err(fault))
        });
    }

    /// Asks something of Inngest, once what is sent with it is as it is to be stored.
    pub(in crate::run) fn ask_transformed(&self, state: &mut State, slot: Slot, op: Recorded) {
        let data = self.hooks.as_ref().and_then(|hooks| Some((hooks, op.payload_data()?)));
        let Some((hooks, data)) = data else { return state.journal.ask(slot, op) };
        let (chain, step) = (hooks.chain.clone(), hooks.context(op.key()));
        hooks.transform(slot, async move {
            let data = chain.transform_event_data(&step, data).await;
            let fault = |failure: &dyn fmt::Display| {
                let failure = failure.to_string();
                format!(
                    "the data of the step `{}` could not be transformed: {}",
                    shown(step.id()),
                    shown(&failure)
                )
            };
            let prepared = data.map_err(|failure| fault(&failure)).and_then(|data| {
                event::check_size(data.get())
                    .map_err(|problem| fault(&format_args!("what came of it {problem}")))?;
                event::check_numbers(data.get(), "data").map_err(|problem| fault(&problem))?;
                Ok(op.with_payload_data(data))
            });
            Transformed::Prepared(prepared)
        });
    }
}

/// What was stored, as it was before.
pub(super) async fn restore(
    chain: &Chain,
    step: &StepContext,
    stored: Memoized,
) -> Result<Memoized, Failure> {
    match step.kind() {
        Some(StepKind::Sleep) => Ok(stored),
        Some(StepKind::WaitForEvent) => {
            // What makes no sense is reported by who reads it.
            let Ok(Some(mut event)) = stored.bare::<BTreeMap<String, Box<RawValue>>>() else {
                return Ok(stored);
            };
            let Some(data) = event.remove("data") else { return Ok(stored) };
            event.insert("data".to_owned(), chain.restore_event_data(step, data).await?);
            Ok(Memoized::of_json(serde_json::to_string(&event).map_err(Failure::new)?))
        }
        kind => match stored.data() {
            Some(data) => {
                // What others made is theirs, whatever it looks like.
                let (read, write): (Form, Form) = match kind {
                    Some(StepKind::Invoke | StepKind::Fetch | StepKind::AiInfer) => {
                        (|data| data, |data| data)
                    }
                    Some(StepKind::WaitForSignal) => {
                        (|data| in_signal(data, original), |data| in_signal(data, exact::escaped))
                    }
                    _ => (original, exact::escaped),
                };
                let data = write(chain.restore_step_output(step, read(data)).await?);
                Ok(Memoized::of_json(format!("{{\"data\":{data}}}")))
            }
            None => Ok(stored),
        },
    }
}

type Form = fn(Box<RawValue>) -> Box<RawValue>;

/// A value as it was before it was stored as text.
fn original(stored: Box<RawValue>) -> Box<RawValue> {
    exact::original(&stored).unwrap_or(stored)
}

/// Changes what was sent with a signal.
fn in_signal(received: Box<RawValue>, change: Form) -> Box<RawValue> {
    if !exact::is_in(received.get()) {
        return received;
    }
    let Ok(mut parts) = serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(received.get()) else {
        return received;
    };
    if let Some(data) = parts.remove("data") {
        parts.insert("data".to_owned(), change(data));
    }
    serde_json::value::to_raw_value(&parts).unwrap_or(received)
}
