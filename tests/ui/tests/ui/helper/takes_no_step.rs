use inngest::StepError;

struct Shop {
    step: inngest::Step,
}

impl Shop {
    #[inngest::step_fn]
    async fn charge(&self) -> Result<u32, StepError> {
        self.step.run("charge-card", async { Ok::<_, inngest::Failure>(7) }).await
    }
}

#[inngest::step_fn]
async fn ship() -> Result<u32, StepError> {
    step.run("ship", async { Ok(7) }).await
}

fn main() {
    let _ = (Shop::charge, ship);
}
