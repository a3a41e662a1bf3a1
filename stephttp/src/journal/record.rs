//! An operation as the run keeps it until it is sent.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::value::RawValue;

use super::hidden::ORDER;
use crate::function::{StepId, StepKind};
use crate::wire::limits::WRAPPER_BYTES;
use crate::wire::{
    ApiResult, Op, OpCode, OpError, OpOpts, ParallelMode, StepHash, Timing, Userland, duration,
};
use crate::wire::{COMPLETE_HASH, COMPLETE_ID};

/// What an operation takes on the wire besides its id and data, about.
const ENVELOPE_BYTES: usize = 256;

/// Which use of which id a step is.
#[derive(Debug, Clone)]
pub(crate) struct StepKey {
    pub(crate) id: Cow<'static, str>,
    pub(crate) index: u32,
    pub(crate) hash: StepHash,
    /// `None` for a step that the SDK adds for itself.
    pub(crate) kind: Option<StepKind>,
}

impl StepKey {
    pub(crate) fn new(id: StepId, index: u32, hash: StepHash, kind: StepKind) -> Self {
        Self { id: id.into_text(), index, hash, kind: Some(kind) }
    }

    /// A step that the SDK adds for itself.
    pub(crate) fn hidden(id: impl Into<Cow<'static, str>>) -> Self {
        let id = id.into();
        Self { hash: StepHash::of(&id), id, index: 0, kind: None }
    }
}

/// An operation, owned.
#[derive(Debug)]
pub(crate) struct Recorded {
    key: StepKey,
    op: OpCode,
    opts: Option<Box<OpOpts<'static>>>,
    data: Option<Box<RawValue>>,
    error: Option<Box<OpError>>,
    timing: Option<Timing>,
    /// How long what is asked for lasts, and how long after the request's begin that was.
    lasts: Option<Box<(Duration, Duration)>>,
}

impl Recorded {
    pub(crate) fn ran(key: StepKey, data: Box<RawValue>, timing: Option<Timing>) -> Self {
        Self { key, op: OpCode::StepRun, opts: None, data: Some(data), error: None, timing, lasts: None }
    }

    pub(crate) fn failed(key: StepKey, op: OpCode, error: OpError, timing: Option<Timing>) -> Self {
        Self { key, op, opts: None, data: None, error: Some(Box::new(error)), timing, lasts: None }
    }

    /// Something that Inngest is asked for.
    pub(crate) fn ask(key: StepKey, op: OpCode, opts: OpOpts<'static>) -> Self {
        Self { key, op, opts: Some(Box::new(opts)), data: None, error: None, timing: None, lasts: None }
    }

    /// What is asked for lasts so long from when a step asks for it, however late Inngest is told.
    pub(crate) fn lasting(mut self, length: Duration) -> Self {
        self.lasts = Some(Box::new((length, Duration::ZERO)));
        self
    }

    /// A step asks for it, so long after the request's begin.
    pub(crate) fn asked_at(mut self, elapsed: Duration) -> Self {
        if let Some(lasts) = &mut self.lasts {
            lasts.1 = elapsed;
        }
        self
    }

    /// The same, for as long as it still lasts.
    pub(super) fn shortened(mut self, elapsed: Duration) -> Self {
        if let (Some(lasts), Some(opts)) = (&self.lasts, &mut self.opts) {
            let (length, since) = **lasts;
            let left = Some(duration::format(length.saturating_sub(elapsed.saturating_sub(since))).into());
            if self.op == OpCode::Sleep { opts.duration = left } else { opts.timeout = left }
        }
        self
    }

    /// The run's end.
    pub(crate) fn complete(result: &ApiResult<'_>) -> Result<Self, serde_json::Error> {
        let data = serde_json::value::to_raw_value(result)?;
        let key = StepKey { id: Cow::Borrowed(COMPLETE_ID), index: 0, hash: COMPLETE_HASH, kind: None };
        Ok(Self {
            key,
            op: OpCode::RunComplete,
            opts: None,
            data: Some(data),
            error: None,
            timing: None,
            lasts: None,
        })
    }

    /// The step's id, if the handler has such a step.
    pub(super) fn id_in_handler(&self) -> Option<&str> {
        self.key.kind.is_some().then_some(&*self.key.id)
    }

