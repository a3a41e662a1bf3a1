//! Steps with limits of their own: to the time of an attempt, and to how often they are tried
//! again.

use std::time::Duration;

use axum::extract::Path;
use axum::http::Method;
use axum::routing::post;
use inngest::{Failure, Step, StepError};

use super::NAP;
use super::errors::FAILS_LATER;
use crate::scenario::{Expect, Lenient, Scenario, scenario_at, visit};
use crate::stage::Effects;

const PLACES: [&str; 3] = ["at-once", "later", "beside"];
const WAYS: [&str; 4] = ["fails", "hangs-once", "hangs", "hangs-by-default"];

/// More than an attempt takes that does not hang.
const LIMIT: Duration = Duration::from_millis(300);

pub(super) fn all() -> Vec<Scenario> {
    PLACES.into_iter().flat_map(|place| WAYS.map(|way| limited(place, way))).collect()
}

fn limited(place: &str, way: &str) -> Scenario {
    let says = match way {
        "fails" => "Error: charge failed",
        "hangs-once" => "charged",
        "hangs" => "StepTimeout: the step `charge` did not end within its time limit of 300ms",
        _ => "StepTimeout: the step `charge-by-default` did not end within its time limit of 300ms",
    };
    let charge = if way == "hangs-by-default" { "charge-by-default" } else { "charge" };
    let (others, shows) = match place {
        "at-once" => (vec![], vec![charge.to_owned()]),
        "later" => (vec!["before"], vec!["nap".to_owned(), "before".to_owned(), charge.to_owned()]),
        _ => (vec!["other"], vec![format!("nap | other | {charge}")]),
    };
    let scenario = scenario_at::<limits>("/{place}/{way}", post(limits))
        .named(format!("limits-{place}-{way}"))
        .gets(visit(Method::POST, format!("/{place}/{way}")))
        .says(says)
        .did([others, vec!["charge", "charge", "after"]].concat())
        .shows(shows.into_iter().chain(["after".to_owned()]));
    let scenario = if place == "later" { scenario.lenient(Lenient::Order(FAILS_LATER)) } else { scenario };
    match way {
        "hangs-once" => scenario,
        _ => scenario.not_swept("an attempt that dies is not counted, and this is about how many there are"),
    }
}

/// The function has more retries than its step.
#[inngest::api_fn(id = "limits", retries = 3, step_timeout = "300ms")]
async fn limits(
    Path((place, way)): Path<(String, String)>,
    step: Step,
    effects: Effects,
) -> Result<String, StepError> {
    let hangs = async |times: usize| {
        if effects.happen("charge".to_owned()).await <= times {
            std::future::pending::<()>().await;
        }
        Ok::<_, Failure>(())
    };
    let charge = async {
        match &*way {
            "fails" => step.run("charge", effects.fails(9, "charge")).retries(1).await,
            "hangs-once" => step.run("charge", hangs(1)).timeout(LIMIT).await,
            "hangs" => step.run("charge", hangs(9)).timeout(LIMIT).retries(1).await,
            _ => step.run("charge-by-default", hangs(9)).retries(1).await,
        }
    };
    let charged = match &*place {
        "at-once" => charge.await,
        "later" => {
            step.sleep("nap", NAP).await;
            step.run("before", effects.does("before")).await?;
            charge.await
        }
        _ => {
            let branch = async {
                step.sleep("nap", NAP).await;
                step.run("other", effects.does("other")).await
            };
            let (charged, other) = tokio::join!(charge, branch);
            other?;
            charged
        }
    };
    step.run("after", effects.does("after")).await?;
    Ok(match charged {
        Ok(()) => "charged".to_owned(),
        Err(error) if error.is_timeout() != way.starts_with("hangs") => format!("{way}: {error:?}"),
        Err(error) => format!("{}: {}", error.name(), error.message()),
    })
}
