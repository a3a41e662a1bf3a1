//! One recording against the app's code.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value;

use super::enter::{Entered, Outcome, Stage, Wanted};
use super::report::{ReplayNote, ReplayProblem};
use super::watch::{Kind, Told};
use super::words;
use crate::inspect::is_hidden;
use crate::recording::{History, RecordedStep, Recording};

/// What is found of one recording.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) problems: Vec<ReplayProblem>,
    pub(super) notes: Vec<ReplayNote>,
}

/// Replays a recording from each of its states, and says where the code first does otherwise.
pub(super) async fn compare(stage: &mut Stage, name: &str, recording: &Recording) -> Found {
    let mut replay = Comparison::of(recording);
    let (stored, messages) = match replay.run(stage).await {
        Ok(found) => found,
        Err(why) => (0, vec![why]),
    };
    let problem = |message| ReplayProblem {
        recording: name.to_owned(),
        function: recording.function.clone(),
        stored,
        after: stored.checked_sub(1).map(|last| replay.history.steps[last].label()),
        message,
    };
    let note = |message| ReplayNote { recording: name.to_owned(), message };
    let problems = messages.into_iter().map(problem).collect();
    Found { problems, notes: replay.notes.into_iter().map(note).collect() }
}

struct Comparison<'a> {
    recording: &'a Recording,
    history: History<'a>,
    /// What the run waits for.
    waiting: Vec<&'a RecordedStep>,
    /// What each state has come to.
    entered: Vec<Entered>,
    /// New ids of recorded steps, as the handler tells them where those are stored.
    renamed: HashMap<String, String>,
    notes: Vec<String>,
}

impl<'a> Comparison<'a> {
    fn of(recording: &'a Recording) -> Self {
        let waiting = recording.waiting.iter().filter(|step| !is_hidden(&step.id)).collect();
        let history = History::of(recording);
        Self { recording, history, waiting, entered: Vec::new(), renamed: HashMap::new(), notes: Vec::new() }
    }

    /// How many steps are stored where the code first does otherwise, and what is wrong there.
    async fn run(&mut self, stage: &mut Stage) -> Result<(usize, Vec<String>), String> {
        for stored in 0..=self.history.steps.len() {
            let entered =
                stage.enter(self.recording, self.history.state(stored), &self.wanted(stored)).await?;
            for told in &entered.steps {
                let recorded = self.recorded(&told.hash);
                if let Some(step) = recorded.filter(|step| !step.id.is_empty() && step.label() != told.label)
                {
                    self.renamed.insert(told.label.clone(), step.hash.clone());
                }
            }
            self.entered.push(entered);
            self.untie(stored);
        }
        for stored in 0..=self.history.steps.len() {
            let messages = self.judge(stage, stored).await?;
            if !messages.is_empty() {
                return Ok((stored, messages));
            }
        }
        Ok((0, Vec::new()))
    }

    /// Of steps that were stored at one instant the handler says which is next.
    fn untie(&mut self, stored: usize) {
        let (recorded, _) = self.open(stored);
        let rest = self.history.steps.get(stored..).unwrap_or_default();
        let ties = self.history.ties.iter().skip(stored + 1).take_while(|tied| **tied).count();
        let is_open = |step: &&&RecordedStep| recorded.iter().any(|open| open.hash == step.hash);
        if ties == 0 || rest.first().is_some_and(|next| is_open(&next)) {
            return;
        }
        if let Some(place) = rest[..=ties].iter().position(|step| is_open(&step)) {
            self.history.steps.swap(stored, stored + place);
        }
    }

    fn wanted(&self, stored: usize) -> Wanted {
        let hash = |step: &&RecordedStep| step.hash.clone();
        let next = match self.history.steps.get(stored) {
            Some(next) => vec![next.hash.clone()],
            None => self.waiting.iter().map(hash).collect(),
        };
        Wanted { stored: self.history.steps[..stored].iter().map(hash).collect(), next }
    }

