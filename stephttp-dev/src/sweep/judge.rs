//! Whether a pass has kept what is promised.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::Value;

use super::client::Client;
use super::ledger::{Ledger, StepName};
use super::pass::Pass;
use super::plan::Sweep;
use super::promise::{Breach, Promise};
use crate::client::Answer;
use crate::inspect::{RunStatus, RunView};
use crate::text::panic_text;

/// What came of the undisturbed pass, and must come of every other.
#[derive(Debug, Default)]
pub(super) struct Undisturbed {
    answers: BTreeMap<String, Answer>,
    /// How often each step ran in a run, at most.
    steps: BTreeMap<StepName, usize>,
    /// The functions of which runs are left waiting.
    left_waiting: BTreeSet<String>,
    /// The effects that must happen once, of each list.
    once: Vec<Vec<String>>,
    runs: Vec<String>,
}

impl Undisturbed {
    /// The run of the undisturbed pass that a text names.
    fn run_in(&self, text: &str) -> Option<&str> {
        self.runs.iter().find(|run| text.contains(*run)).map(String::as_str)
    }
}

/// A pass that is over.
pub(super) struct Seen<'a, W> {
    pub(super) sweep: &'a Sweep<W>,
    pub(super) pass: &'a Pass,
    pub(super) client: &'a Client,
    pub(super) ledger: &'a Ledger,
    pub(super) world: &'a W,
}

