//! How a recorded run stood after each of its steps.

use std::collections::BTreeMap;

use inngest::wire::StepHash;
use serde::Deserialize;
use serde_json::Value;

use super::{RecordedStep, Recording};
use crate::inspect::is_hidden;

/// The hidden steps that hold the run's log.
const ORDER: &str = "stephttp:order:";

/// Hidden steps that say something of the client's request or of a step's output. Others say which
/// job does what, and there is one job in a replay.
const KEPT: [&str; 3] = ["stephttp:remember", "stephttp:streamed", "stephttp:piped:"];

/// A recorded run, step by step.
#[derive(Debug)]
pub(crate) struct History<'a> {
    /// The handler's steps, in the order in which they were stored.
    pub(crate) steps: Vec<&'a RecordedStep>,
    /// By places: whether the step there and the one before may have come the other way round.
    pub(crate) ties: Vec<bool>,
    kept: Vec<&'a RecordedStep>,
    log: Vec<Decision>,
}

/// What the log says of the order of results: `"<hash>:<steps>"`, or `"-<hash>:<milliseconds>"` of
/// a step that the handler dropped.
#[derive(Debug)]
struct Decision {
    text: String,
    /// The step whose result is given.
    given: Option<String>,
}

impl<'a> History<'a> {
    pub(crate) fn of(recording: &'a Recording) -> Self {
        let steps: Vec<_> = recording.steps.iter().filter(|step| !is_hidden(&step.id)).collect();
        let ties = steps.iter().map(|step| step.tied).collect();
        let kept = |step: &&RecordedStep| KEPT.iter().any(|id| step.id.starts_with(id));
        let kept = recording.steps.iter().filter(kept).collect();
        let mut log = Vec::new();
        for n in 0.. {
            let id = format!("{ORDER}{n}");
            let Some(step) = recording.steps.iter().find(|step| step.id == id) else { break };
            log.extend(decisions(step));
        }
        Self { steps, ties, kept, log }
    }

    /// What is stored after so many of the steps, as JSON by hash.
    pub(crate) fn state(&self, stored: usize) -> BTreeMap<String, String> {
        let known = &self.steps[..stored];
        let mut log = Vec::new();
        for decision in &self.log {
            log.push(decision.text.as_str());
            // What is decided after a result that is not there waits for that.
            let is_open = |hash: &String| !known.iter().any(|step| step.hash == *hash);
            if decision.given.as_ref().is_some_and(is_open) {
                break;
            }
        }
        let all = known.iter().chain(&self.kept);
        let raw = |step: &RecordedStep| step.value.as_ref().map_or("null", |value| value.get()).to_owned();
        let mut state: BTreeMap<_, _> = all.map(|step| (step.hash.clone(), raw(step))).collect();
        // Never empty: an SDK that finds nothing asks again.
        let order = StepHash::of(&format!("{ORDER}0")).to_string();
        state.insert(order, serde_json::json!({ "data": log }).to_string());
        state
    }
}

fn decisions(step: &RecordedStep) -> Vec<Decision> {
    #[derive(Deserialize)]
    struct Stored {
        data: Vec<Value>,
    }
    let stored = step.value.as_ref().and_then(|value| serde_json::from_str::<Stored>(value.get()).ok());
    let texts = stored.into_iter().flat_map(|stored| stored.data);
    texts
        .filter_map(|entry| {
            let text = entry.as_str()?.to_owned();
            let given = (!text.starts_with('-')).then(|| text.split(':').next().map(str::to_owned)).flatten();
            Some(Decision { text, given })
        })
        .collect()
}
