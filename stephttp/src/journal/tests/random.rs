//! Random programs, and random orders of what happens to them.

use std::rc::Rc;

use super::play::{Choices, Played, Troubles, play};
use super::program::Program;

/// A small generator (SplitMix64): a seed is all that it takes to see a play again.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap_or_default() % bound
    }
}

impl Choices for Random {
    fn choose(&mut self, among: usize) -> usize {
        self.below(among)
    }
}

/// Ids are used several times now and then.
const RUNS: [&str; 6] = ["a", "b", "c", "d", "e", "a"];
const SLEEPS: [&str; 4] = ["s", "t", "u", "v"];
const RACES: [&str; 8] = ["r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7"];

const EVENTS: [(&str, &str); 3] = [("k", "e0"), ("l", "e1"), ("m", "e2")];

/// Ids of their own, for fan-outs.
const BRANCHES: [(&str, &str); 20] = [
    ("s00", "a00"),
    ("s01", "a01"),
    ("s02", "a02"),
    ("s03", "a03"),
    ("s04", "a04"),
    ("s05", "a05"),
    ("s06", "a06"),
    ("s07", "a07"),
    ("s08", "a08"),
    ("s09", "a09"),
    ("s10", "a10"),
    ("s11", "a11"),
    ("s12", "a12"),
    ("s13", "a13"),
    ("s14", "a14"),
    ("s15", "a15"),
    ("s16", "a16"),
    ("s17", "a17"),
    ("s18", "a18"),
    ("s19", "a19"),
];

struct Maker {
    random: Random,
    races: usize,
    events: usize,
}

impl Maker {
    fn program(&mut self, depth: u8) -> Program {
        let kind = self.random.below(if depth == 0 { 5 } else { 10 });
        match kind {
            0..=2 => {
                let id = RUNS[self.random.below(RUNS.len())];
                let polls = u8::try_from(self.random.below(3)).unwrap_or_default();
                let fails = [0, 0, 0, 0, 0, 0, 1, 2, 6][self.random.below(9)];
                Program::Run(id, polls, fails)
            }
            3 => Program::Sleep(SLEEPS[self.random.below(SLEEPS.len())]),
            4 => Program::Unpolled(RUNS[self.random.below(2)]),
            5 | 6 => Program::Seq(self.several(depth, 3)),
            7 => Program::Join(self.several(depth, 3)),
            8 => self.event(),
            _ => {
                let Some(name) = RACES.get(self.races) else { return Program::Sleep("w") };
                self.races += 1;
                Program::Race(name, self.several(depth, 2))
            }
        }
    }

    /// Up to 20 branches, most of which sleep and then run a step.
    fn fan_out(&mut self) -> Program {
        let branches = 2 + self.random.below(BRANCHES.len() - 1);
        let branch = |(sleep, step)| {
            let fails = [0, 0, 0, 0, 0, 0, 0, 1, 2, 6][self.random.below(10)];
            let polls = u8::try_from(self.random.below(3)).unwrap_or_default();
            let run = Program::Run(step, polls, fails);
            match self.random.below(8) {
                0 => run,
                1 => Program::Seq(vec![run, Program::Sleep(sleep)]),
                _ => Program::Seq(vec![Program::Sleep(sleep), run]),
            }
        };
        Program::Join(BRANCHES[..branches].iter().copied().map(branch).collect())
    }

    /// An event that is caused beside its wait.
    fn event(&mut self) -> Program {
        let Some((step, event)) = EVENTS.get(self.events).copied() else { return Program::Sleep("w") };
        self.events += 1;
        let mut both = vec![Program::Cause(step, event), Program::Event(event)];
        if self.random.below(2) == 0 {
            both.reverse();
        }
        Program::Join(both)
    }

    fn several(&mut self, depth: u8, most: usize) -> Vec<Program> {
        let count = 2 + self.random.below(most - 1);
        (0..count).map(|_| self.program(depth - 1)).collect()
    }
}

/// The program of a seed. It ends after something that Inngest does, so that most are handed over.
pub(super) fn program(seed: u64) -> Program {
    let mut maker = Maker { random: Random::new(seed), races: 0, events: 0 };
    let before = maker.program(3);
    let after = maker.program(2);
    Program::Seq(vec![before, Program::Sleep("x"), after])
}

/// A fan-out, and something else before it, after it, or beside it.
fn fan_out(seed: u64) -> Program {
    let mut maker = Maker { random: Random::new(seed), races: 0, events: 0 };
    let fan_out = maker.fan_out();
    let other = maker.program(2);
    match maker.random.below(4) {
        0 => Program::Seq(vec![other, fan_out]),
        1 => Program::Seq(vec![fan_out, other]),
        2 => Program::Join(vec![fan_out, other]),
        _ => Program::Race("r", vec![fan_out, other]),
    }
}

/// A program some of whose steps have fewer retries than the others.
fn limited(seed: u64) -> Program {
    let made = if seed.is_multiple_of(4) { fan_out(seed) } else { program(seed) };
    with_limits(made, &mut Random::new(seed ^ 0x11))
}

