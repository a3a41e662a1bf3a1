use inngest::{Step, StepError};

struct Shop;

impl Shop {
    async fn charge() -> Result<u32, StepError> {
        Ok(1)
    }

    #[inngest::api_fn(id = "handler")]
    async fn handler(step: Step) -> Result<u32, StepError> {
        step.run("charge-card", Self::charge()).await
    }
}

fn main() {
    let _ = Shop::handler;
}
