//! A run of four steps that is handed over at each possible place, in each possible way.

use axum::extract::Path;
use axum::http::Method;
use axum::routing::post;
use inngest::{Step, StepError};

use super::NAP;
use crate::scenario::{Expect, Scenario, scenario_at, visit};
use crate::stage::Effects;

const STEPS: usize = 4;

pub(super) fn all() -> Vec<Scenario> {
    let sleeps = (0..=STEPS).map(|place| {
        let mut shown = names();
        shown.insert(place, "nap".to_owned());
        scenario_at::<sleeps_at>("/{place}", post(sleeps_at))
            .named(format!("handover-sleep-at-{place}"))
            .gets(visit(Method::POST, format!("/{place}")))
            .says("done")
            .did(names())
            .shows(shown)
    });
    let fails = (0..STEPS).map(|place| {
        let mut did = names();
        did.push(format!("step-{place}"));
        scenario_at::<fails_at>("/{place}", post(fails_at))
            .named(format!("handover-failure-at-{place}"))
            .gets(visit(Method::POST, format!("/{place}")))
            .says("done")
            .did(did)
            .shows(names())
    });
    sleeps.chain(fails).collect()
}

fn names() -> Vec<String> {
    (0..STEPS).map(|n| format!("step-{n}")).collect()
}

#[inngest::api_fn(id = "handover-sleep")]
async fn sleeps_at(
    Path(place): Path<usize>,
    step: Step,
    effects: Effects,
) -> Result<&'static str, StepError> {
    for n in 0..=STEPS {
        if n == place {
            step.sleep("nap", NAP).await;
        }
        if n < STEPS {
            step.run(format!("step-{n}"), effects.does(format!("step-{n}"))).await?;
        }
    }
    Ok("done")
}

#[inngest::api_fn(id = "handover-failure", retries = 3)]
async fn fails_at(Path(place): Path<usize>, step: Step, effects: Effects) -> Result<&'static str, StepError> {
    for n in 0..STEPS {
        let times = usize::from(n == place);
        step.run(format!("step-{n}"), effects.fails(times, format!("step-{n}"))).await?;
    }
    Ok("done")
}
