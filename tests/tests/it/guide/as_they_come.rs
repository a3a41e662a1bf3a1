use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use inngest::{Failure, Step, StepError};

async fn quote(supplier: &str) -> Result<usize, Failure> {
    Ok(100 * supplier.len()) // … a call to the supplier …
}

#[inngest::api_fn(id = "two-quotes")]
async fn two_quotes(step: Step) -> Result<String, StepError> {
    let suppliers = ["north", "south", "overseas"];
    let quotes = suppliers.map(|name| step.run(format!("quote-{name}"), quote(name)));
    let mut quotes: FuturesUnordered<_> = quotes.into_iter().collect();
    let mut first = Vec::new();
    while first.len() < 2
        && let Some(quote) = quotes.next().await
    {
        first.push(quote?);
    }
    // The third is dropped here, with what it was doing.
    Ok(format!("{first:?}"))
}

// What follows is the test's.
pub(super) fn route() -> axum::routing::MethodRouter<stephttp_tests::Effects> {
    axum::routing::post(two_quotes)
}
