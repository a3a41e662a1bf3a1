use inngest::{Step, StepError};

struct Shop;

impl Shop {
    async fn charge() -> Result<String, StepError> {
        Ok("paid".to_owned())
    }

    #[inngest::api_fn(id = "handler")]
    async fn handler(step: Step) -> Result<String, StepError> {
        step.run("charge-card", Self::charge()).await
    }
}

fn main() {
    let _ = Shop::handler;
}
