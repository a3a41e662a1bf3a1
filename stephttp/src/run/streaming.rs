//! The run's stream, if its client has asked for one.

use std::sync::Arc;

use http::header::ACCEPT;
use http::request::Parts;
use http::{HeaderMap, Method};
use serde_json::value::RawValue;

use super::on_thread::step_on_this_thread;
use super::{Run, State};
use crate::journal::{Piped, StepKey, streamed_step};
use crate::streaming::{RunStream, Writer};
use crate::sync::lock;
use crate::untrusted::shown;
use crate::wire::StepHash;
use crate::wire::realtime::EVENT_STREAM;

impl Run {
    /// The stream, if there is one.
    pub(crate) fn stream(&self) -> Option<&Arc<RunStream>> {
        self.stream.get()
    }

    /// A function that streams has begun to take its arguments: in a first request it does so if
    /// the client asks for it.
    pub(crate) fn begin_stream(&self, parts: &Parts) {
        if self.is_first() && parts.method != Method::HEAD && asks_for_events(&parts.headers) {
            self.stream.get_or_init(|| Arc::new(RunStream::new(self.id(), Writer::First)));
        }
    }

    /// The run's client had asked for a stream.
    pub(super) fn resume_stream(&self, repeats: bool) {
        // Setting up has refused this where it was known.
        if self.app().is_some_and(|app| !app.sends_in_clear()) {
            return;
        }
        self.stream.get_or_init(|| Arc::new(RunStream::new(self.id(), Writer::Reentry { repeats })));
    }

    /// Notes for later requests of the run that its client reads the stream, and for clients that
    /// come later what was piped.
    pub(crate) fn remember_stream(&self) {
        self.record(streamed_step());
        let piped = std::mem::take(&mut *lock(&self.piped));
        piped.into_iter().for_each(|piped| self.record(piped.note()));
    }

    /// A step has ended, whose output is the text of one pipe. In a first request that is of use
    /// only if the run is handed over.
    pub(super) fn note_piped_step(&self, state: &mut State, piped: Piped) {
        if self.is_first() {
            lock(&self.piped).push(piped);
        } else {
            state.journal.record(piped.note());
        }
    }

    /// The step that this thread polls, if it is one of this run.
    pub(crate) fn step_here(&self) -> Option<StepHash> {
        step_on_this_thread(self)
    }

    /// Whether what the handler tells outside of steps may be news to the client: an earlier
    /// request of the run has not surely told it.
    pub(crate) fn tells_news(&self) -> bool {
        !self.is_reentry() || !self.is_replaying()
    }

    /// A pipe has come to its end here, whoever reads it.
    pub(crate) fn note_piped(&self, text: &str) {
        if let (Some(stream), Some(step)) = (self.stream.get(), self.step_here()) {
            stream.note_piped(step, text);
        }
    }

    /// The hash of a step's output, if that is what the step has piped.
    pub(super) fn piped_output(&self, key: &StepKey, output: &RawValue) -> Option<StepHash> {
        let piped = self.stream.get()?.piped(key.hash)?;
        // As it is stored: what a middleware has changed is told to nobody.
        let text = serde_json::from_str::<String>(output.get()).ok()?;
        (StepHash::of(&text) == piped).then_some(piped)
    }

    /// A step's code has ended in this request.
    pub(super) fn stream_step_end(&self, key: &StepKey, well: bool) {
        if let Some(stream) = self.stream.get() {
            stream.step_ended(key.hash, well);
            let dropped = stream.take_dropped();
            if dropped > 0 {
                let step = shown(&key.id);
                tracing::info!(run_id = %self.id(), function = self.log_name(), %step, dropped, "pushes were dropped");
            }
        }
    }

    /// A step's code was dropped before its end.
    pub(super) fn stream_step_drop(&self, step: StepHash) {
        if let Some(stream) = self.stream.get() {
            stream.step_dropped(step);
        }
    }
}

/// JS's handler asks no more of the header than this, and its client appends it to the caller's
/// own.
fn asks_for_events(headers: &HeaderMap) -> bool {
    let asks = |value: &http::HeaderValue| value.to_str().is_ok_and(|value| value.contains(EVENT_STREAM));
    headers.get_all(ACCEPT).iter().any(asks)
}