    fn opts(&self) -> Option<Box<OpOpts<'_>>> {
        let mut opts = self.opts.clone();
        // For the dashboard: which tool it is, when the operation does not say.
        let step_type = match self.key.kind {
            Some(StepKind::SendEvent) => Some("step.sendEvent"),
            Some(StepKind::SendSignal) => Some("step.sendSignal"),
            Some(StepKind::Publish) => Some("step.realtime.publish"),
            _ => None,
        };
        if let Some(step_type) = step_type {
            opts.get_or_insert_default().step_type = Some(step_type.into());
        }
        opts
    }

    /// Has the server call back when this is done, whatever else is not.
    pub(crate) fn race(mut self) -> Self {
        self.opts.get_or_insert_default().parallel_mode = Some(ParallelMode::Race);
        self
    }

    /// Whether the server must not get this with the first request's checkpoints: should it fail
    /// there, the run hangs.
    pub(crate) fn is_for_reentries(&self) -> bool {
        let opts = self.opts.as_ref();
        match self.op {
            OpCode::Gateway | OpCode::AiGateway => true,
            OpCode::WaitForSignal => opts.and_then(|opts| opts.conflict.as_deref()) != Some("replace"),
            // There is no triggering event yet that it could be about; the server crashes.
            OpCode::WaitForEvent => {
                opts.and_then(|opts| opts.expression.as_deref()).is_some_and(|text| text.contains("event."))
            }
            _ => false,
        }
    }

    /// Whether the server does this while it takes the answer, and once more each time that it is
    /// told of it.
    pub(crate) fn is_done_when_told(&self) -> bool {
        matches!(self.op, OpCode::Gateway | OpCode::AiGateway)
    }

    /// Whether it says that it races with others.
    #[cfg(test)]
    pub(super) fn races(&self) -> bool {
        let mode = self.opts.as_ref().and_then(|opts| opts.parallel_mode.as_ref());
        matches!(mode, Some(ParallelMode::Race))
    }

    /// Whether this waits for what comes once, and is lost on a wait that Inngest does not know of.
    pub(super) fn is_missable(&self) -> bool {
        matches!(self.op, OpCode::WaitForEvent | OpCode::WaitForSignal)
    }

    /// Whether it holds a part of the run's log.
    pub(super) fn is_log(&self) -> bool {
        self.key.kind.is_none() && self.key.id.starts_with(ORDER)
    }

    pub(crate) fn key(&self) -> &StepKey {
        &self.key
    }

    /// The data that is sent to a function with its invocation.
    pub(crate) fn payload_data(&self) -> Option<Box<RawValue>> {
        let payload = self.opts.as_ref()?.payload.as_deref().filter(|_| self.op == OpCode::InvokeFunction)?;
        serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(payload.get()).ok()?.remove("data")
    }

    /// The same invocation with other data.
    pub(crate) fn with_payload_data(mut self, data: Box<RawValue>) -> Self {
        if let Some(payload) = self.opts.as_mut().and_then(|opts| opts.payload.as_mut())
            && let Ok(mut parts) = serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(payload.get())
        {
            parts.insert("data".to_owned(), data);
            // A map of JSON values: this cannot fail.
            *payload = Cow::Owned(serde_json::value::to_raw_value(&parts).unwrap_or_default());
        }
        self
    }

    /// Why the step failed, if it did.
    pub(crate) fn error(&self) -> Option<&OpError> {
        self.error.as_deref()
    }

    pub(crate) fn hash(&self) -> StepHash {
        self.key.hash
    }

    pub(crate) fn op(&self) -> OpCode {
        self.op
    }

    /// Bytes that Inngest stores, about as it counts them.
    pub(crate) fn output_size(&self) -> usize {
        self.data.as_ref().map_or(0, |data| data.get().len() + WRAPPER_BYTES)
    }

    /// Bytes on the wire, about; never less than the data's.
    pub(crate) fn size(&self) -> usize {
        let data = self.output_size();
        let error = self.error.as_ref().map_or(0, |error| error.message.len());
        let opts = self.opts.as_ref().map_or(0, |opts| opts_size(opts));
        data + error + opts + 3 * self.key.id.len() + ENVELOPE_BYTES
    }

    pub(crate) fn to_wire(&self) -> Op<'_> {
        let id = &*self.key.id;
        let name = (self.op != OpCode::RunComplete).then_some(Cow::Borrowed(id));
        let index = (self.key.index > 0).then_some(self.key.index);
        Op {
            id: self.key.hash,
            op: self.op,
            userland: name.clone().map(|id| Userland { id, index }),
            display_name: name.clone(),
            name,
            opts: self.opts(),
            data: self.data.as_deref().map(Cow::Borrowed),
            error: self.error.as_deref().cloned(),
            timing: self.timing,
        }
    }
}

/// Bytes that the parts of unbounded length take, about.
fn opts_size(opts: &OpOpts<'_>) -> usize {
    let raw = |value: &Option<Cow<'_, RawValue>>| value.as_ref().map_or(0, |value| value.get().len());
    let text = |value: &Option<Cow<'_, str>>| value.as_ref().map_or(0, |value| value.len());
    let headers = opts.headers.iter().flatten().map(|(name, value)| name.len() + value.len() + 6);
    let texts = [&opts.url, &opts.expression, &opts.event, &opts.signal, &opts.function_id];
    raw(&opts.payload) + raw(&opts.body) + texts.map(text).iter().sum::<usize>() + headers.sum::<usize>()
}
