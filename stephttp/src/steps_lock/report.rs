//! The comparison in words: what differs, what that does to runs in flight, and what to do instead.

use std::fmt::{self, Display, Formatter};

use super::compare::{Addition, Break, Changed, Comparison, Gone};
use super::file::{Locked, Words};
use super::program::Function;
use crate::function::{StepKind, StepMeta};

impl Display for Comparison<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for gone in &self.gone {
            writeln!(f)?;
            Told::of_function(gone).write(f, "")?;
        }
        let broken = || self.changed.iter().filter(|changed| !changed.breaks.is_empty());
        for Changed { function, breaks, .. } in broken() {
            writeln!(f, "\n{function}")?;
            for broken in breaks {
                Told::of_step(broken).write(f, "  ")?;
            }
        }
        if broken().flat_map(|changed| &changed.breaks).any(|broken| matches!(broken, Break::StepGone { .. }))
        {
            writeln!(f)?;
            let note = "This test does not see steps in functions that the handler calls and that have no `#[step_fn]`, or \
                        steps whose id is no literal. A step that has only become one of those is not gone, and loses \
                        nothing.";
            paragraph(f, "", note)?;
        }
        self.write_additions(f)
    }
}

impl Comparison<'_> {
    fn write_additions(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let added = || self.changed.iter().filter(|changed| !changed.additions.is_empty());
        let others = !self.moved.is_empty() || !self.new.is_empty();
        if self.strands() && (added().next().is_some() || others) {
            writeln!(f, "\nAlso new:")?;
        }
        for Changed { function, additions, .. } in added() {
            writeln!(f, "\n{function}")?;
            for addition in additions {
                writeln!(f, "  {addition}")?;
            }
        }
        for (old, helper) in &self.moved {
            writeln!(f, "\n{helper} has the steps of `{old}`, which is gone")?;
        }
        for function in &self.new {
            writeln!(f, "\n{function} is new")?;
        }
        if added().flat_map(|changed| &changed.additions).any(|added| matches!(added, Addition::NewStep(_))) {
            writeln!(f)?;
            let note = "A run in flight that is past the place of a new step runs that step when it is called back next.";
            paragraph(f, "", note)?;
        }
        Ok(())
    }
}

impl Display for Addition<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::NewStep(step) => write!(f, "step `{}` is new: {}", step.id(), Described(step)),
            Self::Renamed { old, step } => {
                write!(f, "step `{}` takes the results of `{old}`: {}", step.id(), Described(step))
            }
        }
    }
}

/// What is told of one change by which runs may lose something.
struct Told {
    what: String,
    places: Vec<String>,
    /// What it does to runs in flight.
    effect: String,
    /// What it may be in truth, and how to say so.
    guesses: Vec<String>,
    instead: &'static str,
}

impl Told {
    fn of_function(gone: &Gone<'_>) -> Self {
        let (id, alike) = match gone {
            Gone::Endpoint { id, alike } => (id, alike),
            Gone::Helper { path, locked, takers } => return Self::of_helper(path, locked, takers),
        };
        let alike = alike.as_ref().map(|alike| {
            format!("{alike} is new and has steps of the same ids. If it is the same function: give it its old id again, by which Inngest knows it.")
        });
        Self {
            what: format!("endpoint `{id}` is gone"),
            places: Vec::new(),
            effect: "Its runs in flight are called back at the path at which they began. Where nothing answers, they do not \
                     finish; where another function does, they go on in that one, whose steps were not compared."
                .to_owned(),
            guesses: alike.into_iter().collect(),
            instead: "keep the function, routed as it was, until its runs have ended. If it is still there, this test is built \
                      without it: link its crate (`use my_app as _;`), and turn on the features that you deploy with.",
        }
    }

