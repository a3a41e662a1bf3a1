use inngest::{Step, StepError};

struct Shop;

impl Shop {
    #[inngest::api_fn(id = "handler")]
    async fn handler(step: Step) -> Result<u32, StepError> {
        step.run("charge-card", async { Ok(1) }).await
    }
}

fn main() {
    let _ = Shop::handler;
}
