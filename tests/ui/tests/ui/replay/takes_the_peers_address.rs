use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use inngest::{Step, StepError};

#[inngest::api_fn(id = "handler")]
async fn handler(ConnectInfo(peer): ConnectInfo<SocketAddr>, step: Step) -> Result<String, StepError> {
    step.run("greet", async move { Ok(format!("hello, {peer}")) }).await
}

fn main() {
    let _ = handler;
}
