use inngest::{EventData, Step, StepError};

#[derive(serde::Deserialize, EventData)]
#[event(name = "shop/paid")]
struct Paid {
    order: String,
    cents: u32,
    late: bool,
}

#[inngest::api_fn(id = "handler")]
async fn handler(step: Step) -> Result<String, StepError> {
    let order = "o-7".to_owned();
    let paid = step.wait_for::<Paid>("a").matching(|paid| paid.order == order).await?;
    let more = step.wait_for::<Paid>("b").matching(|paid| paid.order.eq(&order) && 100 < paid.cents).await?;
    let late = step.wait_for::<Paid>("c").matching(|paid| paid.late).await?;
    let others = step.wait_for::<Paid>("d").matching(|paid| !paid.late).await?;
    let untyped = step.wait_for::<Paid>("e").matching("data.order", &order).await?;
    let all = [paid, more, late, others, untyped];
    let mut all = all.into_iter().flatten().map(|paid| paid.data);
    Ok(all.next().map_or(order, |Paid { order, cents, late }| format!("{order}: {cents} {late}")))
}

fn main() {
    let _ = handler;
}
