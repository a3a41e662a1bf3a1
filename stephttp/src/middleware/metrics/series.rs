//! The series that have come about, with their handles: a recorder looks for them once.

use std::array;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use ::metrics::{Counter, Gauge, Histogram, Label, SharedString};

use super::labels::{self, CALLS, DeliveryEnd, KINDS, OTHER, OUTCOMES};
use super::names::Name;
use super::recorder::Target;
use crate::function::StepKind;
use crate::middleware::{CheckpointCall, Execution, Outcome};

/// All series.
pub(super) struct Series {
    functions: Known<Function>,
    checkpoints: [Checkpoints; CALLS.len()],
    deliveries: [Counter; DeliveryEnd::ALL.len()],
    sends: [Counter; 2],
    publishes: [Counter; 2],
    pub(super) lost_runs: Counter,
    pub(super) backlog: Gauge,
}

/// What a counter and a histogram of the same things hold.
type Timed = (Counter, Histogram);

/// The series of one call of the checkpoint API.
pub(super) struct Checkpoints {
    ended: [Timed; 2],
    pub(super) retries: Counter,
}

/// The series of one function, as they come about.
pub(super) struct Function {
    name: SharedString,
    /// By whether the request is the client's.
    executions: [[OnceLock<Counter>; OUTCOMES]; 2],
    durations: [OnceLock<Histogram>; 2],
    hand_overs: [OnceLock<Counter>; 2],
    replayed: OnceLock<Counter>,
    steps: Known<Step>,
}

/// The series of one step.
pub(super) struct Step {
    function: SharedString,
    name: SharedString,
    attempts: [[OnceLock<Timed>; 2]; KINDS],
}

/// What is known by a name.
struct Known<T>(RwLock<HashMap<Arc<str>, Arc<T>>>);

impl<T> Known<T> {
    fn new() -> Self {
        Self(RwLock::default())
    }

    fn get(&self, name: &str, make: impl FnOnce(SharedString) -> T) -> Arc<T> {
        if let Some(known) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return known.clone();
        }
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let name: Arc<str> = name.into();
        let made = || Arc::new(make(SharedString::from_shared(name.clone())));
        all.entry(name.clone()).or_insert_with(made).clone()
    }
}

fn label(name: &'static str, value: &'static str) -> Label {
    Label::from_static_parts(name, value)
}

fn named(name: &'static str, value: &SharedString) -> Label {
    Label::new(name, value.clone())
}

impl Series {
    pub(super) fn new(target: &Target) -> Self {
        target.with(Name::describe_all);
        let deliveries = DeliveryEnd::ALL
            .map(|end| target.counter(Name::Deliveries, vec![label("outcome", end.as_str())]));
        // With 0, so that the first loss is seen as one.
        deliveries.iter().for_each(|deliveries| deliveries.increment(0));
        let [sends, publishes] = [Name::Sends, Name::Publishes].map(|name| {
            [false, true].map(|is_ok| {
                let calls = target.counter(name, vec![label("outcome", labels::ok(is_ok))]);
                calls.increment(0);
                calls
            })
        });
        let lost_runs = target.counter(Name::LostRuns, Vec::new());
        lost_runs.increment(0);
        let backlog = target.gauge(Name::Backlog);
        backlog.set(0.0);
        Self {
            functions: Known::new(),
            checkpoints: CALLS.map(|call| Checkpoints::new(target, call)),
            deliveries,
            sends,
            publishes,
            lost_runs,
            backlog,
        }
    }

    pub(super) fn function(&self, execution: &Execution) -> Arc<Function> {
        self.functions.get(execution.bounded_function_id().unwrap_or(OTHER), Function::new)
    }

    pub(super) fn checkpoints(&self, call: CheckpointCall) -> &Checkpoints {
        &self.checkpoints[match call {
            CheckpointCall::NewRun => 0,
            CheckpointCall::Steps => 1,
            CheckpointCall::Async => 2,
        }]
    }

    pub(super) fn sends(&self, is_ok: bool) -> &Counter {
        &self.sends[usize::from(is_ok)]
    }

    pub(super) fn publishes(&self, is_ok: bool) -> &Counter {
        &self.publishes[usize::from(is_ok)]
    }

    pub(super) fn deliveries(&self, end: DeliveryEnd) -> &Counter {
        &self.deliveries[end as usize]
    }
}

impl Checkpoints {
    fn new(target: &Target, call: CheckpointCall) -> Self {
        let call = label("call", call.as_str());
        let ended = [false, true].map(|is_ok| {
            let labels = vec![call.clone(), label("outcome", labels::ok(is_ok))];
            let count = target.counter(Name::Checkpoints, labels.clone());
            count.increment(0);
            (count, target.histogram(Name::CheckpointDuration, labels))
        });
        let retries = target.counter(Name::CheckpointRetries, vec![call]);
        retries.increment(0);
        Self { ended, retries }
    }

    pub(super) fn ended(&self, is_ok: bool) -> &Timed {
        &self.ended[usize::from(is_ok)]
    }
}

impl Function {
    fn new(name: SharedString) -> Self {
        Self {
            name,
            executions: array::from_fn(|_| array::from_fn(|_| OnceLock::new())),
            durations: array::from_fn(|_| OnceLock::new()),
            hand_overs: array::from_fn(|_| OnceLock::new()),
            replayed: OnceLock::new(),
            steps: Known::new(),
        }
    }

    fn labels(&self, is_first: bool) -> Vec<Label> {
        vec![named("function", &self.name), label("request", labels::request(is_first))]
    }

    pub(super) fn execution(&self, target: &Target, is_first: bool, outcome: &Outcome) -> &Counter {
        let (at, outcome, status) = labels::outcome(outcome);
        self.executions[usize::from(is_first)][at].get_or_init(|| {
            let mut labels = self.labels(is_first);
            labels.extend([label("outcome", outcome), label("status", status)]);
            target.counter(Name::Executions, labels)
        })
    }

    pub(super) fn execution_duration(&self, target: &Target, is_first: bool) -> &Histogram {
        let make = || target.histogram(Name::ExecutionDuration, self.labels(is_first));
        self.durations[usize::from(is_first)].get_or_init(make)
    }

    pub(super) fn hand_overs(&self, target: &Target, is_first: bool) -> &Counter {
        let make = || target.counter(Name::HandOvers, self.labels(is_first));
        self.hand_overs[usize::from(is_first)].get_or_init(make)
    }

    pub(super) fn replayed_steps(&self, target: &Target) -> &Counter {
        let make = || target.counter(Name::ReplayedSteps, vec![named("function", &self.name)]);
        self.replayed.get_or_init(make)
    }

    /// `id` is one that is a label.
    pub(super) fn step(&self, id: &str) -> Arc<Step> {
        self.steps.get(id, |name| Step {
            function: self.name.clone(),
            name,
            attempts: array::from_fn(|_| array::from_fn(|_| OnceLock::new())),
        })
    }
}

impl Step {
    pub(super) fn attempts(&self, target: &Target, kind: Option<StepKind>, is_ok: bool) -> &Timed {
        let (at, kind) = labels::kind(kind);
        self.attempts[at][usize::from(is_ok)].get_or_init(|| {
            let labels = vec![
                named("function", &self.function),
                named("step", &self.name),
                label("kind", kind),
                label("outcome", labels::ok(is_ok)),
            ];
            (target.counter(Name::Steps, labels.clone()), target.histogram(Name::StepDuration, labels))
        })
    }
}
