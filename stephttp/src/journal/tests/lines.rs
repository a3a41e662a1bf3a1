//! Lines that a handler writes between its steps. That none is lost is looked at in every play;
//! here, how often they come.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::one_request::{OneRequest, Step, memo};
use super::play::{Troubles, play};
use super::program::Program::{self, Join, Run, Seq, Sleep};
use super::random::Random;
use crate::journal::{Done, HandoverFacts, Job, Journal, Mode, Next};
use crate::wire::StepHash;

/// The lines that come more than once, in many orders.
fn repeated(program: Program) -> BTreeMap<String, u32> {
    let program = Rc::new(program);
    let mut repeated = BTreeMap::new();
    for seed in 0..200 {
        let played = play(&program, Troubles::default(), Box::new(Random::new(seed)), false);
        assert!(played.violations.is_empty(), "seed {seed}: {:#?}", played.violations);
        assert!(played.lines.values().all(|times| *times > 0), "{:?}", played.lines);
        repeated.extend(played.lines.into_iter().filter(|(_, times)| *times > 1));
    }
    repeated
}

#[track_caller]
fn come_once(program: Program) {
    let repeated = repeated(program);
    assert!(repeated.is_empty(), "{repeated:#?}");
}

#[test]
fn of_one_line_of_work_come_once_whatever_fails() {
    come_once(Seq(vec![
        Run("a", 0, 0),
        Run("b", 1, 2),
        Sleep("s"),
        Run("c", 0, 2),
        Sleep("t"),
        Sleep("u"),
        Run("d", 0, 0),
    ]));
}

#[test]
fn of_branches_that_run_beside_each_other_come_once() {
    let branches = Join(vec![
        Seq(vec![Run("a", 0, 0), Run("b", 2, 0)]),
        Seq(vec![Run("c", 1, 0), Run("d", 0, 0), Run("e", 0, 0)]),
    ]);
    come_once(Seq(vec![branches, Sleep("s"), Run("f", 0, 0)]));
}

/// Each of the branches is brought on by a request of its own. Where a branch that has gone on
/// waits again, nothing says so to the others' requests.
#[test]
fn of_branches_that_wait_come_at_least_once() {
    let branch = |sleep, step, then| Seq(vec![Sleep(sleep), Run(step, 0, 0), Sleep(then)]);
    let repeated = repeated(Join(vec![branch("s", "a", "x"), branch("t", "b", "y")]));
    let expected = |line: &str| {
        line.ends_with("run(a, 0, 0)") || line.ends_with("run(b, 0, 0)") || line.contains("sleep(")
    };
    assert!(repeated.keys().all(|line| expected(line)), "{repeated:#?}");
}

/// Whether a dispatch of a job that decides alone says that the run may go two ways from there.
fn says_that_it_may_fork(generation: u32, is_watched: bool, steps: Vec<Step>) -> bool {
    let mut journal = Journal::new(Mode::Alone, Job { id: "job".to_owned(), generation });
    if is_watched {
        journal.watch_replay();
    }
    journal.learn(memo(&[("x", "null")]));
    let mut request = OneRequest::of(journal, steps);
    loop {
        request.poll();
        if let Next::Done(Done::Suspended(outstanding), _) = request.next() {
            request.journal.hand_over(outstanding, HandoverFacts { attempts_left: 2, ..Default::default() });
            let unsent = request.journal.take_unsent();
            assert!(unsent.iter().any(|op| op.key().id == "stephttp:order:0"), "it has written to the log");
            return unsent.iter().any(|op| op.key().id == "stephttp:forked");
        }
    }
}

/// Two processes work on one job, and each decides by itself what comes first. The order of one is
/// stored, and so is what the other has come to by its own. The lines that lie before that on the
/// stored way may not have been written: they were left out.
#[test]
fn of_a_run_that_may_have_gone_two_ways_come_again() {
    let two = || vec![Step::Ends("a"), Step::Fails("b", None)];
    for (generation, is_watched, steps, says) in [
        (2, true, two(), true),
        (3, true, two(), true),
        // Another process finds what the first dispatch has decided, or says so itself.
        (1, true, two(), false),
        // Nobody asks.
        (2, false, two(), false),
        // There is one way.
        (2, true, vec![Step::Fails("b", None)], false),
    ] {
        let name = format!("{generation} {is_watched} {steps:?}");
        assert_eq!(says_that_it_may_fork(generation, is_watched, steps), says, "{name}");
    }
    let order = format!(r#"{{"data":["{}:2"]}}"#, StepHash::of("a"));
    let stored = [("a", r#"{"data":1}"#), ("stephttp:order:0", &*order), ("t", "null")];
    let forked = ("stephttp:forked", r#"{"data":true}"#);
    for (state, is_again) in [(stored.to_vec(), true), ([&stored[..], &[forked]].concat(), false)] {
        let mut journal = Journal::new(Mode::Shared, Job { id: "job".to_owned(), generation: 1 });
        journal.watch_replay();
        journal.learn(memo(&state));
        assert_eq!(journal.is_replaying(), is_again);
    }
}
