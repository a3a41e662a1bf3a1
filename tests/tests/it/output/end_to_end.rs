//! A handler waits, and its client gets the response at the app's own domain.

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use inngest::output::{OutputOpts, RunOutput};
use inngest::{AsyncResponse, FnOpts, Provider, SetupOpts, Step, StepError};
use reqwest::header::LOCATION;
use serde_json::{Value, json};
use stephttp_dev::{Call, DevServer, RunStatus};
use stephttp_tests::{Logs, Stage, World};

const PAUSE: Duration = Duration::from_secs(86_400);

#[inngest::api_fn(id = "output-proxied", async_response = proxy)]
async fn proxied(State(stage): State<Stage>, step: Step, body: String) -> Result<Response, StepError> {
    step.run("before", async { Ok(stage.effects.happen("before")) }).await?;
    step.sleep("pause", PAUSE).await;
    let headers = [
        ("x-order", "7"),
        ("set-cookie", "session=1; HttpOnly"),
        ("cache-control", "max-age=60"),
        ("content-type", "application/json"),
    ];
    Ok((StatusCode::CREATED, headers, format!(r#"{{"said":"{body}"}}"#)).into_response())
}

#[inngest::api_fn(id = "output-fails", async_response = proxy)]
async fn fails(step: Step) -> (StatusCode, &'static str) {
    step.sleep("pause", PAUSE).await;
    (StatusCode::SERVICE_UNAVAILABLE, "no paper")
}

#[inngest::api_fn(id = "output-says-nothing", async_response = proxy)]
async fn says_nothing(step: Step) {
    step.sleep("pause", PAUSE).await;
}

#[inngest::api_fn(id = "output-negotiates", async_response = negotiate)]
async fn negotiates(step: Step) -> &'static str {
    step.sleep("pause", PAUSE).await;
    "done"
}

async fn own_url(_: axum::http::request::Parts, output: RunOutput) -> String {
    format!("{:?}", output.own_url())
}

#[inngest::api_fn(id = "output-customizes", async_response = custom(own_url))]
async fn customizes(step: Step) {
    step.sleep("pause", PAUSE).await;
}

#[inngest::api_fn(id = "output-default")]
async fn says_no_response(step: Step) -> &'static str {
    step.sleep("pause", PAUSE).await;
    "done"
}

#[inngest::api_fn(id = "output-redirects", async_response = redirect)]
async fn redirects(step: Step) -> &'static str {
    step.sleep("pause", PAUSE).await;
    "done"
}

/// Without the attribute.
async fn configures(step: Step) -> Result<&'static str, StatusCode> {
    let opts = FnOpts::new("output-configures").async_response(AsyncResponse::Redirect);
    step.configure(opts).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    step.sleep("pause", PAUSE).await;
    Ok("done")
}

/// Without the attribute, or any options.
async fn plain(step: Step) -> &'static str {
    step.sleep("pause", PAUSE).await;
    "done"
}

fn routes(stage: &Stage) -> Router {
    Router::new()
        .route("/orders", post(proxied))
        .route("/fails", post(fails))
        .route("/nothing", post(says_nothing))
        .route("/negotiates", post(negotiates))
        .route("/customizes", post(customizes))
        .route("/default", post(says_no_response))
        .route("/redirects", post(redirects))
        .route("/configures", post(configures))
        .route("/plain", post(plain))
        .with_state(stage.clone())
}

async fn world(stage: &Stage) -> World {
    World::builder().start_with(|provider| routes(stage).merge(provider.output_route())).await
}

fn location(response: &reqwest::Response) -> &str {
    assert_eq!(response.status(), 303);
    assert_eq!(response.headers()["cache-control"], "no-store");
    response.headers()[LOCATION].to_str().unwrap()
}

/// Inngest gives an output for a moment before it has stored one, when it looks as the run ends.
#[tokio::test]
async fn an_output_that_is_not_stored_yet_is_asked_for_again() {
    let stage = Stage::new();
    let world = world(&stage).await;
    world.inngest.empty_outputs(2);
    let response = world.post("/default").send().await.unwrap();
    let output = world.get(location(&response)).send().await.unwrap();
    assert_eq!(output.status(), 200);
    assert_eq!(output.text().await.unwrap(), "done");
    world.ended().await;
    world.assert_clean();
}

