//! What runs publish: its way to those that listen, and what is wrong with it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use inngest::wire::realtime::Event;

use super::{Engine, State};
use crate::clock::Clock;
use crate::inspect::StepView;
use crate::realtime::{Found, Part, PartKey, PartState, Subscription, Topic};
use crate::violation::ViolationKind;

/// A part that is being published. Dropped before its end, it has broken off.
#[derive(Debug)]
pub(crate) struct PublishedPart {
    engine: Arc<Engine>,
    key: PartKey,
    over: bool,
}

/// What became of some bytes of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// They were forwarded.
    Forwarded,
    /// Some are kept back until their event ends.
    Held,
    /// They exceed the limit.
    TooLarge,
}

impl PublishedPart {
    /// Takes what has come.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Taken {
        let key = self.key;
        self.engine.change(|state| state.take_part(key, bytes))
    }

    /// Forwards what has come of an event whose rest does not come.
    pub(crate) fn flush(&mut self) {
        let key = self.key;
        self.engine.change(|state| state.forward_part(key, Part::all));
    }

    /// Ends it.
    pub(crate) fn end(mut self, how: PartState) {
        self.ends(how);
    }

    fn ends(&mut self, how: PartState) {
        if !std::mem::replace(&mut self.over, true) {
            let key = self.key;
            self.engine.change(|state| state.end_part(key, how));
        }
    }
}

impl Drop for PublishedPart {
    fn drop(&mut self) {
        self.ends(PartState::BrokenOff);
    }
}

impl Engine {
    /// Begins a part; `call` is its call's place.
    pub(crate) fn publish_part(self: &Arc<Self>, channel: &str, call: usize) -> PublishedPart {
        let key = self.change(|state| state.begin_part(channel, call));
        PublishedPart { engine: Arc::clone(self), key, over: false }
    }
}

impl State {
    /// Does what has become due. A skipping clock leaves subscriptions open: no app could see their
    /// end coming.
    pub(super) fn tick_realtime(&mut self) {
        let lasting = self.work.time.kind() == Clock::Skip;
        let now = self.now();
        self.realtime.tick(now, lasting);
    }

    /// Listens to what a token allows; `None` if it is not valid now.
    pub(crate) fn listen(&mut self, token: &str) -> Option<Subscription> {
        let now = self.now();
        let claims = self.realtime.secret.read(token, now)?;
        Some(self.realtime.subscribers.add(claims.topics.unwrap_or_default(), now))
    }

    /// Tells all that listen that the server is about to stop.
    pub(crate) fn announce_closing(&mut self) {
        let at = humantime::format_rfc3339_millis(self.now());
        let closing = format!(
            "data: {{\"kind\":\"closing\",\"data\":\"\",\"created_at\":\"{at}\",\"topic\":\"\"}}\n\n"
        );
        self.realtime.subscribers.tell_all(&closing.into());
    }

    /// A message has more than the server takes, which sends what comes before the limit on, as a
    /// text.
    pub(crate) fn note_cut_message(&mut self, run_id: Option<&str>, bytes: usize) {
        let message = format!("a message of {bytes} bytes exceeds 512 KiB: the server cuts off the rest");
        self.log.violation(ViolationKind::TooLarge, run_id, message);
    }

    fn begin_part(&mut self, channel: &str, call: usize) -> PartKey {
        let watched = self.runs.contains_key(channel);
        if !watched && ulid::Ulid::from_string(channel).is_ok() {
            let message = "a part of the stream of a run that was never created";
            self.log.violation(ViolationKind::UnknownRun, Some(channel), message);
        }
        let now = self.now();
        self.realtime.begin(Part::new(channel, now, call, watched))
    }

    fn take_part(&mut self, key: PartKey, bytes: &[u8]) -> Taken {
        let Some(part) = self.realtime.part(key) else { return Taken::TooLarge };
        let (within, found) = part.take(bytes);
        self.note_found(key, found);
        self.forward_part(key, Part::ready);
        match self.realtime.part(key) {
            _ if !within => Taken::TooLarge,
            Some(part) if part.holds() => Taken::Held,
            _ => Taken::Forwarded,
        }
    }

    /// Forwards what is to be forwarded of a part.
    fn forward_part(&mut self, key: PartKey, what: impl FnOnce(&mut Part) -> Option<Bytes>) {
        let Some(part) = self.realtime.part(key) else { return };
        let Some(bytes) = what(part) else { return };
        let (channel, midway) = (part.view.channel.clone(), part.midway);
        self.realtime.forward(&channel, &bytes);
        let mut torn = Vec::new();
        let mut others = false;
        for (other, part) in self.realtime.parts_of(&channel) {
            if other != key && part.is_open() {
                others = true;
                // This part's bytes are in the middle of that one's event.
                torn.extend(part.midway.then_some(other));
            }
        }
        torn.extend((midway && others).then_some(key));
        for key in torn {
            let Some(part) = self.realtime.part(key).filter(|part| part.watched && !part.torn) else {
                continue;
            };
            part.torn = true;
            let message = "an event came in pieces while another part of the run was being sent: the server \
                           forwards what comes, so that one can be within the other";
            self.log.violation(ViolationKind::TornEvent, Some(&channel), message);
        }
    }

