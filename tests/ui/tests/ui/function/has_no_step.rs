use axum::Json;
use inngest::StepError;

#[inngest::api_fn(id = "handler")]
async fn handler(Json(name): Json<String>) -> Result<String, StepError> {
    let greeting = step.run("greet", async move { Ok(format!("hello, {name}")) }).await?;
    step.run("log", async { Ok(()) }).await?;
    Ok(greeting)
}

fn main() {
    let _ = handler;
}
