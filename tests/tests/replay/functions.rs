//! The functions whose runs are recorded.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{FromRequestParts, Query, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use inngest::{Event, Failure, Live, Provider, Remember, Step, StepError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stephttp_tests::Effects;

/// How long its waits last.
#[derive(Deserialize)]
pub(crate) struct Pause {
    secs: u64,
    /// Whose events it waits for.
    #[serde(default)]
    of: String,
}

impl Pause {
    pub(crate) fn time(&self) -> Duration {
        Duration::from_secs(self.secs)
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Order {
    pub(crate) cents: u64,
    pub(crate) card: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Charge {
    pub(crate) id: String,
    pub(crate) cents: u64,
}

/// What each step does: it is seen if it runs in a replay.
pub(crate) async fn work<T>(effects: &Effects, step: &str, value: T) -> Result<T, Failure> {
    effects.happen(step);
    Ok(value)
}

pub(crate) fn app(effects: Effects) -> impl FnOnce(&Provider) -> Router {
    move |inngest| routes(effects).layer(inngest.layer())
}

pub(crate) fn routes(effects: Effects) -> Router {
    Router::new()
        .route("/sequence", post(sequence))
        .route("/approval", post(approval))
        .route("/fan-out", post(fan_out))
        .route("/branches", post(branches))
        .route("/race", post(race))
        .route("/race-of-runs", post(race_of_runs))
        .route("/retried", post(retried))
        .route("/failed", post(failed))
        .route("/caught", post(caught))
        .route("/large", post(large))
        .route("/repeated", post(repeated))
        .route("/remembers", get(remembers))
        .route("/invokes", post(invokes))
        .route("/signal", post(signal))
        .route("/dropped", post(dropped))
        .route("/sends", post(sends))
        .route("/streamed", post(streamed))
        .route("/at-once", post(at_once))
        .with_state(effects)
}

#[inngest::api_fn(id = "replay-sequence")]
async fn sequence(
    State(effects): State<Effects>,
    Query(pause): Query<Pause>,
    step: Step,
    Json(order): Json<Order>,
) -> Result<Json<Charge>, StepError> {
    let charge = Charge { id: format!("ch_{}", order.card.len()), cents: order.cents };
    let charge = step.run("charge", work(&effects, "charge", charge)).await?;
    step.sleep("cool-off", pause.time()).await;
    step.run("receipt", work(&effects, "receipt", ())).await?;
    Ok(Json(charge))
}

#[inngest::api_fn(id = "replay-approval")]
async fn approval(
    State(effects): State<Effects>,
    Query(pause): Query<Pause>,
    step: Step,
) -> Result<String, StepError> {
    let asked = step.run("ask", work(&effects, "ask", "asked".to_owned())).await?;
    let approved = step
        .wait_for_event::<Value>("approval", format!("replay/approved-{}", pause.of))
        .timeout(pause.time())
        .await?;
    let by = approved.map(|event| event.data["by"].to_string());
    step.run("note", work(&effects, "note", by.clone())).await?;
    Ok(format!("{asked}: {}", by.as_deref().unwrap_or("nobody")))
}

#[inngest::api_fn(id = "replay-fan-out")]
async fn fan_out(
    State(effects): State<Effects>,
    Query(pause): Query<Pause>,
    step: Step,
) -> Result<String, StepError> {
    let (stock, price, tax) = tokio::try_join!(
        step.run("stock", work(&effects, "stock", 3_u32)),
        step.run("price", work(&effects, "price", 990_u32)),
        step.run("tax", work(&effects, "tax", 19_u32)),
    )?;
    step.sleep("settle", pause.time()).await;
    let sum = step.run("sum", work(&effects, "sum", stock * price + tax)).await?;
    Ok(sum.to_string())
}

#[inngest::api_fn(id = "replay-branches")]
async fn branches(
    State(effects): State<Effects>,
    Query(pause): Query<Pause>,
    step: Step,
) -> Result<String, StepError> {
    let branch = async |name: &str, pause: Duration| {
        step.sleep(format!("{name} waits"), pause).await;
        step.run(format!("{name} works"), work(&effects, name, name.len())).await
    };
    let (left, right) =
        tokio::try_join!(branch("left", Duration::from_secs(1)), branch("right", pause.time()))?;
    step.run("both", work(&effects, "both", left + right)).await.map(|both| both.to_string())
}

#[inngest::api_fn(id = "replay-race")]
async fn race(
    State(effects): State<Effects>,
    Query(pause): Query<Pause>,
    step: Step,
) -> Result<&'static str, StepError> {
    let winner = tokio::select! {
        answer = step.wait_for_event::<Value>("answer", format!("replay/answered-{}", pause.of)).timeout(Duration::from_secs(7_200)) =>
            answer?.map_or("nobody", |_| "answered"),
        () = step.sleep("deadline", pause.time()) => "too late",
    };
    step.run("tell", work(&effects, "tell", winner.to_owned())).await?;
    step.sleep("rest", pause.time()).await;
    step.run("end", work(&effects, "end", ())).await?;
    Ok(winner)
}

#[inngest::api_fn(id = "replay-race-of-runs")]
async fn race_of_runs(
    State(effects): State<Effects>,
    Query(pause): Query<Pause>,
    step: Step,
) -> Result<&'static str, StepError> {
    let slow = async {
        tokio::time::sleep(Duration::from_secs(20)).await;
        work(&effects, "slow", ()).await
    };
    let winner = tokio::select! {
        fast = step.run("fast", work(&effects, "fast", ())) => fast.map(|()| "fast")?,
        slow = step.run("slow", slow) => slow.map(|()| "slow")?,
    };
    step.sleep("rest", pause.time()).await;
    step.run("end", work(&effects, "end", winner.to_owned())).await?;
    Ok(winner)
}

#[inngest::api_fn(id = "replay-retried")]
async fn retried(State(effects): State<Effects>, step: Step) -> Result<String, StepError> {
    step.run("first", work(&effects, "first", ())).await?;
    let attempt = async {
        match effects.happen("flaky") {
            1 => Err(Failure::retry_after(Duration::from_secs(1), "not yet")),
            attempt => Ok(attempt),
        }
    };
    let attempts = step.run("flaky", attempt).await?;
    step.run("last", work(&effects, "last", ())).await?;
    Ok(format!("{attempts} attempts"))
}

#[inngest::api_fn(id = "replay-failed", retries = 0)]
async fn failed(
    State(effects): State<Effects>,
    Query(pause): Query<Pause>,
    step: Step,
) -> Result<(), StepError> {
    step.sleep("pause", pause.time()).await;
    step.run("book", work(&effects, "book", 7)).await?;
    step.run("pay", async {
        effects.happen("pay");
        Err::<(), _>(Failure::non_retriable("declined"))
    })
    .await
}

#[inngest::api_fn(id = "replay-caught", retries = 0)]
async fn caught(
    State(effects): State<Effects>,
    Query(pause): Query<Pause>,
    step: Step,
) -> Result<Response, StepError> {
    step.sleep("pause", pause.time()).await;
    let paid = step.run("pay", async {
        effects.happen("pay");
        Err::<(), _>(Failure::non_retriable("declined"))
    });
    let Err(error) = paid.await else { return Ok("paid".into_response()) };
    step.run("refund", work(&effects, "refund", ())).await?;
    Ok((StatusCode::PAYMENT_REQUIRED, error.message().to_owned()).into_response())
}

#[derive(Serialize, Deserialize)]
struct Numbers {
    unsigned: u64,
    signed: i64,
    float: f64,
    whole: f64,
}

#[inngest::api_fn(id = "replay-large")]
async fn large(
    State(effects): State<Effects>,
    Query(pause): Query<Pause>,
    step: Step,
) -> Result<Json<Numbers>, StepError> {
    let numbers = Numbers { unsigned: u64::MAX, signed: i64::MIN, float: 5e-324, whole: 1.0 };
    let numbers = step.run("numbers", work(&effects, "numbers", numbers)).await?;
    step.sleep("pause", pause.time()).await;
    Ok(Json(numbers))
}

#[inngest::api_fn(id = "replay-repeated")]
async fn repeated(
    State(effects): State<Effects>,
    Query(pause): Query<Pause>,
    step: Step,
) -> Result<String, StepError> {
    let mut sum = 0;
    for n in 1..=3 {
        sum += step.run("item", work(&effects, "item", n)).await?;
        step.sleep("pause", pause.time()).await;
    }
    Ok(sum.to_string())
}

/// Who the client says that it is.
#[derive(Serialize, Deserialize)]
struct Tenant(String);

impl<S: Sync> FromRequestParts<S> for Tenant {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let header = parts.headers.get("x-tenant").and_then(|value| value.to_str().ok());
        Ok(Self(header.unwrap_or_default().to_owned()))
    }
}

