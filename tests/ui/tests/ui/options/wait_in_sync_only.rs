use std::time::Duration;

use inngest::Step;

#[inngest::api_fn(id = "greet", sync_only)]
async fn greet(step: Step) -> &'static str {
    step.sleep("a-while", Duration::from_secs(60)).await;
    "hello"
}

fn main() {
    let _ = greet;
}