impl<W> Seen<'_, W> {
    /// What the other passes are measured by.
    pub(super) fn undisturbed(&self) -> Undisturbed {
        let runs = self.pass.engine().runs();
        let run_ids = runs.iter().map(|run| run.id.clone()).collect();
        Undisturbed {
            answers: self.client.answers(),
            steps: self.ledger.most(),
            left_waiting: runs.into_iter().filter(is_left).map(|run| run.function).collect(),
            once: self.sweep.once.iter().map(|effects| effects(self.world)).collect(),
            runs: run_ids,
        }
    }

    /// What is broken of the promises. `undisturbed` is missing in the undisturbed pass itself.
    pub(super) fn breaches(&self, undisturbed: Option<&Undisturbed>) -> Vec<Breach> {
        let mut breaches = self.ran_again();
        self.violations(&mut breaches);
        self.left_running(undisturbed, &mut breaches);
        self.lost(&mut breaches);
        if let Some(undisturbed) = undisturbed {
            self.steps(undisturbed, &mut breaches);
            self.answers(undisturbed, &mut breaches);
        }
        self.effects(undisturbed, &mut breaches);
        for check in &self.sweep.checks {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(self.world))) {
                breaches.push(Breach::new(Promise::World, panic_text(&*panic)));
            }
        }
        breaches
    }

    /// What is broken already of a pass that has not come to its end.
    pub(super) fn ran_again(&self) -> Vec<Breach> {
        let again = self.pass.ran_again();
        let how = |step| format!("the step {step} ran again although its result had been saved");
        again.into_iter().map(|step| Breach::new(Promise::RunsOnce, how(step))).collect()
    }

    fn violations(&self, breaches: &mut Vec<Breach>) {
        let allowed = &self.sweep.allowed;
        let violations = self.pass.engine().violations();
        for violation in violations.iter().filter(|violation| !allowed.contains(&violation.kind)) {
            breaches.push(Breach::new(Promise::NoViolation, violation.to_string()));
        }
    }

    fn left_running(&self, undisturbed: Option<&Undisturbed>, breaches: &mut Vec<Breach>) {
        let told = self.client.told();
        let mut left = self.pass.hanging();
        for run in self.pass.engine().runs() {
            // What a client was told of must end, whatever has died.
            if told.contains(&run.id) && run.status == RunStatus::Running && !left.contains(&run) {
                left.push(run);
            }
        }
        left.retain(|run| {
            let may = undisturbed.is_none_or(|undisturbed| undisturbed.left_waiting.contains(&run.function));
            !(may && is_left(run))
        });
        for run in left {
            let how =
                format!("the run {} of `{}` has not ended, and nothing will end it", run.id, run.function);
            breaches.push(Breach::new(Promise::Ends, how));
        }
    }

    fn lost(&self, breaches: &mut Vec<Breach>) {
        let mut begun: BTreeSet<String> = self.client.told().into_iter().collect();
        if self.pass.deaths() == 0 {
            begun.extend(self.ledger.run_ids());
        }
        for run in begun.into_iter().filter(|run| self.pass.engine().run(run).is_none()) {
            breaches.push(Breach::new(Promise::KeepsRuns, format!("Inngest does not know the run {run}")));
        }
    }

    fn steps(&self, undisturbed: &Undisturbed, breaches: &mut Vec<Breach>) {
        let deaths = self.pass.deaths();
        let runs = self.ledger.runs();
        for ((run, step), times) in &runs {
            let Some(usual) = undisturbed.steps.get(step) else { continue };
            if *times > usual + deaths {
                let (label, allowed) = (&step.label, allowance(deaths));
                let how = format!(
                    "the step `{label}` of run {run} ran {times} times, undisturbed {usual}; {allowed}"
                );
                breaches.push(Breach::new(Promise::RunsOnce, how));
            }
        }
        if self.sweep.steps_may_differ {
            return;
        }
        for step in undisturbed.steps.keys().filter(|step| !runs.keys().any(|(_, ran)| ran == *step)) {
            let how = format!("the step `{}` of `{}` has not run", step.label, step.function);
            breaches.push(Breach::new(Promise::LeavesNothingOut, how));
        }
    }

    fn answers(&self, undisturbed: &Undisturbed, breaches: &mut Vec<Breach>) {
        let answers = self.client.answers();
        for (request, expected) in &undisturbed.answers {
            let Some(answer) = answers.get(request) else {
                breaches.push(Breach::new(Promise::SameAnswer, format!("{request} has had none")));
                continue;
            };
            let same = match &self.sweep.same {
                Some(same) => same(expected, answer),
                None => self.are_same(expected, answer),
            };
            if !same {
                let how = format!("{request} is answered {answer}; undisturbed it is {expected}");
                breaches.push(Breach::new(Promise::SameAnswer, how));
            }
        }
    }

    fn are_same(&self, expected: &Answer, answer: &Answer) -> bool {
        let volatile = &self.sweep.volatile;
        let streams = is_stream(expected) && is_stream(answer);
        expected.status() == answer.status()
            && (streams || without(expected, volatile) == without(answer, volatile))
    }

    fn effects(&self, undisturbed: Option<&Undisturbed>, breaches: &mut Vec<Breach>) {
        let deaths = self.pass.deaths();
        for (nth, effects) in self.sweep.once.iter().enumerate() {
            let mut counts: BTreeMap<String, usize> = BTreeMap::new();
            let listed = match catch_unwind(AssertUnwindSafe(|| effects(self.world))) {
                Ok(listed) => listed,
                Err(panic) => {
                    breaches.push(Breach::new(Promise::World, panic_text(&*panic)));
                    continue;
                }
            };
            for effect in listed {
                *counts.entry(effect).or_default() += 1;
            }
            for effect in undisturbed.into_iter().flat_map(|undisturbed| &undisturbed.once[nth]) {
                if !counts.contains_key(effect) {
                    let mut how = format!("`{effect}` has not happened");
                    if let Some(run) = undisturbed.and_then(|undisturbed| undisturbed.run_in(effect)) {
                        how += &format!(
                            ". Its text names the run {run} of the undisturbed pass, and each pass has runs of its own: in \
                             `Sweep::once`, leave the ids of runs, and idempotency keys, which hold them, out of the texts"
                        );
                    }
                    breaches.push(Breach::new(Promise::LeavesNothingOut, how));
                }
            }
            for (effect, times) in counts.into_iter().filter(|(_, times)| *times > 1 + deaths) {
                let allowed = allowance(deaths);
                let how = format!("`{effect}` happened {times} times, and must happen once; {allowed}");
                breaches.push(Breach::new(Promise::RunsOnce, how));
            }
        }
    }
}

/// A run that goes on only when something comes for it.
fn is_left(run: &RunView) -> bool {
    run.status == RunStatus::Running && run.outstanding > 0
}

/// How many repetitions there may be.
fn allowance(deaths: usize) -> String {
    match deaths {
        0 => "no process has died".to_owned(),
        1 => "a process has died once, which allows one more".to_owned(),
        deaths => format!("processes have died {deaths} times, which allows {deaths} more"),
    }
}

/// Whether an answer is a stream of server-sent events.
fn is_stream(answer: &Answer) -> bool {
    answer.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream"))
}

/// An answer's body as JSON, without the values at these pointers; as a text, if it is no JSON.
fn without(answer: &Answer, pointers: &[String]) -> Value {
    let Ok(mut body) = serde_json::from_slice::<Value>(answer.bytes()) else {
        return Value::from(String::from_utf8_lossy(answer.bytes()));
    };
    for pointer in pointers {
        if let Some(value) = body.pointer_mut(pointer) {
            *value = Value::Null;
        }
    }
    body
}
