//! Faults that were found on the real server, each as the smallest play that shows it.

use std::rc::Rc;

use super::play::{Troubles, play};
use super::program::Program::{self, Join, Run, Seq, Sleep, Unpolled};
use super::random::Random;

/// Plays a program in many orders.
fn hold(program: Program, troubles: Troubles) {
    let program = Rc::new(program);
    for seed in 0..200 {
        let violations = play(&program, troubles, Box::new(Random::new(seed)), false).violations;
        assert!(violations.is_empty(), "seed {seed}: {violations:#?}");
    }
}

#[test]
fn an_empty_state_is_not_taken_for_a_fresh_run() {
    let line = Seq(vec![Run("charge", 0, 0), Sleep("s"), Run("receipt", 0, 0)]);
    hold(line, Troubles { states: 2, ..Troubles::default() });
}

#[test]
fn a_first_call_whose_answer_is_lost_has_its_effect_once() {
    let line = Seq(vec![Run("charge", 0, 0), Sleep("s"), Run("receipt", 1, 0)]);
    hold(line, Troubles { answers: 1, ..Troubles::default() });
}

#[test]
fn a_step_that_is_dropped_unpolled_in_a_later_request_shifts_no_other() {
    let line = Seq(vec![Unpolled("a"), Run("a", 0, 0), Sleep("s"), Run("a", 0, 0)]);
    hold(line, Troubles::default());
}

#[test]
fn a_late_re_entry_does_not_change_how_its_run_has_ended() {
    let branches = Join(vec![Seq(vec![Sleep("s"), Run("a", 0, 0)]), Seq(vec![Sleep("t"), Run("b", 0, 0)])]);
    hold(branches, Troubles::default());
}
