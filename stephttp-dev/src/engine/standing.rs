//! How things stand, told to people whose test waits for something that does not come.

use std::collections::BTreeMap;
use std::fmt::Display;

use super::State;
use super::wait::WaitKind;
use crate::clock::Clock;
use crate::inspect::{RunStatus, RunView, StepStatus, StepView};

/// How many things of one kind are told of; of more than these, the latest.
const MOST: usize = 50;

impl State {
    /// A run that waits in a step. `Err` says why it does not, and never will; `None` while it
    /// still may.
    pub(crate) fn waits_in(&self, run_id: &str, step_id: &str) -> Option<Result<RunView, String>> {
        let run = self.view(run_id)?;
        let step = run.step(step_id);
        let going = run.status == RunStatus::Running;
        if going && step.is_some_and(|step| step.status.is_waiting()) {
            return Some(Ok(run));
        }
        let status = run.status.as_str();
        let why = match step {
            Some(step) => match self.over(step) {
                Some(why) => why,
                None if going => return None,
                None => format!("the run has ended ({status})"),
            },
            None if going => return None,
            None => format!("the run has ended ({status}) without such a step"),
        };
        let steps: Vec<String> =
            run.steps.iter().map(|step| format!("`{}` {:?}", step.label(), step.status)).collect();
        let steps = if steps.is_empty() { "none".to_owned() } else { steps.join(", ") };
        Some(Err(format!("run {run_id} does not wait in `{step_id}`: {why}. Its steps: {steps}.")))
    }

    /// A run that waits in a step, or sleeps in it where no clock ends that at once. As
    /// [`waits_in`](Self::waits_in).
    pub(crate) fn stops_in(&self, run_id: &str, step_id: &str) -> Option<Result<RunView, String>> {
        let run = self.view(run_id)?;
        let time = &self.work.time;
        let sleeps = run.step(step_id).is_some_and(|step| step.status == StepStatus::Waiting);
        if sleeps && run.status == RunStatus::Running && (time.kind() != Clock::Skip || time.held()) {
            return Some(Ok(run));
        }
        self.waits_in(run_id, step_id)
    }

    /// A run that has ended, once no re-entry of it is under way.
    pub(crate) fn ended(&self, run_id: &str) -> Option<RunView> {
        let run = self.view(run_id).filter(|run| run.status != RunStatus::Running)?;
        let mut of_run = self.log.dispatches.iter().filter(|dispatch| dispatch.run_id == run_id);
        let under_way = of_run.any(|dispatch| self.work.unanswered.contains(&dispatch.request_id));
        (!under_way).then_some(run)
    }

    /// How a step ended; `None` while it has not.
    fn over(&self, step: &StepView) -> Option<String> {
        let waited = matches!(step.op.as_str(), "WaitForEvent" | "WaitForSignal" | "InvokeFunction");
        match step.status {
            StepStatus::TimedOut if self.work.time.kind() == Clock::Skip => Some(
                "it timed out at once, since time is skipped; call `hold_time()` before the request"
                    .to_owned(),
            ),
            StepStatus::TimedOut => Some("it has timed out".to_owned()),
            StepStatus::Completed if waited => Some("it has got what it waited for".to_owned()),
            StepStatus::Completed => Some(format!("it is no wait but a {}, and done", step.op)),
            StepStatus::Failed => Some(format!("it has failed{}", message(step))),
            StepStatus::Planned
            | StepStatus::Waiting
            | StepStatus::WaitingForEvent
            | StepStatus::WaitingForSignal
            | StepStatus::Invoking
            | StepStatus::Calling
            | StepStatus::Retrying => None,
        }
    }

    /// The names of events and signals that are waited for, each with its kind.
    pub(crate) fn awaited(&self, most: usize) -> Vec<(&'static str, &str)> {
        let names = self.waits.iter().filter_map(|(_, wait)| match &wait.kind {
            WaitKind::Event { name, .. } => Some(("event", name.as_str())),
            WaitKind::Signal(name) => Some(("signal", name.as_str())),
            WaitKind::Invocation => None,
        });
        let mut awaited: Vec<_> = names.take(most).collect();
        awaited.sort_unstable();
        awaited.dedup();
        awaited
    }

