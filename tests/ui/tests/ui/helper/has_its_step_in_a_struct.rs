use inngest::{Step, StepError};

struct Flow {
    step: Step,
    cents: u64,
}

impl Flow {
    #[inngest::step_fn]
    async fn charge(&self) -> Result<u64, StepError> {
        self.step.run("charge-card", async { Ok(self.cents) }).await
    }
}

fn main() {
    let _ = Flow { step: Step::detached(), cents: 990 }.charge();
}
