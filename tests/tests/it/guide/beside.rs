use std::time::Duration;

use axum::extract::Path;
use inngest::{Failure, Step, StepError};
use serde::Deserialize;

#[derive(Deserialize)]
struct Paid {
    cents: u64,
}

async fn send_invoice(order: &str) -> Result<usize, Failure> {
    Ok(order.len()) // … a call to the mail provider …
}

#[inngest::api_fn(id = "collect")]
async fn collect(Path(order): Path<String>, step: Step) -> Result<String, StepError> {
    let two_weeks = Duration::from_secs(14 * 86_400);
    let (_, paid) = tokio::try_join!(
        step.run("send-invoice", send_invoice(&order)),
        step.wait_for_event::<Paid>("paid", "shop/paid").matching("data.order", &order).timeout(two_weeks),
    )?;
    Ok(match paid {
        Some(paid) => format!("{} cents", paid.data.cents),
        None => "not paid".to_owned(),
    })
}

// What follows is the test's.
pub(super) fn route() -> axum::routing::MethodRouter<stephttp_tests::Effects> {
    axum::routing::post(collect)
}