    /// Runs and their steps, what they wait for, events that woke nobody, what is under way, and
    /// violations.
    pub(crate) fn standing(&self) -> String {
        let runs = self.order.iter().filter_map(|id| self.view(id)).map(|run| self.run(&run));
        let silent = self.log.events.iter().filter(|event| event.woken == 0).map(|event| {
            let again = if event.duplicate { ", whose id had come before" } else { "" };
            format!("`{}` ({}){again}", event.name, event.id)
        });
        let mut calls = BTreeMap::new();
        for call in &self.log.calls {
            *calls.entry(format!("{:?}", call.kind)).or_insert(0_usize) += 1;
        }
        let calls: Vec<String> = calls.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        let calls = if calls.is_empty() { "none".to_owned() } else { calls.join(", ") };
        let sections = [
            "How things stand:".to_owned(),
            list("Runs", runs),
            format!("Events: {}", self.log.events.len()),
            list("Events that woke nobody", silent),
            format!("API calls: {calls}"),
            format!("Re-entries: {}", self.log.dispatches.len()),
            list("Under way", self.under_way().into_iter()),
            list("Violations", self.log.violations.iter()),
            format!("Time: {}", self.time()),
        ];
        sections.join("\n")
    }

    fn run(&self, run: &RunView) -> String {
        let status = run.status.as_str();
        let head = format!("{} (`{}`): {status}, {} outstanding", run.id, run.function, run.outstanding);
        let mut lines = vec![head];
        let left_out = run.steps.len().saturating_sub(MOST);
        if left_out > 0 {
            lines.push(format!("({left_out} steps are left out)"));
        }
        lines.extend(run.steps.iter().skip(left_out).map(|step| {
            format!("`{}`: {:?}{}{}", step.label(), step.status, self.awaits(&run.id, step), message(step))
        }));
        lines.join("\n    ")
    }

    /// What a step waits for.
    fn awaits(&self, run_id: &str, step: &StepView) -> String {
        let mut waits = self.waits.iter().map(|(_, wait)| wait);
        match waits.find(|wait| wait.run_id == run_id && wait.hash == step.hash).map(|wait| &wait.kind) {
            Some(WaitKind::Event { name, condition: None }) => format!(", for the event `{name}`"),
            Some(WaitKind::Event { name, condition: Some(condition) }) => {
                format!(", for the event `{name}` if `{}`", condition.text)
            }
            Some(WaitKind::Signal(name)) => format!(", for the signal `{name}`"),
            Some(WaitKind::Invocation) => ", for its function".to_owned(),
            None => String::new(),
        }
    }

    /// What is being done, and what a test keeps from being done.
    fn under_way(&self) -> Vec<String> {
        let work = &self.work;
        let mut lines = Vec::new();
        for (count, what) in [
            (work.unanswered.len(), "re-entries that the app has not answered"),
            (work.calls, "calls to third parties"),
            (work.functions, "stand-in functions"),
        ] {
            if count > 0 {
                lines.push(format!("{what}: {count}"));
            }
        }
        if work.held {
            lines.push("re-entries are held; `release_dispatches()` lets them go".to_owned());
        }
        if self.down {
            lines.push("every API call is refused; `come_up()` ends that".to_owned());
        }
        lines
    }

    fn time(&self) -> &'static str {
        match self.work.time.kind() {
            Clock::Skip if self.work.time.held() => "held; `release_time()` lets it go on",
            Clock::Skip => "skipped",
            Clock::Manual => "stands still until `advance(..)`",
            Clock::Real => "the machine's; nothing is skipped",
        }
    }
}

/// What a step's error says.
fn message(step: &StepView) -> String {
    let failed = matches!(step.status, StepStatus::Failed | StepStatus::Retrying);
    let error = step.value.as_ref().filter(|_| failed).and_then(|error| error.get("message")?.as_str());
    error.map(|message| format!(": {message}")).unwrap_or_default()
}

/// A list with its title, each item in a line of its own.
fn list(title: &str, items: impl Iterator<Item = impl Display>) -> String {
    let items: Vec<_> = items.collect();
    if items.is_empty() {
        return format!("{title}: none");
    }
    let left_out = items.len().saturating_sub(MOST);
    let mut text = format!("{title}:");
    if left_out > 0 {
        text.push_str(&format!("\n  ({left_out} are left out)"));
    }
    for item in &items[left_out..] {
        text.push_str(&format!("\n  {item}"));
    }
    text
}
