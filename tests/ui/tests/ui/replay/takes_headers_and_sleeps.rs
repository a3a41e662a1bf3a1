use std::time::Duration;

use axum::http::HeaderMap;
use inngest::Step;

#[inngest::api_fn(id = "handler", retries = 0)]
async fn handler(headers: HeaderMap, step: Step) -> String {
    step.sleep("a-while", Duration::from_secs(60)).await;
    format!("{headers:?}")
}

fn main() {
    let _ = handler;
}
