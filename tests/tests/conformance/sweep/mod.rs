//! The crash sweep: a scenario is played again and again, and each time something else goes wrong.
//!
//! What goes wrong is one thing in one place: the app's process dies, with all its tasks and
//! connections, right after a side effect, right before an API call arrives or right after one was
//! processed; one API call fails; the run's state is empty or gone when it is asked for; or a
//! re-entry comes once more after its answer, or after the run's end. The places are counted up
//! until there are no more. A process that died starts anew on the same port, and a client whose
//! connection broke repeats its request.
//!
//! Each time the client must get the same answer in the end, a step whose result had been saved
//! must not run again, and no run may hang.

mod machine;
mod pass;
mod wire;

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;

use crate::scenario::Scenario;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mishap {
    /// The process dies after a side effect, before the step that had it has ended.
    DeathAfterEffect,
    /// The process dies when its call arrives; the call is lost.
    DeathBeforeCall,
    /// The process dies when its call has been processed; the answer is lost.
    DeathAfterCall,
    /// The call is answered with a 500.
    CallFails,
    /// The connection is closed before the call has been processed.
    CallCutBefore,
    /// The connection is closed after the call has been processed.
    CallCutAfter,
    /// The run's state is asked for, and there is nothing in it, as while a run is being ended.
    StateEmpty,
    /// The run's state is asked for and said to be gone, as when it cannot be loaded at the moment.
    StateGone,
    /// A re-entry comes once more after its answer has been taken.
    DispatchRepeated,
    /// A run is re-entered once more after its end. There is one place.
    ReentryAfterEnd,
}

impl Mishap {
    const ALL: [Self; 10] = [
        Self::DeathAfterEffect,
        Self::DeathBeforeCall,
        Self::DeathAfterCall,
        Self::CallFails,
        Self::CallCutBefore,
        Self::CallCutAfter,
        Self::StateEmpty,
        Self::StateGone,
        Self::DispatchRepeated,
        Self::ReentryAfterEnd,
    ];

    fn is_death(self) -> bool {
        matches!(self, Self::DeathAfterEffect | Self::DeathBeforeCall | Self::DeathAfterCall)
    }
}

/// A mishap and its place: the n-th effect, call or re-entry, from 1.
#[derive(Debug, Clone, Copy)]
struct Plan {
    mishap: Mishap,
    nth: usize,
}

/// More places than any swept scenario has: something goes round in circles.
const PLACES: usize = 200;

/// Plays a scenario with every mishap at every place. The error tells of each kind's first failure.
pub(crate) async fn sweep(scenario: &Scenario) -> Result<(), String> {
    let outcomes = join_all(Mishap::ALL.map(|mishap| every_place(scenario, mishap))).await;
    let errors: Vec<String> = outcomes.into_iter().filter_map(Result::err).collect();
    if errors.is_empty() { Ok(()) } else { Err(errors.join("\n\n")) }
}

/// How many passes were made, in all sweeps.
pub(crate) static PASSES: AtomicUsize = AtomicUsize::new(0);

/// Every place is played, or, with `SWEEP_EVERY=3` say, every third.
fn stride() -> usize {
    let every = std::env::var("SWEEP_EVERY").ok().and_then(|every| every.parse().ok());
    every.unwrap_or(1).max(1)
}

async fn every_place(scenario: &Scenario, mishap: Mishap) -> Result<(), String> {
    let every = stride();
    // Other places in other scenarios, and the same in each run.
    let first = 1 + (scenario.name.len() + mishap as usize) % every;
    for nth in (if mishap == Mishap::ReentryAfterEnd { 1 } else { first }..=PLACES).step_by(every) {
        let plan = Plan { mishap, nth };
        PASSES.fetch_add(1, Ordering::Relaxed);
        let struck =
            pass::play(scenario, plan).await.map_err(|error| format!("{mishap:?} no. {nth}: {error}"))?;
        if !struck || mishap == Mishap::ReentryAfterEnd {
            return Ok(());
        }
    }
    Err(format!("{mishap:?}: there is no end of places"))
}
