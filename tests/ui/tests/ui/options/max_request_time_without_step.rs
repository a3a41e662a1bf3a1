use inngest::Step;

#[inngest::api_fn(id = "health", max_request_time = "30s")]
async fn health(_: Step) -> &'static str {
    "well"
}

fn main() {
    let _ = health;
}
