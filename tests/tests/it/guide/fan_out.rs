use futures_util::future::try_join_all;
use inngest::{Failure, Step, StepError};

async fn quote(supplier: &str) -> Result<usize, Failure> {
    Ok(100 * supplier.len()) // … a call to the supplier …
}

#[inngest::api_fn(id = "cheapest")]
async fn cheapest(step: Step) -> Result<String, StepError> {
    let suppliers = ["north", "south", "overseas"];
    let quotes = suppliers.map(|name| step.run(format!("quote-{name}"), quote(name)));
    let quotes = try_join_all(quotes).await?;
    Ok(format!("from {}", quotes.into_iter().min().unwrap_or_default()))
}

// What follows is the test's.
pub(super) fn route() -> axum::routing::MethodRouter<stephttp_tests::Effects> {
    axum::routing::post(cheapest)
}
