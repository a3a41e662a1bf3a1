//! `track_all_endpoints`: every request that comes to a route is recorded.

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use inngest::Step;
use stephttp_dev::{RunStatus, RunView};
use stephttp_tests::{RawClient, Stage, World};

use crate::options::assert_never_sent;

const SECRET: &str = "a very secret text";

async fn world(app: Router) -> World {
    World::builder().opts(|opts, url| opts.dev_server(url).track_all_endpoints(true)).start(app).await
}

/// The only run, which was told of in one call without any step.
async fn recorded(world: &World, name: &str, status: u16) -> RunView {
    let run = world.ended().await;
    assert_eq!((run.function.as_str(), run.response.as_ref().unwrap().status), (name, status));
    assert!(run.steps.is_empty());
    assert_eq!((world.inngest.calls().len(), world.inngest.runs().len()), (1, 1));
    world.assert_clean();
    run
}

async fn show_order(Path(id): Path<u32>, body: String) -> String {
    format!("{id} {body}")
}

#[tokio::test]
async fn a_plain_handlers_request_is_recorded_under_its_routes_path() {
    let world = world(Router::new().route("/orders/{id}", post(show_order))).await;
    let response = world.post("/orders/17?page=3").body("hi").send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "17 hi");
    let run = recorded(&world, "POST /orders/{id}", 200).await;
    assert_eq!((run.status, run.output.as_str()), (RunStatus::Completed, "17 hi"));
    let data = &run.event["data"];
    assert_eq!((&data["path"], &data["query_params"]), (&"/orders/17".into(), &"page=3".into()));
}

#[tokio::test]
async fn a_nested_routers_handler_is_recorded_under_its_whole_path() {
    let orders = Router::new().route("/{id}", get(show_order));
    let world = world(Router::new().nest("/shop/orders", orders)).await;
    world.request(Method::HEAD, "/shop/orders/17").send().await.unwrap();
    // As it would be called back.
    recorded(&world, "GET /shop/orders/{id}", 200).await;
}

#[tokio::test]
async fn a_rejected_request_is_recorded_and_one_without_a_route_is_not() {
    let world = world(Router::new().route("/orders/{id}", post(show_order))).await;
    assert_eq!(world.post("/secret-admin").send().await.unwrap().status(), 404);
    assert_eq!(world.post("/orders/none").send().await.unwrap().status(), 400);
    assert_eq!(recorded(&world, "POST /orders/{id}", 400).await.status, RunStatus::Completed);
    assert_never_sent(&world, "secret-admin");
}

async fn panics(body: String) -> String {
    panic!("as the test wants it: {body}")
}

async fn waits(State(stage): State<Stage>) {
    stage.door.pass().await;
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_request_without_a_response_is_recorded_as_a_failure() {
    let stage = Stage::new();
    let panicking = world(stage.app(post(panics))).await;
    let client = RawClient::post(&panicking, "/").await;
    assert_eq!(client.read_to_end().await, "");
    assert_eq!(recorded(&panicking, "POST /", 500).await.status, RunStatus::Failed);

    let left = world(stage.app(post(waits))).await;
    let client = RawClient::post(&left, "/").await;
    stage.door.reached(1).await;
    drop(client);
    recorded(&left, "POST /", 499).await;
}

/// Has a `Step`, and runs none.
async fn idle(step: Step) -> String {
    step.omit_response_body(true);
    SECRET.to_owned()
}

#[tokio::test]
async fn a_handler_that_runs_no_step_is_recorded_and_keeps_its_response_to_itself() {
    let world = world(Router::new().route("/", post(idle))).await;
    assert_eq!(world.post("/").send().await.unwrap().text().await.unwrap(), SECRET);
    assert_eq!(recorded(&world, "POST /", 200).await.output, "");
    assert_never_sent(&world, SECRET);
}

/// Without a `Step`, and tracked by the provider alone.
#[inngest::api_fn(id = "track-all-omits", omit_request_body, omit_response_body)]
async fn echo(body: Body) -> Response {
    Response::new(body)
}

#[inngest::api_fn(id = "track-all-rejects", omit_request_body)]
async fn reads_number(number: axum::Json<u8>) -> String {
    number.to_string()
}

#[tokio::test]
async fn what_an_annotated_function_omits_is_not_recorded() {
    let world = world(Router::new().route("/", post(echo))).await;
    let response = world.post("/").body(SECRET).send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), SECRET);
    recorded(&world, "track-all-omits", 200).await;
    assert_never_sent(&world, SECRET);
}

#[tokio::test]
async fn what_a_rejecting_function_would_have_omitted_is_not_recorded_either() {
    let world = world(Router::new().route("/", post(reads_number))).await;
    let request = world.post("/").header("content-type", "application/json");
    let response = request.body(format!("{SECRET:?}")).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    recorded(&world, "POST /", 422).await;
    assert_never_sent(&world, SECRET);
}

#[tokio::test]
async fn without_the_option_nothing_is_sent() {
    let world = World::of(Router::new().route("/orders/{id}", post(show_order)).route("/", post(echo))).await;
    for path in ["/orders/17", "/", "/none"] {
        world.post(path).body(SECRET).send().await.unwrap();
    }
    world.delivered().await;
    assert!(world.inngest.calls().is_empty());
}