#[tokio::test]
async fn the_client_gets_status_headers_and_body_from_the_app() {
    let stage = Stage::new();
    let world = world(&stage).await;
    let response = world.post("/orders").body("hi").send().await.unwrap();
    let place = location(&response);
    let run = world.ended().await;
    // On the origin that the client used, whichever that is.
    assert!(place.starts_with(&format!("/runs/{}/output?token=", run.id)), "{place}");

    let output = world.get(place).send().await.unwrap();
    assert_eq!(output.status(), 201);
    let headers = output.headers();
    for (name, value) in [
        ("x-order", "7"),
        ("set-cookie", "session=1; HttpOnly"),
        ("content-type", "application/json"),
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("content-length", "13"),
        ("x-run-id", &run.id),
    ] {
        assert_eq!(headers[name], value, "{name}");
    }
    assert_eq!(headers.get_all("content-type").iter().count(), 1);
    assert!(!headers.contains_key("x-inngest-server-kind"), "{headers:?}");
    assert_eq!(output.json::<Value>().await.unwrap(), json!({ "said": "hi" }));

    // HEAD gives the same without the body, as often as it is asked.
    let head = world.request(reqwest::Method::HEAD, place).send().await.unwrap();
    assert_eq!(
        (head.status(), &head.headers()["content-length"]),
        (StatusCode::CREATED, &"13".parse().unwrap())
    );
    assert_eq!(head.text().await.unwrap(), "");

    assert_eq!(run.status, RunStatus::Completed);
    assert_eq!(stage.effects.all(), ["before"]);
    world.assert_clean();
}

#[tokio::test]
async fn a_client_that_follows_redirects_notices_nothing() {
    let world = world(&Stage::new()).await;
    world.inngest.hold_time();
    let url = format!("{}/orders", world.origin);
    let client = tokio::spawn(reqwest::Client::new().post(url).body("hi").send());
    world.inngest.wait_for_call(Call::Output, 1).await;
    // It has been waiting for the run's end.
    world.inngest.release_time();
    let response = client.await.unwrap().unwrap();
    assert_eq!(response.status(), 201);
    assert!(response.url().as_str().starts_with(&world.origin), "{}", response.url());
    world.ended().await;
    world.assert_clean();
}

#[tokio::test]
async fn what_the_handler_says_is_told_from_what_inngest_does() {
    let world = world(&Stage::new()).await;
    let follow = async |path: &str| {
        let response = world.post(path).send().await.unwrap();
        let output = world.get(location(&response)).send().await.unwrap();
        (output.status().as_u16(), output.text().await.unwrap())
    };
    // Neither is asked for again.
    assert_eq!(follow("/fails").await, (503, "no paper".to_owned()));
    assert_eq!(follow("/nothing").await, (200, String::new()));
    assert_eq!(world.inngest.calls_of(Call::Output).len(), 2);
    world.inngest.idle().await;
    world.assert_clean();
}

#[tokio::test]
async fn a_run_that_is_cancelled_is_gone() {
    let world = world(&Stage::new()).await;
    world.inngest.hold_time();
    let response = world.post("/orders").body("hi").send().await.unwrap();
    world.inngest.cancel(&world.inngest.wait_for_run().await.id);
    let output = world.get(location(&response)).send().await.unwrap();
    assert_eq!(output.status(), 410);
    assert!(output.json::<Value>().await.unwrap()["error"].as_str().unwrap().contains("cancelled"));
    // It has been asked for again before it was believed.
    assert_eq!(world.inngest.calls_of(Call::Output).len(), 6);
}

#[tokio::test]
async fn a_token_reads_its_own_run_alone() {
    let world = world(&Stage::new()).await;
    let mut places = Vec::new();
    for _ in 0..2 {
        let response = world.post("/orders").body("hi").send().await.unwrap();
        let (path, query) = location(&response).split_once('?').unwrap();
        places.push((path.to_owned(), query.to_owned()));
    }
    for (path, query, status) in [
        (&places[0].0, &places[0].1, 201),
        (&places[1].0, &places[1].1, 201),
        (&places[0].0, &places[1].1, 404),
        (&places[0].0, &"token=ey.another".to_owned(), 401),
    ] {
        let output = world.get(&format!("{path}?{query}")).send().await.unwrap();
        assert_eq!(output.status(), status);
        if status != 201 {
            assert!(output.json::<Value>().await.unwrap()["error"].is_string());
        }
    }
}