fn with_limits(program: Program, random: &mut Random) -> Program {
    let mut all = |all: Vec<Program>| all.into_iter().map(|one| with_limits(one, random)).collect();
    match program {
        Program::Seq(inner) => Program::Seq(all(inner)),
        Program::Join(inner) => Program::Join(all(inner)),
        Program::Race(name, inner) => Program::Race(name, all(inner)),
        Program::Run(id, polls, failures) => match random.below(3) {
            0 => Program::Run(id, polls, failures),
            // Most of them fail.
            n => Program::Limited(id, polls, failures + 2 * (n as u32 - 1), [0, 1, 1, 2][random.below(4)]),
        },
        other => other,
    }
}

/// A handler that fails as a whole, once or several times.
fn erring(seed: u64) -> Program {
    let mut random = Random::new(seed ^ 0xe44);
    let before = if random.below(2) == 0 { program(seed) } else { fan_out(seed) };
    let mut all = vec![before, Program::Err([0, 1, 1, 2, 3, 9][random.below(6)])];
    if random.below(2) == 0 {
        let mut maker = Maker { random: Random::new(seed), races: RACES.len(), events: EVENTS.len() };
        all.extend([maker.program(2), Program::Err([0, 1, 2, 9][random.below(4)])]);
    }
    Program::Seq(all)
}

fn play_seed(program: fn(u64) -> Program, seed: u64, troubles: Troubles) -> Result<(), String> {
    let program = Rc::new(program(seed));
    let again = |traced| play(&program, troubles, Box::new(Random::new(seed ^ 0x5eed)), traced);
    if again(false).violations.is_empty() {
        return Ok(());
    }
    let Played { violations, trace, .. } = again(true);
    Err(format!("seed {seed}: {program:?}\n{}\n{violations:#?}", trace.join("\n")))
}

/// A handler fails in a job that holds the run, and then in another: the first has no say any more.
#[test]
fn a_job_that_leaves_the_run_has_nothing_to_try_again() {
    let fails = Program::Err;
    let before = Program::Join(vec![Program::Cause("k", "e0"), Program::Event("e0")]);
    let (runs, sleeps) = (Program::Run("e", 2, 0), Program::Sleep("u"));
    let program = Program::Seq(vec![before, fails(1), runs, sleeps, fails(9)]);
    for seed in 0..50 {
        let choices = Box::new(Random::new(seed));
        let played = play(&Rc::new(program.clone()), Troubles::default(), choices, true);
        assert!(played.violations.is_empty(), "{:?}\n{}", played.violations, played.trace.join("\n"));
    }
}

/// How many plays there are in a test; `JOURNAL_PLAYS` says otherwise, and `JOURNAL_FIRST` which is
/// the first.
fn plays() -> u64 {
    std::env::var("JOURNAL_PLAYS").ok().and_then(|plays| plays.parse().ok()).unwrap_or(1_000)
}

fn all_hold(troubles: Troubles) {
    all_of(program, plays(), troubles);
}

fn all_of(program: fn(u64) -> Program, plays: u64, troubles: Troubles) {
    let first = std::env::var("JOURNAL_FIRST").ok().and_then(|first| first.parse().ok()).unwrap_or(0);
    for seed in first..first + plays {
        if let Err(violations) = play_seed(program, seed, troubles) {
            panic!("{violations}");
        }
    }
}

#[test]
fn whatever_order_things_come_in_nothing_runs_twice_and_every_run_ends_once() {
    all_hold(Troubles::default());
}

#[test]
fn so_it_is_with_states_that_are_shown_empty_or_gone() {
    all_hold(Troubles { states: 2, ..Troubles::default() });
}

#[test]
fn so_it_is_when_answers_to_calls_are_lost() {
    all_hold(Troubles { answers: 2, ..Troubles::default() });
}

#[test]
fn so_it_is_when_processes_die() {
    all_hold(Troubles { deaths: 2, ..Troubles::default() });
}

#[test]
fn so_it_is_when_states_come_late() {
    all_hold(Troubles { reads: 8, ..Troubles::default() });
}

#[test]
fn so_it_is_when_jobs_are_dispatched_beside_themselves() {
    all_hold(Troubles { doubles: 2, ..Troubles::default() });
}

#[test]
fn so_it_is_with_all_of_that_at_once() {
    all_hold(Troubles { states: 1, answers: 1, deaths: 1, doubles: 1, reads: 3 });
}

#[test]
fn so_it_is_with_steps_that_have_fewer_retries() {
    all_of(limited, plays() / 2, Troubles::default());
}

#[test]
fn so_it_is_with_such_steps_and_all_of_that_at_once() {
    all_of(limited, plays() / 2, Troubles { states: 1, answers: 1, deaths: 1, doubles: 1, reads: 3 });
}

#[test]
fn so_it_is_with_handlers_that_fail() {
    all_of(erring, plays() / 2, Troubles::default());
}

#[test]
fn so_it_is_with_handlers_that_fail_and_all_of_that_at_once() {
    all_of(erring, plays() / 2, Troubles { states: 1, answers: 1, deaths: 1, doubles: 1, reads: 3 });
}

/// They take longer: of them there are fewer.
#[test]
fn so_it_is_with_fan_outs() {
    all_of(fan_out, plays() / 10, Troubles::default());
}

#[test]
fn so_it_is_with_fan_outs_and_all_of_that_at_once() {
    all_of(fan_out, plays() / 10, Troubles { states: 1, answers: 1, deaths: 1, doubles: 1, reads: 8 });
}
