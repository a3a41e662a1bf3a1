//! Faults that were found on the real server, each as the smallest play that shows it.

use std::rc::Rc;

use super::play::{Troubles, play};
use super::program::Program::{self, Cause, Event, Join, Race, Run, Seq, Sleep, Unpolled};
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

/// Of several re-entries that come to one step, each proposes itself: who has lost has to see it.
#[test]
fn a_step_that_two_re_entries_claim_runs_in_one_of_them() {
    let after = Seq(vec![Join(vec![Sleep("s"), Sleep("t")]), Run("a", 1, 0)]);
    hold(after, Troubles::default());
    let race = Seq(vec![Race("r", vec![Sleep("s"), Sleep("t")]), Run("a", 1, 0)]);
    hold(race, Troubles::default());
}

/// Others wait for what a job has claimed. When it ends without having begun that, since a wait has
/// to be told first, it leaves it to them.
#[test]
fn what_a_job_has_claimed_and_does_not_begin_is_left_to_others() {
    let fails = Seq(vec![Sleep("s"), Run("d", 0, 1)]);
    let waits = Seq(vec![Sleep("t"), Race("r", vec![Event("e"), Sleep("u")])]);
    hold(Join(vec![fails, waits]), Troubles::default());
}

/// An event is lost on a wait that Inngest has not been told of.
#[test]
fn an_event_that_a_step_causes_beside_its_wait_is_received() {
    let cause = || Cause("k", "e");
    hold(Join(vec![Event("e"), cause()]), Troubles::default());
    hold(Join(vec![cause(), Event("e")]), Troubles::default());
    hold(Join(vec![Seq(vec![Sleep("s"), Event("e")]), Seq(vec![Sleep("s"), cause()])]), Troubles::default());
    hold(Seq(vec![Sleep("s"), Join(vec![cause(), Event("e")])]), Troubles::default());
}

/// A job that is dispatched once more to another process: a step fails in one of them, and ends
/// well in the other. The first waited then for nobody.
#[test]
fn a_step_that_failed_here_and_ended_in_another_process_holds_up_nobody() {
    let branch = |sleep, step| Seq(vec![Sleep(sleep), Run(step, 1, 1)]);
    hold(Join(vec![branch("s", "a"), branch("t", "b")]), Troubles { doubles: 1, ..Troubles::default() });
}

/// Two results are there at once, and with the first of them the handler drops a step. It did not
/// get the second then, since it had come to fewer steps than before.
#[test]
fn a_result_is_given_after_another_with_which_a_step_was_dropped() {
    let race = Race("r", vec![Run("a", 4, 0), Run("b", 0, 0)]);
    let shared = Join(vec![Sleep("s"), Sleep("t")]);
    hold(Seq(vec![shared, Join(vec![race, Run("c", 0, 0)]), Sleep("u")]), Troubles::default());
}

/// A result that came when nothing else was waited for was no choice, and was left out of the
/// stored order where another re-entry's proposal was taken: what followed was waited for in vain.
#[test]
fn the_stored_order_has_what_was_given_while_nothing_else_was_waited_for() {
    let shared = Join(vec![Sleep("s"), Sleep("t")]);
    hold(Seq(vec![shared, Run("a", 0, 0), Sleep("x"), Run("b", 0, 0)]), Troubles::default());
}

/// A job that asks for a step's retry ends without that, since a wait has to be told first. Whoever
/// came next ran the step at once.
#[test]
fn a_retry_that_was_asked_for_and_left_does_not_come_early() {
    let waits = Seq(vec![Sleep("u"), Race("r", vec![Event("e"), Sleep("v")])]);
    hold(Join(vec![Run("a", 0, 1), waits]), Troubles::default());
}
