use inngest::{Step, StepError};

struct Shop;

impl Shop {
    #[inngest::api_fn(id = "handler")]
    async fn handler(step: Step) -> Result<String, StepError> {
        step.run("charge-card", async { Ok("paid".to_owned()) }).await
    }
}

fn main() {
    let _ = Shop::handler;
}
