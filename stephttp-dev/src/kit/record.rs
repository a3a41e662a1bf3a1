//! What the app did, as the app's own process saw it.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard};

use inngest::function::StepKind;
use serde_json::Value;

use super::mocks::Mocks;
use crate::inspect::label;
use crate::sync::lock;

/// Shared by a test and the app's processes.
#[derive(Debug, Default)]
pub(super) struct Record(Mutex<Seen>);

impl Record {
    pub(super) fn lock(&self) -> MutexGuard<'_, Seen> {
        lock(&self.0)
    }
}

#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) mocks: Mocks,
    /// Which run each of the test's requests has begun.
    requests: HashMap<u64, String>,
    /// Runs that Inngest has called the app back for.
    reentered: HashSet<String>,
    attempts: Vec<Attempt>,
    /// What steps gave, before middlewares changed it: by run and hash.
    outputs: HashMap<(String, String), Value>,
    /// Bodies of responses that are stored, before middlewares changed them.
    bodies: HashMap<String, String>,
    /// What a test is told at its end.
    mistakes: Vec<String>,
}

/// One execution of a step's code, or of the mock in its place.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    pub(super) run_id: String,
    /// The step's id as its user wrote it.
    pub(super) id: String,
    /// Which use of the id in its run.
    pub(super) index: u32,
    pub(super) hash: String,
    pub(super) kind: StepKind,
    /// Whether a mock has stood in for the code.
    pub(super) mocked: bool,
    /// How it ended; `None` while it goes on, and if it was cut off.
    pub(super) outcome: Option<Result<(), String>>,
}

impl Attempt {
    /// What people call the step: its id and its use.
    pub(super) fn label(&self) -> String {
        label(&self.id, self.index, &self.hash)
    }
}

impl Seen {
    /// A request has begun a run. Of several runs the first is meant: the app may pass on headers.
    pub(super) fn run_begins(&mut self, request: u64, run_id: &str) {
        self.requests.entry(request).or_insert_with(|| run_id.to_owned());
    }

    pub(super) fn run_of(&self, request: u64) -> Option<String> {
        self.requests.get(&request).cloned()
    }

    pub(super) fn reentered(&mut self, run_id: String) {
        self.reentered.insert(run_id);
    }

    pub(super) fn was_reentered(&self, run_id: &str) -> bool {
        self.reentered.contains(run_id)
    }

    /// A step's code is about to run; answers the attempt's place.
    pub(super) fn begins(&mut self, attempt: Attempt) -> usize {
        self.attempts.push(attempt);
        self.attempts.len() - 1
    }

    pub(super) fn attempt_mut(&mut self, place: usize) -> Option<&mut Attempt> {
        self.attempts.get_mut(place)
    }

    /// The attempts of a run's steps, in the order in which they began.
    pub(super) fn attempts<'a>(&'a self, run_id: &'a str) -> impl Iterator<Item = &'a Attempt> {
        self.attempts.iter().filter(move |attempt| attempt.run_id == run_id)
    }

    /// How often the code of a step has run: in all uses of its id, or in the one that is named
    /// (`id:1` is the second).
    pub(super) fn executions(&self, run_id: &str, step: &str) -> usize {
        let of_id = self.attempts(run_id).filter(|attempt| attempt.id == step).count();
        if of_id > 0 {
            of_id
        } else {
            self.attempts(run_id).filter(|attempt| attempt.label() == step).count()
        }
    }

    /// The same for one use of an id, by its hash.
    pub(super) fn executions_of(&self, run_id: &str, hash: &str) -> u32 {
        let count = self.attempts(run_id).filter(|attempt| attempt.hash == hash).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// A step has given a value. The first is kept: later ones are the same, as they were stored.
    pub(super) fn gave(&mut self, run_id: String, hash: String, output: Value) {
        self.outputs.entry((run_id, hash)).or_insert(output);
    }

    pub(super) fn output(&self, run_id: &str, hash: &str) -> Option<&Value> {
        self.outputs.get(&(run_id.to_owned(), hash.to_owned()))
    }

    pub(super) fn answered(&mut self, run_id: String, body: String) {
        self.bodies.insert(run_id, body);
    }

    pub(super) fn body(&self, run_id: &str) -> Option<&str> {
        self.bodies.get(run_id).map(String::as_str)
    }

    pub(super) fn mistake(&mut self, mistake: String) {
        if !self.mistakes.contains(&mistake) {
            self.mistakes.push(mistake);
        }
    }

    /// What went wrong with the test itself.
    pub(super) fn mistakes(&self) -> &[String] {
        &self.mistakes
    }

    /// The names of all steps whose code has run, each once.
    pub(super) fn step_names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for attempt in &self.attempts {
            if !names.contains(&attempt.id.as_str()) {
                names.push(&attempt.id);
            }
        }
        names
    }
}