#[inngest::api_fn(id = "replay-remembers")]
async fn remembers(
    State(effects): State<Effects>,
    Query(pause): Query<Pause>,
    Remember(tenant): Remember<Tenant>,
    step: Step,
) -> Result<String, StepError> {
    // An id that depends on what is remembered.
    step.run(format!("of {}", tenant.0), work(&effects, "of", ())).await?;
    step.sleep("pause", pause.time()).await;
    Ok(tenant.0)
}

#[inngest::api_fn(id = "replay-invokes")]
async fn invokes(State(effects): State<Effects>, step: Step) -> Result<String, StepError> {
    let error = step.invoke::<Value>("nobody", "replay-nobody").await.err();
    let said = error.map(|error| error.message().to_owned());
    step.run("said", work(&effects, "said", said.unwrap_or_default())).await
}

#[inngest::api_fn(id = "replay-signal")]
async fn signal(
    State(effects): State<Effects>,
    Query(pause): Query<Pause>,
    step: Step,
) -> Result<String, StepError> {
    let go = step.wait_for_signal::<u32>("go", format!("replay-go-{}", step.run_id()));
    let went = go.timeout(pause.time()).await?;
    step.run("went", work(&effects, "went", went.is_some())).await.map(|went| went.to_string())
}

#[inngest::api_fn(id = "replay-dropped")]
async fn dropped(
    State(effects): State<Effects>,
    Query(pause): Query<Pause>,
    step: Step,
) -> Result<&'static str, StepError> {
    step.sleep("pause", pause.time()).await;
    let slow = async {
        tokio::time::sleep(Duration::from_secs(20)).await;
        work(&effects, "slow", ()).await
    };
    let in_time = tokio::time::timeout(Duration::from_millis(100), step.run("slow", slow)).await.is_ok();
    step.run("noted", work(&effects, "noted", in_time)).await?;
    step.sleep("rest", pause.time()).await;
    Ok(if in_time { "in time" } else { "too slow" })
}

