use std::time::Duration;

use axum::extract::Path;
use inngest::{Failure, Step, StepError};
use serde_json::Value;

async fn call_courier(parcel: &str) -> Result<usize, Failure> {
    Ok(parcel.len()) // … a call to the courier …
}

async fn call_off(parcel: &str) -> Result<usize, Failure> {
    Ok(parcel.len()) // … a call to the courier …
}

#[inngest::api_fn(id = "deliver")]
async fn deliver(Path(parcel): Path<String>, step: Step) -> Result<&'static str, StepError> {
    let delivery = async {
        step.run("call-courier", call_courier(&parcel)).await?;
        let delivered = step.wait_for_event::<Value>("delivered", "courier/delivered");
        delivered.matching("data.parcel", &parcel).await
    };
    // Counts from its first poll, here, and holds for the whole run: whatever waits it has.
    let deadline = step.sleep("deadline", Duration::from_secs(3 * 86_400));
    tokio::select! {
        delivered = delivery => {
            delivered?;
            Ok("delivered")
        }
        () = deadline => {
            step.run("call-off", call_off(&parcel)).await?;
            Ok("too late")
        }
    }
}

// What follows is the test's.
pub(super) fn route() -> axum::routing::MethodRouter<stephttp_tests::Effects> {
    axum::routing::post(deliver)
}
