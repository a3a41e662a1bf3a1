use std::num::ParseIntError;

use inngest::Step;

#[inngest::api_fn(id = "handler")]
async fn handler(step: Step) -> Result<String, ParseIntError> {
    let _ = step.run("greet", async { Ok(()) }).await;
    "1".parse::<u8>().map(|n| n.to_string())
}

fn main() {
    let _ = handler;
}
