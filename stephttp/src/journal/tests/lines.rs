//! Lines that a handler writes between its steps. That none is lost is looked at in every play;
//! here, how often they come.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::play::{Troubles, play};
use super::program::Program::{self, Join, Run, Seq, Sleep};
use super::random::Random;

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
