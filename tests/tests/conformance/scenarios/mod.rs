//! All scenarios, by what they are about.

mod beside;
mod branches;
mod calls;
mod cancelling;
pub(crate) mod caused;
mod combining;
mod concurrency;
mod delivering;
mod errors;
mod events;
mod failing_beside;
pub(crate) mod fan_outs;
mod handover;
mod integers;
mod layers;
mod limits;
pub(crate) mod lost_answers;
mod misuse;
mod payloads;
mod publishing;
mod racing;
mod replay;
mod signals;
mod strangers;
mod streaming;
mod timing;
mod tools;
mod typed_events;

use std::time::Duration;

use crate::scenario::Scenario;

/// A pause that a real server can keep, too.
const NAP: Duration = Duration::from_secs(1);

/// How long a run may wait for what a script does meanwhile: it does not come to that.
const LONG: Duration = Duration::from_secs(3_600);

/// Every scenario.
pub(crate) fn all() -> Vec<Scenario> {
    let families = [
        tools::all(),
        events::all(),
        typed_events::all(),
        signals::all(),
        calls::all(),
        combining::all(),
        racing::all(),
        errors::all(),
        limits::all(),
        replay::all(),
        payloads::all(),
        handover::all(),
        delivering::all(),
        streaming::all(),
        publishing::all(),
        concurrency::all(),
        fan_outs::all(),
        failing_beside::all(),
        branches::all(),
        beside::all(),
        caused::all(),
        lost_answers::all(),
        integers::all(),
        layers::all(),
        strangers::all(),
        misuse::all(),
        cancelling::all(),
        timing::all(),
    ];
    families.into_iter().flatten().collect()
}
