use std::time::Duration;

use inngest::{Step, StepError};

struct Shop<T>(T);

impl<T: Sync> Shop<T> {
    #[inngest::step_fn]
    async fn charge(&self, step: &Step) -> Result<u32, StepError> {
        step.run("", async { Ok(()) }).await?;
        step.run("twice", async { Ok(()) }).await?;
        step.run("twice", async { Ok(()) }).await?;
        step.run("never", async { Ok(()) });
        step.run("zero", async { Ok(()) }).timeout(Duration::ZERO).await?;
        let other = step.clone();
        tokio::spawn(async move { other.run("task", async { Ok(()) }).await });
        step.run("outer", async {
            let price: u32 = step.run("price", async { Ok(7) }).await?;
            Ok(2 * price)
        })
        .await
    }
}

fn main() {
    let _ = Shop::<u8>::charge;
}
