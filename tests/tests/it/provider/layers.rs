//! The layer: stacked, nested, on services that are no axum routers, and missing.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{Request, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use inngest::{Failure, FnOpts, Provider, SetupOpts, Step, StepError};
use stephttp_dev::{DevServer, RunStatus};
use stephttp_tests::{Effects, Logs, Stage, World, serve};
use tokio::net::TcpListener;
use tower::{Layer, ServiceExt};

const PAUSE: Duration = Duration::from_secs(86_400);

fn setup(inngest: &DevServer) -> Provider {
    Provider::setup(SetupOpts::default().dev_server(inngest.url())).unwrap()
}

#[inngest::api_fn(id = "layers-sleeps")]
async fn sleeps(State(stage): State<Stage>, step: Step, Path(id): Path<u32>) -> Result<String, StepError> {
    let one = step.run("one", async { Ok(stage.effects.happen("one")) }).await?;
    step.sleep("pause", PAUSE).await;
    Ok(format!("{id} {one}"))
}

fn routes(stage: &Stage) -> Router {
    Router::new().route("/{id}", post(sleeps)).with_state(stage.clone())
}

#[tokio::test]
async fn of_two_layers_the_outer_one_works_and_the_log_says_so() {
    let logs = Logs::collect();
    let (stage, inner_inngest) = (Stage::new(), DevServer::start().await.unwrap());
    let inner = setup(&inner_inngest);
    let app = Router::new().nest("/orders", routes(&stage).layer(inner.layer()));
    let world = World::of(app).await;
    let response = world.post("/orders/7").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "7 1");
    assert_eq!(world.ended().await.status, RunStatus::Completed);
    assert_eq!((world.inngest.runs().len(), inner_inngest.runs().len()), (1, 0));
    assert_eq!((stage.effects.count("one"), inner.in_flight()), (1, 0));
    assert!(inner_inngest.calls().is_empty());
    // Once, although two requests have come through.
    assert_eq!(logs.lines_with(&["WARN", "two stephttp layers"]).len(), 1);
    world.assert_clean();
}

#[tokio::test]
async fn a_layer_on_a_nested_router_or_on_one_route_is_enough() {
    let inngest = DevServer::start().await.unwrap();
    let layer = setup(&inngest).layer();
    let stage = Stage::new();
    let route = Router::new().route("/at/{id}", post(sleeps).layer(layer.clone())).with_state(stage.clone());
    let app = Router::new()
        .route("/plain", get(async || "plain"))
        .nest("/orders", routes(&stage).layer(layer))
        .merge(route);
    let (origin, _server) = serve(app).await;
    for (path, turn) in [("orders/7", "7 1"), ("at/8", "8 2")] {
        let response = reqwest::Client::new().post(format!("{origin}/{path}")).send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), turn);
        let run = inngest.runs().pop().unwrap();
        assert_eq!(run.event["data"]["path"], format!("/{path}"));
    }
    inngest.assert_no_violations();
}

// ===== No router =====

/// No handler of axum's.
async fn service(request: Request<Body>, effects: Effects) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let answer = async {
        let step = Step::from_parts(&parts)?;
        step.configure(FnOpts::new("layers-service"))?;
        let body = body.collect().await.unwrap().to_bytes();
        let one = step.run("one", async { Ok::<_, Failure>(effects.happen("one")) }).await?;
        step.sleep("pause", PAUSE).await;
        Ok::<_, StepError>(format!("{} {one}", String::from_utf8_lossy(&body)))
    };
    let text = answer.await.unwrap_or_else(|error| error.to_string());
    Ok(Response::new(Full::new(text.into())))
}

#[tokio::test]
async fn a_plain_tower_service_is_durable() {
    let inngest = DevServer::start().await.unwrap();
    let provider = setup(&inngest);
    let effects = Effects::new();
    let happening = effects.clone();
    let durable =
        provider.layer().layer(tower::service_fn(move |request| service(request, happening.clone())));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let serving = durable.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = serving.clone();
            // The bodies of requests are hyper's here.
            let service = hyper::service::service_fn(move |request| service.clone().oneshot(request));
            let connection = hyper::server::conn::http1::Builder::new();
            tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
        }
    });
    let response = reqwest::Client::new().post(&origin).body("hi").send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "hi 1");
    assert_eq!(effects.all(), ["one"]);

    // And a whole body here, without any server.
    let request = Request::post("/").header("host", origin.trim_start_matches("http://"));
    let response = durable.oneshot(request.body(Full::new(Bytes::from("ho"))).unwrap()).await.unwrap();
    assert_eq!(response.status(), 303);
    let output = reqwest::get(response.headers()["location"].to_str().unwrap()).await.unwrap();
    assert_eq!(output.text().await.unwrap(), "ho 2");
    provider.shutdown(Duration::from_secs(30)).await.unwrap();
    assert!(
        inngest
            .runs()
            .iter()
            .all(|run| run.function == "layers-service" && run.status == RunStatus::Completed)
    );
    inngest.assert_no_violations();
}

// ===== No layer =====

#[inngest::api_fn(id = "layers-tracked", track = always)]
async fn tracked() -> &'static str {
    "done"
}

#[inngest::api_fn(id = "layers-inner", track = always)]
async fn inner() -> &'static str {
    "done"
}

#[inngest::api_fn(id = "layers-outer")]
async fn outer(_: Step) -> &'static str {
    inner().await
}

#[tokio::test]
async fn a_missing_layer_is_said_with_the_way_out() {
    let logs = Logs::collect();
    let stage = Stage::new();
    let app = Router::new().route("/tracked", get(tracked)).merge(routes(&stage));
    let (origin, _server) = serve(app).await;
    let response = reqwest::Client::new().post(format!("{origin}/7")).send().await.unwrap();
    assert_eq!(response.status(), 500);
    assert!(response.text().await.unwrap().contains("add `.layer(provider.layer())` to the router"));
    logs.assert_line_with(&["ERROR", "path=/7 ", "add `.layer(provider.layer())` to the router"]);
    for _ in 0..3 {
        assert_eq!(reqwest::get(format!("{origin}/tracked")).await.unwrap().text().await.unwrap(), "done");
    }
    let said = ["WARN", "layers-tracked", "Add `.layer(provider.layer())` to the router"];
    assert_eq!(logs.lines_with(&said).len(), 1);
    // With the layer, a function that another one calls is no reason to say anything.
    let world = World::of(Router::new().route("/", get(outer))).await;
    assert_eq!(world.get("/").send().await.unwrap().text().await.unwrap(), "done");
    assert!(logs.lines_with(&["layers-inner"]).is_empty());
}
