use axum::Json;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use inngest::Step;

#[inngest::api_fn(id = "anything")]
async fn anything(step: Step) -> impl IntoResponse {
    let places = step.run("count", async { Ok(0) }).await?;
    places.to_string()
}

#[inngest::api_fn(id = "json")]
async fn json(step: Step) -> Json<u32> {
    let places = step.run("count", async { Ok(0) }).await?;
    Json(places)
}

#[inngest::api_fn(id = "status")]
async fn status(step: Step) -> Result<String, (StatusCode, String)> {
    let places = step.run("count", async { Ok(0) }).await?;
    Ok(places.to_string())
}

fn main() {
    let _ = (anything, json, status);
}