    fn end_part(&mut self, key: PartKey, how: PartState) {
        self.forward_part(key, Part::all);
        let Some(part) = self.realtime.part(key) else { return };
        let (wrong, body) = part.end(how);
        let (call, channel) = (part.call, part.view.channel.clone());
        let too_large = how == PartState::TooLarge && part.watched;
        self.log.late_body(call, body);
        self.note_found(key, wrong);
        if too_large {
            let message = "a part of the run's stream exceeds 1,024,000 bytes: the server answers 500 and drops \
                           the rest";
            self.log.violation(ViolationKind::TooLarge, Some(&channel), message);
        }
    }

    /// Notes what was read of a part.
    fn note_found(&mut self, key: PartKey, found: impl IntoIterator<Item = Found>) {
        for found in found {
            let Some(part) = self.realtime.part(key) else { return };
            let (channel, watched) = (part.view.channel.clone(), part.watched);
            let event = match found {
                Found::Event(event) => event,
                Found::Wrong(kind, message) => {
                    if watched {
                        self.log.violation(kind, Some(&channel), message);
                    }
                    continue;
                }
            };
            if watched && let Some((kind, message)) = self.judge_event(key, &channel, &event) {
                self.log.violation(kind, Some(&channel), message);
            }
            let Some(part) = self.realtime.part(key) else { return };
            if let (Event::Commit(_) | Event::Rollback(_), Some(step)) = (&event, event.step()) {
                part.ended_steps.push(step.to_string());
            }
            part.view.events.push(event);
        }
    }

    /// What is wrong about an event where it stands.
    fn judge_event(&mut self, key: PartKey, channel: &str, event: &Event) -> Option<(ViolationKind, String)> {
        let part = self.realtime.part(key)?;
        let begun = std::mem::replace(&mut part.begun, true);
        let responded = part.responded;
        let misplaced = |message: String| Some((ViolationKind::MisplacedEvent, message));
        match event {
            Event::Metadata(metadata) if metadata.run_id != channel => {
                let message = format!("a part for {channel} says that it is of the run {}", metadata.run_id);
                return Some((ViolationKind::WrongIds, message));
            }
            Event::Metadata(_) => return None,
            Event::RedirectInfo(_) => {
                return misplaced("`inngest.redirect_info` in a part that is published".to_owned());
            }
            Event::Response(_) => part.responded = true,
            _ => {}
        }
        let by = self.unanswered_dispatches(channel);
        let run = self.runs.get_mut(channel)?;
        let after = if matches!(event, Event::Response(_)) {
            // It is said again when a re-entry's answer was lost.
            run.responded.get_or_insert_default().extend(by);
            responded
        } else {
            // A re-entry that is under way may have begun before the response, or may do again what
            // one did whose answer was lost.
            let told = run.responded.as_ref();
            responded || told.is_some_and(|told| by.iter().all(|request| told.contains(request)))
        };
        if !begun {
            let message = format!("a part of the run's stream begins with `{}`", event.name());
            return Some((ViolationKind::MissingMetadata, message));
        }
        if after { misplaced(format!("`{}` comes after the run's response", event.name())) } else { None }
    }

    /// The re-entries of a run that are under way, superseded ones included.
    fn unanswered_dispatches(&self, run_id: &str) -> Vec<String> {
        let of_run = self.log.dispatches.iter().filter(|dispatch| dispatch.run_id == run_id);
        let unanswered = of_run.filter(|dispatch| dispatch.status.is_none() && dispatch.error.is_none());
        unanswered.map(|dispatch| dispatch.request_id.clone()).collect()
    }

    /// A re-entry has been answered: what it published has to be over. Of several that are under
    /// way nobody can tell whose part it is.
    pub(super) fn check_open_parts(&mut self, run_id: &str) {
        let open: Vec<PartKey> = self
            .realtime
            .parts_of(run_id)
            .filter(|(_, part)| part.watched && part.is_open() && !part.late)
            .map(|(key, _)| key)
            .collect();
        if open.is_empty() || !self.unanswered_dispatches(run_id).is_empty() {
            return;
        }
        for key in open {
            if let Some(part) = self.realtime.part(key) {
                part.late = true;
            }
            let message = "a part of the run's stream had not ended when its re-entry had been answered: the next \
                           re-entry's can overtake it";
            self.log.violation(ViolationKind::UnfinishedPart, Some(run_id), message);
        }
    }

    /// A run has completed: steps whose end its stream told are steps of it.
    pub(super) fn check_ended_steps(&mut self, run_id: &str) {
        let Some(run) = self.runs.get(run_id) else { return };
        let known: Vec<&str> = run.steps().map(|step: &StepView| step.hash.as_str()).collect();
        let told = self.realtime.parts_of(run_id).flat_map(|(_, part)| &part.ended_steps);
        let mut unknown: Vec<String> = told.filter(|step| !known.contains(&step.as_str())).cloned().collect();
        unknown.sort_unstable();
        unknown.dedup();
        for step in unknown {
            let message = format!("the run's stream told the end of {step}, which is no step of the run");
            self.log.violation(ViolationKind::UnknownStep, Some(run_id), message);
        }
    }

    /// A token for topics, from now on for so long.
    pub(crate) fn realtime_token(&self, topics: Vec<Topic>, life: Duration) -> String {
        self.realtime.secret.token(topics, self.now(), life)
    }
}