    /// The recorded step of a hash, stored or not.
    fn recorded(&self, hash: &str) -> Option<&'a RecordedStep> {
        self.history.steps.iter().chain(&self.waiting).find(|step| step.hash == hash).copied()
    }

    /// The recorded step that a step of the handler is.
    fn of_told(&self, told: &Told) -> Option<&'a RecordedStep> {
        self.recorded(&told.hash).or_else(|| self.recorded(self.renamed.get(&told.label)?))
    }

    /// What the handler has come to in a state and is not stored: recorded steps, and others.
    fn open(&self, stored: usize) -> (Vec<&'a RecordedStep>, Vec<&Told>) {
        let known = &self.history.steps[..stored];
        let (mut recorded, mut new) = (Vec::new(), Vec::new());
        for told in self.entered[stored].steps.iter().filter(|told| told.is_open()) {
            match self.of_told(told) {
                Some(step) if known.iter().any(|known| known.hash == step.hash) => {}
                Some(step) => recorded.push(step),
                None => new.push(told),
            }
        }
        (recorded, new)
    }

    fn is_reached(&self, stored: usize, step: &RecordedStep) -> bool {
        self.entered[stored]
            .steps
            .iter()
            .any(|told| self.of_told(told).is_some_and(|of| of.hash == step.hash))
    }

    /// What is wrong in a state.
    async fn judge(&mut self, stage: &mut Stage, stored: usize) -> Result<Vec<String>, String> {
        let entered = &self.entered[stored];
        let request = format!("{} {}", self.recording.request.method, self.recording.request.path);
        if let Some(message) = words::not_entered(&entered.outcome, &request) {
            return Ok(vec![message]);
        }
        let mut messages = Vec::new();
        for told in &entered.steps {
            let recorded = self.of_told(told);
            if let Some(step) =
                recorded.filter(|step| Kind::of_op(&step.op).is_some_and(|was| was != told.kind))
            {
                messages.push(words::other_kind(step, told));
            } else if let Some((wanted, why)) = &told.unreadable {
                messages.push(words::unreadable(&told.label, wanted, why));
            }
        }
        if !messages.is_empty() {
            return Ok(messages);
        }
        let known: Vec<_> = self.history.steps[..stored].to_vec();
        for step in known.iter().filter(|step| !self.is_reached(stored, step)) {
            messages.push(self.missing(stage.limit, stored, step));
        }
        if !messages.is_empty() {
            return Ok(messages);
        }
        Ok(match self.history.steps.get(stored).copied() {
            Some(next) => self.judge_next(stage, stored, next).await?.into_iter().collect(),
            None if self.recording.end.is_some() => self.judge_end(stage.limit, stored),
            None => self.judge_waiting(stage, stored).await?,
        })
    }

    /// A stored step that the handler does not come to, although it came to it when it was next.
    fn missing(&self, limit: Duration, stored: usize, step: &RecordedStep) -> String {
        let (recorded, new) = self.open(stored);
        let next =
            recorded.first().map(|step| step.label()).or_else(|| new.first().map(|told| told.label.clone()));
        match next {
            Some(next) => words::moved(step, &next),
            None => words::instead(&self.entered[stored].outcome, &format!("`{}`", step.label()), limit),
        }
    }

    /// What is wrong if a step that came next does not.
    async fn judge_next(
        &mut self,
        stage: &mut Stage,
        stored: usize,
        next: &'a RecordedStep,
    ) -> Result<Option<String>, String> {
        let (recorded, new) = self.open(stored);
        let is_left = |told: &Told| {
            told.left && !told.given && self.of_told(told).is_some_and(|step| step.hash == next.hash)
        };
        // The loser of a race may come to its end, and nobody waits for it.
        if recorded.iter().any(|step| step.hash == next.hash)
            || self.entered[stored].steps.iter().any(is_left)
        {
            return Ok(None);
        }
        let is_reached_later = (stored..self.entered.len()).any(|later| self.is_reached(later, next));
        if is_reached_later && let Some(first) = recorded.first() {
            return Ok(Some(words::moved(next, &first.label())));
        }
        if new.is_empty() {
            return Ok(Some(match recorded.first() {
                Some(first) => words::removed(next, Some(&first.label())),
                None if self.is_end_expected(stored + 1, &self.entered[stored]) => words::removed(next, None),
                None => {
                    let label = format!("`{}`", next.label());
                    words::instead(&self.entered[stored].outcome, &label, stage.limit)
                }
            }));
        }
        let new: Vec<Told> = new.into_iter().cloned().collect();
        for told in &new {
            if let Some(beside) = self.beside(stored, told) {
                return Ok(Some(words::new_branch(told, &beside, &format!("`{}`", next.label()))));
            }
        }
        for told in &new {
            if let Some(message) = self.try_as(stage, stored, next, told).await? {
                return Ok(Some(message));
            }
        }
        Ok(Some(words::renamed_or_new(next, &new[0])))
    }

    /// What a new step stood beside in an earlier state.
    fn beside(&self, stored: usize, told: &Told) -> Option<Vec<String>> {
        (0..stored).find_map(|earlier| {
            let (recorded, new) = self.open(earlier);
            let was_there = new.iter().any(|new| new.label == told.label);
            let labels = || recorded.iter().map(|step| step.label()).collect();
            (was_there && !recorded.is_empty()).then(labels)
        })
    }

    /// Finds out whether a new step is a recorded one under another id: what is stored of that is
    /// given to it.
    async fn try_as(
        &mut self,
        stage: &mut Stage,
        stored: usize,
        old: &RecordedStep,
        new: &Told,
    ) -> Result<Option<String>, String> {
        let is_same_kind = Kind::of_op(&old.op).is_none_or(|kind| kind == new.kind);
        let stored_value = old.value.as_ref().filter(|_| is_same_kind).map(|value| value.get());
        // What waits is as good as stored here.
        let next = match self.history.steps.get(stored + 1) {
            Some(next) => vec![next.hash.clone()],
            None => {
                self.waiting.iter().map(|step| step.hash.clone()).filter(|hash| *hash != old.hash).collect()
            }
        };
        let wanted = Wanted { stored: self.wanted(stored).stored, next };
        for value in stored_value.into_iter().chain([new.kind.nothing()]) {
            let mut state = self.history.state(stored);
            state.insert(new.hash.clone(), value.to_owned());
            let entered = stage.enter(self.recording, state, &wanted).await?;
            if entered.steps.iter().any(|told| told.hash == old.hash) {
                return Ok(Some(words::new_in_front(new, old)));
            }
            let is_read = entered.steps.iter().all(|told| told.unreadable.is_none());
            let goes_on = entered.steps.iter().any(|told| told.is_open() && wanted.next.contains(&told.hash))
                || self.is_end_expected(stored + 1, &entered);
            if is_same_kind && is_read && goes_on {
                return Ok(Some(words::renamed(old, new)));
            }
        }
        Ok(None)
    }

    /// Whether the run ends after so many steps, and as it did.
    fn is_end_expected(&self, stored: usize, entered: &Entered) -> bool {
        let Some(end) = self.recording.end.as_ref().filter(|_| stored == self.history.steps.len()) else {
            return false;
        };
        let status = end.response.as_ref().map(|response| response.status);
        matches!(&entered.outcome, Outcome::Ended(result) if status.is_none_or(|status| status == result.status))
    }

    /// What is wrong at the end of a run that has ended.
    fn judge_end(&mut self, limit: Duration, stored: usize) -> Vec<String> {
        let Some(end) = &self.recording.end else { return Vec::new() };
        let (recorded, new) = self.open(stored);
        let result = match &self.entered[stored].outcome {
            Outcome::Ended(result) => result,
            outcome => {
                let told: Vec<String> = recorded
                    .iter()
                    .map(|step| step.label())
                    .chain(new.iter().map(|told| told.label.clone()))
                    .collect();
                if let Some(told) = new.first()
                    && let Some(beside) = self.beside(stored, told)
                {
                    return vec![words::new_branch(told, &beside, "its end")];
                }
                if end.status == "Cancelled" {
                    return Vec::new();
                }
                return vec![match told.as_slice() {
                    [] => words::instead(outcome, "its end", limit),
                    told => format!(
                        "the recorded run ends here, and the handler comes to {}: a run in flight does it at its end. Make \
                         sure that it may",
                        words::list(told.iter().map(String::as_str))
                    ),
                }];
            }
        };
        let Some(response) = &end.response else {
            if end.status == "Failed" && result.status < 500 {
                self.notes.push(format!("the run failed, and ends with the status {} now", result.status));
            }
            return Vec::new();
        };
        if response.status != result.status {
            return vec![format!(
                "the run ended with the status {}, and ends with {} and `{}` now",
                response.status,
                result.status,
                words::snippet(&result.body)
            )];
        }
        if !are_alike(&response.body, &result.body) {
            self.notes.push(format!(
                "the run's response has another body: it was `{}` and is `{}`",
                words::snippet(&response.body),
                words::snippet(&result.body)
            ));
        }
        Vec::new()
    }

    /// What is wrong where a run in flight waits.
    async fn judge_waiting(&mut self, stage: &mut Stage, stored: usize) -> Result<Vec<String>, String> {
        if self.waiting.is_empty() {
            let (recorded, new) = self.open(stored);
            let labels =
                recorded.iter().map(|step| step.label()).chain(new.iter().map(|told| told.label.clone()));
            let labels: Vec<String> = labels.collect();
            if labels.is_empty() && !matches!(self.entered[stored].outcome, Outcome::Ended(_)) {
                let next = "what was under way when it was recorded";
                return Ok(vec![words::instead(&self.entered[stored].outcome, next, stage.limit)]);
            }
            if !labels.is_empty() {
                let list = words::list(labels.iter().map(String::as_str));
                self.notes.push(format!(
                    "what was under way when the run was recorded is not known; the handler comes to {list}"
                ));
            }
            return Ok(Vec::new());
        }
        for next in self.waiting.clone() {
            if let Some(message) = self.judge_next(stage, stored, next).await? {
                return Ok(vec![message]);
            }
        }
        let (_, new) = self.open(stored);
        let beside: Vec<String> = self.waiting.iter().map(|step| step.label()).collect();
        Ok(new.iter().map(|told| words::new_branch(told, &beside, "what comes after them")).collect())
    }
}

/// Whether two bodies are the same, as far as can be told: none that is sealed is like another, and
/// a step's error has its message in dev mode alone.
fn are_alike(was: &str, is: &str) -> bool {
    let sealed = "\"__ENCRYPTED__\":true";
    let without_message = |body: &str| {
        let mut body: serde_json::Map<String, Value> = crate::json::read(body).ok()?;
        body.remove("message");
        (body.get("error")?.as_str()? == "a step failed").then_some(body)
    };
    was == is
        || was.contains(sealed) && is.contains(sealed)
        || without_message(was).is_some_and(|was| Some(was) == without_message(is))
}
