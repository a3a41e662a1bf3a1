//! `Remember`.

use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::routing::get;
use inngest::{Remember, Step, StepError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stephttp_tests::{Scramble, Stage, World, WorldBuilder};

use super::{floats, world};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Account {
    id: u64,
    rate: f64,
    claims: Value,
    /// Not stored.
    #[serde(skip)]
    token: String,
}

impl<S: Sync> FromRequestParts<S> for Account {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        let id = parts.headers.get("x-account").and_then(|id| id.to_str().ok()?.parse().ok());
        let id = id.ok_or(StatusCode::UNAUTHORIZED)?;
        Ok(Self { id, rate: 2.0, claims: serde_json::json!({"sub": id, "x": 1.0}), token: "t".to_owned() })
    }
}

#[inngest::api_fn(id = "values-account")]
async fn account(Remember(account): Remember<Account>, step: Step) -> Result<String, StepError> {
    let seen = step.run("seen", async { Ok(format!("{account:?}")) }).await?;
    step.sleep("pause", Duration::from_secs(60)).await;
    assert_eq!(seen, format!("{account:?}"), "the first request had another value");
    Ok(format!("{} {} {}", account.id, account.rate, account.claims))
}

async fn is_remembered(world: WorldBuilder, id: u64) {
    let world = world.start(Stage::new().app(get(account))).await;
    let response = world.get("/").header("x-account", id).send().await.unwrap();
    let text = world.follow(response).await.text().await.unwrap();
    assert_eq!(text, format!(r#"{id} 2 {{"sub":{id},"x":1.0}}"#));
    world.ended().await;
    world.assert_clean();
}

#[tokio::test]
async fn a_remembered_value_is_the_same_in_every_request() {
    is_remembered(world(), 9_007_199_254_740_993).await;
    is_remembered(world(), 7).await;
    let scrambled =
        World::builder().opts(|opts, url| opts.dev_server(floats::before(url)).middleware(Scramble));
    is_remembered(scrambled, u64::MAX).await;
}
