use inngest::step::FetchRequest;
use inngest::{Step, StepError};

#[derive(serde::Deserialize)]
struct Paid {
    cents: u64,
}

#[inngest::api_fn(id = "handler")]
async fn handler(step: Step) -> Result<String, StepError> {
    let paid = step.wait_for_event::<Paid>("payment", "shop/paid").await?;
    let response = step.fetch("rate", FetchRequest::get("https://rates.example.com")).await?;
    let rate: u64 = response.json().await?;
    Ok(format!("{} cents", paid.data.cents * rate))
}

fn main() {
    let _ = handler;
}
