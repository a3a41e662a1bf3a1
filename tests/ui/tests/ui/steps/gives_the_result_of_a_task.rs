#![deny(deprecated)]

use inngest::{Step, StepError};

fn hash() -> Result<String, std::io::Error> {
    Err(std::io::Error::other("no salt"))
}

#[inngest::api_fn(id = "handler")]
async fn handler(step: Step) -> Result<String, StepError> {
    let hash = step.run("hash", tokio::task::spawn_blocking(|| hash().map_err(|error| error.to_string()))).await?;
    Ok(hash.unwrap_or_default())
}

fn main() {
    let _ = handler;
}
