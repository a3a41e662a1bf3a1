//! Every order of what can happen to small programs.

use std::cell::RefCell;
use std::rc::Rc;

use super::play::{Bound, Choices, Troubles, play};
use super::program::Program::{self, Cause, Err, Event, Join, Limited, Race, Run, Seq, Sleep};

/// The choices of one play: those that are given, then the first of each.
#[derive(Debug, Clone)]
struct Script(Rc<RefCell<Choice>>);

#[derive(Debug)]
struct Choice {
    /// What was chosen, among how many.
    made: Vec<(usize, usize)>,
    next: usize,
    bound: Bound,
}

impl Choices for Script {
    fn choose(&mut self, among: usize) -> usize {
        let script = &mut *self.0.borrow_mut();
        let at = script.next;
        script.next += 1;
        if at == script.made.len() {
            script.made.push((0, among));
        }
        script.made[at].0
    }

    fn bound(&self) -> Option<Bound> {
        Some(self.0.borrow().bound)
    }
}

impl Script {
    /// The next one; `false` after the last.
    fn advance(&self) -> bool {
        let script = &mut *self.0.borrow_mut();
        script.next = 0;
        while let Some((chosen, among)) = script.made.pop() {
            if chosen + 1 < among {
                script.made.push((chosen + 1, among));
                return true;
            }
        }
        false
    }
}

/// Plays a program in every order, but in so many at most. Returns how many there are, and whether
/// these are all.
fn every_order(program: Program, troubles: Troubles, bound: Bound, most: usize) -> (usize, bool) {
    let program = Rc::new(program);
    let script = Script(Rc::new(RefCell::new(Choice { made: Vec::new(), next: 0, bound })));
    for plays in 1.. {
        let violations = play(&program, troubles, Box::new(script.clone()), false).violations;
        if !violations.is_empty() {
            script.0.borrow_mut().next = 0;
            let trace = play(&program, troubles, Box::new(script), true).trace.join("\n");
            panic!("{program:?}\n{trace}\n{violations:#?}");
        }
        if !script.advance() {
            return (plays, true);
        }
        if plays == most {
            return (plays, false);
        }
    }
    unreachable!("it counts without end")
}

/// Every order in which others come first as often as `switches` says, while a request could go on.
fn hold(program: Program, troubles: Troubles, switches: u8) {
    let (_, are_all) = every_order(program, troubles, Bound { switches, together: 2 }, 50_000);
    assert!(are_all, "it has more orders than that");
}

fn run(id: &'static str) -> Program {
    Run(id, 0, 0)
}

#[test]
fn one_line_of_work_with_one_trouble_of_each_kind() {
    let line = || Seq(vec![run("a"), Sleep("s"), run("b")]);
    hold(line(), Troubles { states: 1, answers: 1, ..Troubles::default() }, 1);
    hold(line(), Troubles { deaths: 1, ..Troubles::default() }, 1);
    hold(Seq(vec![Run("a", 0, 1), Sleep("s")]), Troubles { answers: 1, ..Troubles::default() }, 1);
}

#[test]
fn two_branches() {
    hold(Join(vec![Seq(vec![Sleep("s"), run("a")]), Sleep("t")]), Troubles::default(), 1);
    hold(Join(vec![Run("a", 0, 1), Sleep("s")]), Troubles::default(), 1);
}

#[test]
fn races_of_two_waits() {
    hold(Race("r", vec![Sleep("s"), Sleep("t")]), Troubles::default(), 1);
    hold(Seq(vec![Race("r", vec![Sleep("s"), Sleep("t")]), run("a")]), Troubles::default(), 1);
}

#[test]
fn three_branches() {
    hold(Join(vec![Sleep("s"), Sleep("t"), run("a")]), Troubles::default(), 1);
    hold(Race("r", vec![Sleep("s"), Sleep("t"), Sleep("u")]), Troubles::default(), 0);
}

/// How many orders are gone through of each trouble; `JOURNAL_ORDERS` says otherwise.
fn most_orders() -> usize {
    std::env::var("JOURNAL_ORDERS").ok().and_then(|orders| orders.parse().ok()).unwrap_or(1_000)
}

