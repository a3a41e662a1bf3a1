use inngest::{Failure, Step, StepError};

async fn rate(bank: &str) -> Result<f64, Failure> {
    Ok(1.0 + bank.len() as f64 / 100.0) // … a call to the bank …
}

#[inngest::api_fn(id = "first-rate")]
async fn first_rate(step: Step) -> Result<String, StepError> {
    let rate = tokio::select! {
        rate = step.run("rate-of-one", rate("one")) => rate?,
        rate = step.run("rate-of-another", rate("another")) => rate?,
    };
    Ok(rate.to_string())
}

// What follows is the test's.
pub(super) fn route() -> axum::routing::MethodRouter<stephttp_tests::Effects> {
    axum::routing::post(first_rate)
}