// ===== Where it is =====

#[tokio::test]
async fn the_place_is_the_apps_to_choose_also_in_a_nested_router() {
    for (prefix, path) in [("/api", "/runs/{run_id}/output"), ("/a/b", "/{run_id}"), ("", "/x/{run_id}/y")] {
        let opts = OutputOpts::new().prefix(format!("{prefix}/")).path(path);
        let builder = World::builder().opts(|own, url| own.dev_server(url).output(opts));
        let world = builder
            .start_with(|provider| {
                let inner = routes(&Stage::new()).merge(provider.output_route());
                if prefix.is_empty() { inner } else { Router::new().nest(prefix, inner) }
            })
            .await;
        let response = world.post(&format!("{prefix}/orders")).body("hi").send().await.unwrap();
        let place = location(&response).to_owned();
        let run = world.ended().await;
        let path = path.replace("{run_id}", &run.id);
        assert!(place.starts_with(&format!("{prefix}{path}?token=")), "{place}");
        assert_eq!(world.get(&place).send().await.unwrap().status(), 201);
        world.assert_clean();
    }
}

#[tokio::test]
async fn clients_can_be_sent_to_another_origin_whose_app_has_the_route() {
    let opts = OutputOpts::new().prefix("https://results.example.com/v1");
    let builder = World::builder().opts(|own, url| own.dev_server(url).output(opts));
    let world = builder.start(routes(&Stage::new())).await;
    let response = world.post("/orders").body("hi").send().await.unwrap();
    let place = location(&response);
    assert!(place.starts_with("https://results.example.com/v1/runs/"), "{place}");
}

#[tokio::test]
async fn without_the_route_clients_are_sent_to_inngest_and_the_log_says_so() {
    let logs = Logs::collect();
    let world = World::of(routes(&Stage::new())).await;
    let before = logs.lines_with(&["ERROR", "output_route"]).len();
    for _ in 0..2 {
        let response = world.post("/orders").body("hi").send().await.unwrap();
        assert!(location(&response).starts_with(world.inngest.url()));
        assert_eq!(world.follow(response).await.status(), 201);
    }
    // Once.
    assert_eq!(logs.lines_with(&["ERROR", "output_route"]).len(), before + 1);
    let response = world.post("/customizes").send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "None");
}

// ===== Other answers to the first request =====

#[tokio::test]
async fn a_client_that_negotiates_is_led_to_the_apps_route_too() {
    let world = world(&Stage::new()).await;
    let waits = world.post("/negotiates").send().await.unwrap();
    assert!(location(&waits).starts_with("/runs/"));
    let polls = world.post("/negotiates").header("prefer", "respond-async").send().await.unwrap();
    assert_eq!(polls.status(), 202);
    let place = polls.headers()[LOCATION].to_str().unwrap();
    assert_eq!(world.get(place).send().await.unwrap().text().await.unwrap(), "done");
    // An answer of one's own knows the place.
    let own = world.post("/customizes").send().await.unwrap().text().await.unwrap();
    assert!(own.starts_with("Some(\"/runs/"), "{own}");
}

#[tokio::test]
async fn where_nothing_is_said_of_it_clients_are_led_to_the_route_if_there_is_one() {
    let stage = Stage::new();
    let here = world(&stage).await;
    let at_inngest = World::of(routes(&stage)).await;
    let elsewhere = World::builder()
        .opts(|own, url| own.dev_server(url).output(OutputOpts::new().prefix("https://results.example.com")))
        .start(routes(&stage))
        .await;
    for (world, place) in [
        (&here, "/runs/"),
        (&at_inngest, at_inngest.inngest.url()),
        (&elsewhere, "https://results.example.com/runs/"),
    ] {
        // With the attribute, and without.
        for path in ["/default", "/plain"] {
            let response = world.post(path).send().await.unwrap();
            assert!(location(&response).starts_with(place), "{path}: {}", location(&response));
        }
    }
    let output = here.get(location(&here.post("/plain").send().await.unwrap())).send().await.unwrap();
    assert_eq!(output.text().await.unwrap(), "done");
}