/// Each trouble in turn, at each point, with up to so many requests under way. Without trouble
/// others come first once more, while a request could go on.
fn hold_with_each_trouble(program: fn() -> Program, most_together: usize) {
    let none = Troubles::default();
    for (trouble, troubles, switches, together) in [
        ("nothing", none, 1, 4),
        ("an empty state", Troubles { states: 1, ..none }, 0, 4),
        ("a late state", Troubles { reads: 1, ..none }, 0, 4),
        ("a death", Troubles { deaths: 1, ..none }, 0, 2),
        ("a job beside itself", Troubles { doubles: 1, ..none }, 0, 2),
        ("a lost answer", Troubles { answers: 1, ..none }, 0, 2),
    ] {
        let bound = Bound { switches, together: together.min(most_together) };
        let (orders, are_all) = every_order(program(), troubles, bound, most_orders());
        let which = if are_all { "all" } else { "the first" };
        println!("{:?}, {} together: {which} {orders} orders with {trouble}", program(), bound.together);
    }
}

fn branch(sleep: &'static str, step: &'static str) -> Program {
    Seq(vec![Sleep(sleep), run(step)])
}

/// Of two jobs that come to the end at once, one may have fewer attempts left than the other one.
#[test]
fn handlers_that_fail_with_each_trouble() {
    hold_with_each_trouble(|| Seq(vec![Join(vec![Sleep("s"), Sleep("t")]), Err(9)]), 2);
    hold_with_each_trouble(|| Seq(vec![Join(vec![Sleep("s"), Run("a", 0, 2)]), Err(2), run("b")]), 2);
}

#[test]
fn two_sleeping_branches_with_each_trouble() {
    hold_with_each_trouble(|| Join(vec![branch("s", "a"), branch("t", "b")]), 4);
}

#[test]
fn three_sleeping_branches_with_each_trouble() {
    hold_with_each_trouble(|| Join(vec![branch("s", "a"), branch("t", "b"), branch("u", "c")]), 2);
}

#[test]
fn a_race_of_a_sleep_and_a_failing_step_with_each_trouble() {
    hold_with_each_trouble(|| Race("r", vec![Sleep("s"), Run("a", 0, 1)]), 4);
    hold_with_each_trouble(|| Race("r", vec![Sleep("s"), Run("a", 0, 6)]), 4);
}

#[test]
fn a_failing_step_beside_a_sleep_with_each_trouble() {
    hold_with_each_trouble(|| Join(vec![Sleep("s"), Run("a", 0, 1)]), 4);
    hold_with_each_trouble(|| Join(vec![Run("a", 0, 2), branch("s", "b")]), 4);
}

#[test]
fn steps_with_fewer_retries_with_each_trouble() {
    hold_with_each_trouble(|| Seq(vec![Sleep("s"), Limited("a", 0, 6, 1), run("b")]), 4);
    hold_with_each_trouble(|| Join(vec![Limited("a", 0, 6, 1), branch("s", "b")]), 2);
}

#[test]
fn two_failing_steps_with_each_trouble() {
    hold_with_each_trouble(|| Join(vec![Run("a", 0, 1), Run("b", 0, 1)]), 4);
    hold_with_each_trouble(|| Join(vec![Run("a", 0, 2), Run("b", 0, 1)]), 4);
}

#[test]
fn an_event_that_is_caused_beside_its_wait_with_each_trouble() {
    let both: [fn() -> Program; 2] =
        [|| Join(vec![Event("e"), Cause("k", "e")]), || Join(vec![Cause("k", "e"), Event("e")])];
    for program in both {
        hold_with_each_trouble(program, 4);
    }
}

#[test]
fn an_event_that_is_caused_beside_its_wait_behind_a_sleep_with_each_trouble() {
    let both: [fn() -> Program; 2] = [
        || Seq(vec![Sleep("s"), Join(vec![Event("e"), Cause("k", "e")])]),
        || Seq(vec![Sleep("s"), Join(vec![Cause("k", "e"), Event("e")])]),
    ];
    for program in both {
        hold_with_each_trouble(program, 4);
    }
    hold_with_each_trouble(
        || Join(vec![Seq(vec![Sleep("s"), Event("e")]), Seq(vec![Sleep("s"), Cause("k", "e")])]),
        4,
    );
}
