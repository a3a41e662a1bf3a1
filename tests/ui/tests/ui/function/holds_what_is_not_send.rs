use std::rc::Rc;

use inngest::{Failure, Step, StepError};

async fn charge() -> Result<u32, Failure> {
    Ok(990)
}

#[inngest::api_fn(id = "handler")]
async fn handler(step: Step) -> Result<String, StepError> {
    let names = Rc::new("Ada".to_owned());
    let cents = step.run("charge-card", charge()).await?;
    Ok(format!("{names}: {cents}"))
}

fn main() {
    let _ = handler;
}