    fn of_helper(path: &str, locked: &Locked, takers: &[Function<'_>]) -> Self {
        let ids: Vec<String> = locked.steps.keys().map(|id| format!("`{id}`")).collect();
        let kinds = Words(locked.steps.values().flat_map(|kinds| kinds.0.iter().cloned()).collect());
        Self {
            what: format!("helper `{path}` is gone, with its steps: {}", ids.join(", ")),
            places: Vec::new(),
            effect: lost(&kinds).to_owned(),
            guesses: takers.iter().map(|taker| taken(taker, "new steps of the same ids")).collect(),
            instead: "keep its steps until no run in flight depends on them. If the function is still there, give it \
                      `#[step_fn]` again, or link its crate (`use my_app as _;`), and turn on the features that you deploy \
                      with.",
        }
    }

    fn of_step(broken: &Break<'_>) -> Self {
        match broken {
            Break::SyncOnly => Self {
                what: "it has `sync_only` now, and leaves this file".to_owned(),
                places: Vec::new(),
                effect: "No new run of it is ever in flight. One that was handed over before goes on here: what it waits for \
                         still comes, and it finds its results by the ids of its steps, as long as they are there. Once this \
                         is accepted, this test does not tell of changes to them."
                    .to_owned(),
                guesses: Vec::new(),
                instead: "leave its steps as they were until the runs from before have ended.",
            },
            Break::StepGone { id, kinds, candidates, takers } => Self {
                what: format!("step `{id}` ({}) is gone", list(kinds)),
                places: Vec::new(),
                effect: lost(kinds).to_owned(),
                guesses: takers
                    .iter()
                    .map(|taker| taken(taker, "a new step of the same id"))
                    .chain(candidates.iter().map(|step| guess(id, step)))
                    .collect(),
                instead: "keep the step until no run in flight depends on it, and give a new one an id of its own.",
            },
            Break::KindChanged { id, was, step } => Self {
                what: format!("step `{id}` was `{was}` and is another kind of step now"),
                places: places(id, &[step]),
                effect: "A run in flight that has come to it finds a result that is not this step's: it fails there, or goes on \
                         with a value that means something else."
                    .to_owned(),
                guesses: Vec::new(),
                instead: "give the new step an id of its own, and keep the old one until no run in flight depends on it.",
            },
            Break::PlacesChanged { id, was, places: now } => Self {
                what: format!("step `{id}` was used as {}, and is now used as", list(was)),
                places: places(id, now),
                effect: format!(
                    "Uses of one id are numbered in the order of the calls (`{id}`, `{id}:1`, …), so a run in flight may give \
                     a result to another call than the one that stored it."
                ),
                guesses: Vec::new(),
                instead: "leave the places that there were as they were, and give a new one an id of its own.",
            },
            Break::Contested { id, steps } => Self {
                what: format!("more than one step takes what is stored under `{id}`"),
                places: places(id, steps),
                effect: "In a run in flight the one that is called first takes the result, and the other runs afresh: an effect \
                         may happen twice, or be taken for done."
                    .to_owned(),
                guesses: Vec::new(),
                instead: "let one of them have the id, and give the other one that no step has had before.",
            },
            Break::Numbered { id, step } => Self {
                what: format!("step `{}` is new, and its id is what Inngest calls another use of `{id}`", step.id()),
                places: places(step.id(), &[step]),
                effect: format!("A run in flight that has used `{id}` several times gives one of the results to this step."),
                guesses: Vec::new(),
                instead: "give the new step an id that is not another one with a number.",
            },
            Break::Merged { id, into } => Self {
                what: format!("step `{id}` has become one with `{}`", into.id()),
                places: places(id, &[into]),
                effect: "A run in flight may have stored a result under each id. One of the two is not used any more, or one is \
                         used for both."
                    .to_owned(),
                guesses: Vec::new(),
                instead: "keep both steps, or give the one that replaces them an id of its own.",
            },
            Break::OldIdForgotten { id, old } => Self {
                what: format!("step `{id}` no longer says `.renamed_from({old:?})` where it did"),
                places: Vec::new(),
                effect: format!(
                    "A run that stored its result under `{old}`, before the renaming, does not find it again and runs the step \
                     afresh: its effect may happen twice."
                ),
                guesses: Vec::new(),
                instead: "keep it until the runs from before the renaming have ended.",
            },
        }
    }

    fn write(&self, f: &mut Formatter<'_>, indent: &str) -> fmt::Result {
        writeln!(f, "{indent}{}", self.what)?;
        for text in self.places.iter().chain([&self.effect]).chain(&self.guesses) {
            paragraph(f, "    ", text)?;
        }
        paragraph(f, "    ", &format!("Instead: {}", self.instead))
    }
}

fn lost(kinds: &Words) -> &'static str {
    let only_waits = |kind: &String| matches!(kind.as_str(), "sleep" | "wait_for_event" | "wait_for_signal");
    if kinds.0.iter().all(only_waits) {
        "A run in flight that waits for it, or has done so, does not know of that any more. What has taken its place \
         begins to wait anew."
    } else {
        "A run in flight that has come to it does not find its result again. What has taken its place runs afresh: its \
         effect may happen twice."
    }
}

fn taken(by: &Function<'_>, what: &str) -> String {
    format!(
        "{by} has {what}. If the code has moved there, and is run as before: accept that, and nothing is lost."
    )
}

fn guess(id: &str, step: &StepMeta) -> String {
    let way = match step.kind() {
        StepKind::Run => format!("say so with `.renamed_from({id:?})`, and nothing is lost."),
        _ => "give it its old id again, since only `run` has `renamed_from`.".to_owned(),
    };
    format!("`{}` is new, {}. If it is the same step: {way}", step.id(), Described(step))
}

/// Where steps are that take what is stored under an id.
fn places(id: &str, steps: &[&StepMeta]) -> Vec<String> {
    let place = |step: &&StepMeta| {
        let renamed = if step.id() == id { "" } else { ", renamed from it" };
        format!("`{}`: {}{renamed}", step.id(), Described(step))
    };
    steps.iter().map(place).collect()
}

/// What a step is, and where.
struct Described<'a>(&'a StepMeta);

impl Display for Described<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` at {}", self.0.kind().method(), self.0.location())
    }
}

fn list(words: &Words) -> String {
    words.0.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// Text in lines that fit a terminal.
fn paragraph(f: &mut Formatter<'_>, indent: &str, text: &str) -> fmt::Result {
    const WIDTH: usize = 100;
    let mut column = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if column == 0 {
            write!(f, "{indent}{word}")?;
            column = indent.len() + length;
        } else if column + 1 + length <= WIDTH {
            write!(f, " {word}")?;
            column += 1 + length;
        } else {
            write!(f, "\n{indent}{word}")?;
            column = indent.len() + length;
        }
    }
    writeln!(f)
}
