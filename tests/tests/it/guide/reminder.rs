use std::pin::pin;
use std::time::Duration;

use axum::extract::Path;
use inngest::{Failure, Step, StepError};
use serde::Deserialize;

#[derive(Deserialize)]
struct Decided {
    by: String,
}

async fn mail(expense: &str, what: &str) -> Result<usize, Failure> {
    Ok(expense.len() + what.len()) // … a call to the mail provider …
}

#[inngest::api_fn(id = "approve")]
async fn approve(Path(expense): Path<String>, step: Step) -> Result<String, StepError> {
    step.run("ask", mail(&expense, "please decide")).await?;
    // One wait for all of the time: what is decided while a reminder is sent is not missed.
    let decision = step.wait_for_event::<Decided>("decision", "expense/decided");
    let week = Duration::from_secs(7 * 86_400);
    let mut decision = pin!(decision.matching("data.expense", &expense).timeout(week));
    for reminder in 1.. {
        tokio::select! {
            decided = &mut decision => {
                let decided = decided?.map(|event| event.data.by);
                return Ok(decided.unwrap_or_else(|| "nobody".to_owned()));
            }
            () = step.sleep(format!("pause-{reminder}"), Duration::from_secs(3 * 86_400)) => {
                step.run(format!("remind-{reminder}"), mail(&expense, "still open")).await?;
            }
        }
    }
    unreachable!("the wait ends after a week")
}

// What follows is the test's.
pub(super) fn route() -> axum::routing::MethodRouter<stephttp_tests::Effects> {
    axum::routing::post(approve)
}
