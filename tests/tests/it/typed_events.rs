//! Events with a type: sent, waited for, and filtered by their fields.

use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::routing::post;
use inngest::{Event, EventData, EventFields, Step, StepError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stephttp_dev::Call;
use stephttp_tests::World;

const DAY: Duration = Duration::from_secs(86_400);

#[derive(Debug, PartialEq, Serialize, Deserialize, EventData)]
#[event(name = "shop/paid", v = "2")]
struct Paid {
    order: String,
    cents: u32,
    payer: Payer,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, EventFields)]
struct Payer {
    country: String,
}

fn paid(order: &str, cents: u32, country: &str) -> Paid {
    Paid { order: order.to_owned(), cents, payer: Payer { country: country.to_owned() } }
}

#[inngest::api_fn(id = "typed-waits")]
async fn waits(Path(order): Path<String>, step: Step) -> Result<String, StepError> {
    let paid = step
        .wait_for::<Paid>("payment")
        .matching(|paid| paid.order.eq(&order).and(paid.cents.ge(100)))
        .matching(|paid| paid.payer.field(|payer| payer.country).ne("XX").or(paid.cents.gt(10_000)))
        .timeout(DAY)
        .await?;
    Ok(paid.map_or_else(
        || "not paid".to_owned(),
        |Event { data, v, .. }| format!("{} paid {} by version {v:?}", data.order, data.cents),
    ))
}

#[inngest::api_fn(id = "typed-tells")]
async fn tells(Path(order): Path<String>, step: Step) -> Result<String, StepError> {
    step.send("tell", paid(&order, 990, "DE")).await
}

fn app() -> Router {
    Router::new().route("/waits/{order}", post(waits)).route("/tells/{order}", post(tells))
}

/// A world in which a run waits for the payment of `o'7`.
async fn waiting() -> (World, reqwest::Response) {
    let world = World::of(app()).await;
    world.inngest.hold_time();
    let response = world.post("/waits/o'7").send().await.unwrap();
    let run = world.inngest.wait_for_run().await;
    world.inngest.wait_for_waiting(&run.id, "payment").await;
    (world, response)
}

#[tokio::test]
async fn a_run_is_resumed_by_the_event_that_another_sends_for_its_order_alone() {
    let (world, response) = waiting().await;
    for order in ["o'8", "o'7"] {
        assert_eq!(world.post(&format!("/tells/{order}")).send().await.unwrap().status(), 200);
    }
    world.inngest.release_time();
    let answer = world.follow(response).await.text().await.unwrap();
    assert_eq!(answer, r#"o'7 paid 990 by version Some("2")"#);
    let woken: Vec<_> = world.inngest.events().iter().map(|event| event.woken).collect();
    assert_eq!(woken, [0, 1]);
    let sent = world.inngest.calls_of(Call::Events)[0].json();
    let data = json!({ "order": "o'8", "cents": 990, "payer": { "country": "DE" } });
    assert_eq!(sent, json!([{ "name": "shop/paid", "data": data, "v": "2" }]));
    world.assert_clean();
}

#[tokio::test]
async fn every_condition_must_hold() {
    let (world, response) = waiting().await;
    let events = [
        (paid("o'7", 99, "DE"), 0),
        (paid("o'7", 5_000, "XX"), 0),
        (paid("o'9", 20_000, "DE"), 0),
        (paid("o'7", 20_000, "XX"), 1),
    ];
    for (n, (event, woken)) in events.into_iter().enumerate() {
        world.inngest.send(event);
        assert_eq!(world.inngest.events()[n].woken, woken, "{n}");
    }
    world.inngest.release_time();
    let answer = world.follow(response).await.text().await.unwrap();
    assert_eq!(answer, r#"o'7 paid 20000 by version Some("2")"#);
}

#[tokio::test]
async fn without_a_matching_event_the_wait_is_over_in_time() {
    let world = World::of(app()).await;
    let response = world.post("/waits/o-7").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "not paid");
    world.assert_clean();
}

#[tokio::test]
async fn a_value_that_inngest_cannot_compare_is_an_error_before_the_wait() {
    let world = World::of(app()).await;
    let response = world.post("/waits/a%5Cb").send().await.unwrap();
    assert_eq!(response.status(), 500);
    let error = waits(Path("a\\b".to_owned()), Step::detached()).await.unwrap_err();
    assert_eq!((error.step_id(), error.name()), ("payment", "InvalidExpression"));
    assert!(error.message().contains("unescape"), "{error}");
}

#[derive(Default, Serialize, EventData)]
#[event(name = "shop/named")]
#[serde(rename_all = "camelCase")]
struct Named {
    order_id: u8,
    #[serde(rename = "in-cents")]
    cents: u8,
    r#type: u8,
    #[serde(flatten)]
    rest: Rest,
    #[serde(skip)]
    #[expect(dead_code, reason = "no filter has it")]
    cache: u64,
}

#[derive(Default, Serialize, EventFields)]
#[serde(rename_all = "SCREAMING-KEBAB-CASE")]
struct Rest {
    paid_by_card: u8,
    x_1_y: u8,
}

/// The names of fields are those that serde writes.
#[test]
fn fields_are_named_as_in_json() {
    let fields = Named::fields();
    let conditions = [
        fields.order_id.eq(0),
        fields.cents.eq(0),
        fields.r#type.eq(0),
        fields.rest.field(|rest| rest.paid_by_card).eq(0),
        fields.rest.field(|rest| rest.x_1_y).eq(0),
    ];
    let mut named: Vec<_> = conditions.iter().map(ToString::to_string).collect();
    named.sort();
    let Value::Object(data) = serde_json::to_value(Named::default()).unwrap() else { panic!("an object") };
    let path = |name: &str| {
        if name.contains('-') {
            format!("async.data[\"{name}\"] == 0")
        } else {
            format!("async.data.{name} == 0")
        }
    };
    let mut written: Vec<_> = data.keys().map(|name| path(name)).collect();
    written.sort();
    assert_eq!(named, written);
}

#[tokio::test]
async fn a_unit_test_gives_a_typed_wait_its_event() {
    let data = json!({ "order": "o-7", "cents": 990, "payer": { "country": "DE" } });
    let step = Step::detached_with([("payment", data)]);
    let event = step.wait_for::<Paid>("payment").await.unwrap().unwrap();
    assert_eq!((event.name.as_str(), event.data), ("shop/paid", paid("o-7", 990, "DE")));
}
