use std::time::{Duration, Instant};

use inngest::{EventData, Failure, Step, StepError};

#[derive(serde::Serialize, serde::Deserialize, EventData)]
#[event(name = "shop/paid")]
struct Paid {
    order: String,
}

async fn charge(_: u32) -> Result<String, Failure> {
    Ok("paid".to_owned())
}

#[inngest::api_fn(id = "too-many", allow(clock))]
async fn too_many(step: Step) -> Result<String, StepError> {
    let order = "o-7".to_owned();
    let pages: u32 = step.invoke("print", "app-print", 2).await?;
    step.send_event("tell", "shop/paid", order.clone()).await?;
    step.send("tell-again", "shop/paid", order).await?;
    let paid: Option<inngest::Event<Paid>> = step.wait_for("payment", "shop/paid").await?;
    let charge = step.run("charge-card", charge, pages).await?;
    Ok(format!("{charge} {}", paid.is_some()))
}

#[inngest::api_fn(id = "too-few")]
async fn too_few(step: Step) -> Result<String, StepError> {
    step.sleep(Duration::from_secs(1)).await;
    step.run(charge(990)).await
}

#[inngest::api_fn(id = "others", allow(clock))]
async fn others(step: Step) -> Result<String, StepError> {
    step.sleep("a", 3600).await;
    step.sleep("b", "7d").await;
    step.sleep_until("c", Instant::now() + Duration::from_secs(60)).await;
    let paid = step.wait_for::<Paid>("payment").timeout(60).await?;
    step.run("charge-card", charge(990)).timeout(2.5).await?;
    Ok(paid.map(|paid| paid.data.order).unwrap_or_default())
}

fn main() {
    let _ = (too_many, too_few, others);
}
