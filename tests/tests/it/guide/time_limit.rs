use std::time::Duration;

use inngest::{Failure, Step, StepError};
use tokio::time::timeout;

async fn live_price() -> Result<u64, Failure> {
    Ok(990) // … a call to the market …
}

async fn list_price() -> Result<u64, Failure> {
    Ok(1_200) // … a look at the list …
}

#[inngest::api_fn(id = "price")]
async fn price(step: Step) -> Result<String, StepError> {
    let live = timeout(Duration::from_secs(2), step.run("live-price", live_price()));
    let cents = match live.await {
        Ok(live) => live?,
        // That the time was up is stored: the live price is not asked for again.
        Err(_) => step.run("list-price", list_price()).await?,
    };
    Ok(cents.to_string())
}

// What follows is the test's.
pub(super) fn route() -> axum::routing::MethodRouter<stephttp_tests::Effects> {
    axum::routing::post(price)
}