#[inngest::api_fn(id = "replay-sends")]
async fn sends(
    State(effects): State<Effects>,
    Query(pause): Query<Pause>,
    step: Step,
) -> Result<&'static str, StepError> {
    step.send_event("send", Event::new("replay/sent", serde_json::json!({ "n": 1 }))).await?;
    step.sleep("pause", pause.time()).await;
    step.run("sent", work(&effects, "sent", ())).await?;
    Ok("sent")
}

#[inngest::api_fn(id = "replay-streamed")]
async fn streamed(
    State(effects): State<Effects>,
    Query(pause): Query<Pause>,
    step: Step,
    live: Live,
) -> Result<String, StepError> {
    live.push("begins");
    let text = step.run("text", work(&effects, "text", "some text".to_owned())).await?;
    step.sleep("pause", pause.time()).await;
    live.push("ends");
    step.run("last", work(&effects, "last", text.len())).await?;
    Ok(text)
}

#[inngest::api_fn(id = "replay-at-once")]
async fn at_once(State(effects): State<Effects>, step: Step) -> Result<Json<Vec<u32>>, StepError> {
    let one = step.run("one", work(&effects, "one", 1)).await?;
    let two = step.run("two", work(&effects, "two", one + 1)).await?;
    Ok(Json(vec![one, two]))
}
