//! What has happened, for tests and people to look at.

use std::time::SystemTime;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::run::Origin;
use crate::clock::Moment;
use crate::fault::Call;
use crate::inspect::{ApiCall, Dispatch, EventView};
use crate::notice::{Notice, Notices};
use crate::violation::{Violation, ViolationKind};

/// Everything that is only ever added to.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) calls: Vec<ApiCall>,
    pub(crate) events: Vec<EventView>,
    pub(crate) dispatches: Vec<Dispatch>,
    pub(crate) violations: Vec<Violation>,
    /// When each of them was noted.
    pub(crate) violation_moments: Vec<Moment>,
    /// What time it was when the change began that is under way.
    pub(crate) now: SystemTime,
    /// How much has been noted; 1 before anything.
    order: u64,
    subscribers: Vec<mpsc::UnboundedSender<Notice>>,
    /// How many calls, dispatches and events keep their bodies; `None` for all.
    kept: Option<usize>,
}

impl Log {
    pub(crate) fn keeping(kept: Option<usize>, now: SystemTime) -> Self {
        Self {
            calls: Vec::new(),
            events: Vec::new(),
            dispatches: Vec::new(),
            violations: Vec::new(),
            violation_moments: Vec::new(),
            now,
            order: 1,
            subscribers: Vec::new(),
            kept,
        }
    }

    /// The moment at which something is noted.
    pub(crate) fn moment(&mut self) -> Moment {
        self.order += 1;
        Moment { at: self.now, order: self.order }
    }

    /// How many of each kind keep all that is known of them; `None` for all.
    pub(crate) fn kept(&self) -> Option<usize> {
        self.kept
    }

    /// How much has been noted so far.
    pub(crate) fn noted(&self) -> u64 {
        self.order
    }

    pub(crate) fn notice(&mut self, notice: &Notice) {
        self.subscribers.retain(|subscriber| subscriber.send(notice.clone()).is_ok());
    }

    pub(crate) fn subscribe(&mut self) -> Notices {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.subscribers.push(sender);
        Notices(receiver)
    }

    pub(crate) fn violation(
        &mut self,
        kind: ViolationKind,
        run_id: Option<&str>,
        message: impl Into<String>,
    ) {
        let violation = Violation { kind, run_id: run_id.map(str::to_owned), message: message.into() };
        self.notice(&Notice::Violation(violation.clone()));
        self.violations.push(violation);
        let moment = self.moment();
        self.violation_moments.push(moment);
    }

    /// Adds a call; answers its place.
    pub(crate) fn call(&mut self, call: ApiCall) -> usize {
        self.calls.push(call);
        if let Some(old) = self.kept.and_then(|kept| self.calls.len().checked_sub(kept + 1)) {
            self.calls[old].body.clear();
        }
        self.calls.len() - 1
    }

    /// Gives a call the body that it did not have when it came.
    pub(crate) fn late_body(&mut self, place: usize, body: Bytes) {
        let keeps = self.kept.is_none_or(|kept| place + kept >= self.calls.len());
        if let Some(call) = self.calls.get_mut(place).filter(|_| keeps) {
            call.body = body;
        }
    }

    /// The requests of all dispatches of one job, by one of them.
    pub(crate) fn twins(&self, origin: &Origin) -> Vec<String> {
        let Origin::Dispatch(request) = origin else { return Vec::new() };
        let job = self.dispatches.iter().find(|dispatch| dispatch.request_id == *request);
        let Some(job) = job.map(|dispatch| &dispatch.job_id) else { return Vec::new() };
        let twins = self.dispatches.iter().filter(|dispatch| dispatch.job_id == *job);
        twins.map(|dispatch| dispatch.request_id.clone()).collect()
    }

    /// Adds an event.
    pub(crate) fn event(&mut self, event: EventView) {
        self.events.push(event);
        if let Some(old) = self.kept.and_then(|kept| self.events.len().checked_sub(kept + 1)) {
            self.events[old].data = serde_json::Value::Null;
        }
    }

    /// Adds a dispatch; answers its place.
    pub(crate) fn dispatch(&mut self, dispatch: Dispatch) -> usize {
        self.dispatches.push(dispatch);
        if let Some(old) = self.kept.and_then(|kept| self.dispatches.len().checked_sub(kept + 1)) {
            self.dispatches[old].body.clear();
            self.dispatches[old].response_body.clear();
        }
        self.dispatches.len() - 1
    }

    pub(crate) fn calls_of(&self, kind: Call) -> impl Iterator<Item = &ApiCall> {
        self.calls.iter().filter(move |call| call.kind == kind)
    }
}