#[tokio::test]
async fn an_explicit_redirect_leads_to_inngest_wherever_it_is_said() {
    for app_wide in [false, true] {
        let builder = World::builder().opts(move |own, url| {
            let own = own.dev_server(url);
            if app_wide { own.async_response(AsyncResponse::Redirect) } else { own }
        });
        let world = builder.start_with(|provider| routes(&Stage::new()).merge(provider.output_route())).await;
        for path in if app_wide { ["/default", "/plain"] } else { ["/redirects", "/configures"] } {
            let response = world.post(path).send().await.unwrap();
            assert!(location(&response).starts_with(world.inngest.url()), "{path}");
            assert_eq!(world.follow(response).await.text().await.unwrap(), "done");
        }
        // What a function says wins.
        let response = world.post("/orders").body("hi").send().await.unwrap();
        assert!(location(&response).starts_with("/runs/"));
    }
}

#[tokio::test]
async fn the_default_of_all_endpoints_can_be_the_route_and_requests_to_it_are_not_recorded() {
    let builder = World::builder()
        .opts(|own, url| own.dev_server(url).async_response(AsyncResponse::Proxy).track_all_endpoints(true));
    let tracked =
        Router::new().route("/tracked", get(async |headers: HeaderMap| format!("{}", headers.len())));
    let world = builder
        .start_with(|provider| routes(&Stage::new()).merge(tracked).merge(provider.output_route()))
        .await;
    let response = world.post("/default").send().await.unwrap();
    let place = location(&response).to_owned();
    assert_eq!(world.get(&place).send().await.unwrap().text().await.unwrap(), "done");
    // Another method, and a token that is none.
    assert_eq!(world.post(&place).send().await.unwrap().status(), 405);
    assert_eq!(world.get(&format!("{place}x")).send().await.unwrap().status(), 401);
    world.get("/tracked").send().await.unwrap();
    world.delivered().await;
    let runs: Vec<_> = world.inngest.runs().into_iter().map(|run| run.function).collect();
    assert_eq!(runs, ["output-default", "GET /tracked"]);
    let (_, token) = place.split_once("token=").unwrap();
    assert!(!world.inngest.calls().iter().any(|call| String::from_utf8_lossy(&call.body).contains(token)));
}

#[tokio::test]
async fn what_is_set_wrong_is_said_at_setup() {
    let inngest = DevServer::start().await.unwrap();
    for (opts, option) in [
        (OutputOpts::new().path("/runs"), "OutputOpts::path"),
        (OutputOpts::new().prefix("api"), "OutputOpts::prefix"),
        (OutputOpts::new().max_wait(Duration::ZERO), "OutputOpts::max_wait"),
        (OutputOpts::new().allow_origins(["www.example.com"]), "OutputOpts::allow_origins"),
        (OutputOpts::new().allow_any_origin().allow_credentials(true), "OutputOpts::allow_credentials"),
    ] {
        let opts = SetupOpts::new("https://api.example.com").dev_server(inngest.url()).output(opts);
        let error = Provider::setup(opts).unwrap_err().to_string();
        assert!(error.contains(option), "{error}");
    }
}

#[tokio::test]
async fn json_that_a_handler_answers_with_is_passed_on_whatever_it_says() {
    #[inngest::api_fn(id = "output-says-running", async_response = proxy)]
    async fn says_running(step: Step) -> Json<Value> {
        step.sleep("pause", PAUSE).await;
        Json(json!({ "status": "running", "error": "none" }))
    }
    let builder = World::builder();
    let app =
        |provider: &Provider| Router::new().route("/", post(says_running)).merge(provider.output_route());
    let world = builder.start_with(app).await;
    let response = world.post("/").send().await.unwrap();
    let output = world.get(location(&response)).send().await.unwrap();
    assert_eq!(output.json::<Value>().await.unwrap()["status"], "running");
}
