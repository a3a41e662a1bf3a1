//! What goes wrong by mistake: requests, answers and steps that make no sense.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use inngest::wire::StepHash;
use inngest::{Step, StepError};
use reqwest::Response;
use serde_json::{Value, json};
use stephttp_dev::{Call, InjectedFault, RunStatus, ViolationKind};
use stephttp_tests::{Logs, Stage, World, serve};

const PAUSE: Duration = Duration::from_secs(86_400);
const STRANGE_RUN: &str = "01M817NZCZ3BTTPY1FEX7T2M4B";

/// Before and after a sleep.
#[inngest::api_fn(id = "bad-input-nap", retries = 3)]
async fn nap(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    stage.effects.happen("entered");
    let text = step.run("text", async { Ok("stored".to_owned()) }).await?;
    step.sleep("pause", PAUSE).await;
    Ok(text)
}

/// What a client is told that must try again.
async fn assert_try_again(response: Response) {
    assert_eq!(response.status(), 503);
    assert!(!response.headers().contains_key("location"));
    let seconds: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!(seconds > 0);
    assert_eq!(response.headers()["content-type"], "application/json");
    let answer: Value = response.json().await.unwrap();
    assert!(answer["error"].as_str().unwrap().contains("try again"), "{answer}");
}

// ===== Without the layer =====

#[inngest::api_fn(id = "bad-input-no-layer")]
async fn no_layer(_step: Step) {}

#[tokio::test]
async fn a_route_without_the_layer_answers_500_and_says_what_to_do() {
    let logs = Logs::collect();
    let (origin, _server) = serve(Router::new().route("/bad-input-no-layer", post(no_layer))).await;
    let url = format!("{origin}/bad-input-no-layer");
    let response = reqwest::Client::new().post(url).send().await.unwrap();
    assert_eq!(response.status(), 500);
    let text = response.text().await.unwrap();
    assert!(text.contains(".layer(provider.layer())"), "{text}");
    logs.assert_line_with(&["ERROR", "/bad-input-no-layer", "POST", ".layer(provider.layer())"]);
}

// ===== Headers =====

/// A request that looks like Inngest's, with these headers besides; in dev mode an empty signature
/// will do.
async fn call_back(world: &World, headers: &[(&str, &str)]) -> Response {
    let request = world.post("/").header("x-inngest-signature", "");
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).send().await.unwrap()
}

/// An answer that changes nothing of a run that is over.
#[track_caller]
fn assert_to_be_tried_again(response: &Response, status: u16) {
    assert_eq!(response.status(), status);
    assert_eq!(response.headers()["x-inngest-no-retry"], "false");
    assert!(response.headers().contains_key("x-inngest-sdk"));
    assert_eq!(response.headers()["x-inngest-req-version"], "2");
}

#[tokio::test]
async fn a_reentry_of_a_run_that_is_over_runs_nothing() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(nap))).await;
    // Of a run that has ended this changes nothing, and one that goes on is tried again: 410 says
    // neither for sure.
    assert_to_be_tried_again(&call_back(&world, &[("x-run-id", STRANGE_RUN)]).await, 503);
    assert!(world.inngest.calls_of(Call::Actions).len() > 1, "a passing failure is waited for");
    assert_eq!(stage.effects.count("entered"), 0);
}

#[tokio::test]
async fn headers_that_make_no_sense_are_refused_before_anything_runs() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(nap))).await;
    for id in ["", "42", "not-a-ulid", "01M817NZCZ3BTTPY1FEX7T2M4BX", "../../v1/checkpoint"] {
        assert_to_be_tried_again(&call_back(&world, &[("x-run-id", id)]).await, 400);
    }
    assert!(world.inngest.calls().is_empty());
    assert_eq!(stage.effects.count("entered"), 0);
}

// ===== Garbage from the API =====

#[tokio::test]
async fn finished_steps_that_cannot_be_read_run_nothing_and_are_asked_for_again() {
    for garbage in ["", "null", "[]", "<html>oops</html>", r#"{"a":"#] {
        let stage = Stage::new();
        let world = World::of(stage.app(post(nap))).await;
        // Once could be an accident on the way, which the call is made again for.
        world.inngest.inject(InjectedFault::on(Call::Actions).first(2).body(garbage));
        let response = world.post("/").send().await.unwrap();
        assert_eq!(world.follow(response).await.text().await.unwrap(), "stored", "{garbage}");
        assert_eq!(world.ended().await.status, RunStatus::Completed);

        let dispatches = world.inngest.dispatches();
        assert_eq!(dispatches.len(), 2);
        assert_eq!(dispatches[0].status.unwrap(), 503);
        assert_eq!(dispatches[0].response_headers["x-inngest-no-retry"], "false");
        assert_eq!(stage.effects.count("entered"), 2, "the first request, and the second re-entry");
        world.assert_clean();

        let world = World::of(Stage::new().app(post(nap))).await;
        world.inngest.inject(InjectedFault::on(Call::Actions).body(garbage));
        let response = world.post("/").send().await.unwrap();
        assert_eq!(world.follow(response).await.text().await.unwrap(), "stored", "{garbage}");
        world.ended().await;
        assert_eq!(world.inngest.dispatches().len(), 1);
    }
}

#[tokio::test]
async fn an_answer_to_the_hand_over_that_makes_no_sense_is_no_redirect() {
    for garbage in ["", "[]", "<html>oops</html>", r#"{"data":{}}"#, r#"{"data":null}"#] {
        let stage = Stage::new();
        let world = World::of(stage.app(post(nap))).await;
        world.inngest.inject(InjectedFault::on(Call::NewRun).body(garbage));
        // The run exists, and is told of its wait by another call.
        let response = world.post("/").send().await.unwrap();
        assert_eq!(world.follow(response).await.status(), 200, "{garbage}");
        let run = world.ended().await;
        assert_eq!(run.status, RunStatus::Completed);
        assert_eq!(world.inngest.dispatches().len(), 1);
        assert_eq!(stage.effects.count("entered"), 2);
        world.assert_clean();

        let world = World::of(stage.app(post(nap))).await;
        // The call that hands over is not made again; the one that follows is, once.
        world.inngest.inject(InjectedFault::on(Call::NewRun).first(3).body(garbage));
        assert_try_again(world.post("/").send().await.unwrap()).await;
        // The client tries again, which begins another run: this one must not go on.
        let run = world.ended().await;
        assert_eq!((run.status, run.response.unwrap().status), (RunStatus::Failed, 503));
    }
}

#[tokio::test]
async fn a_run_without_a_token_is_no_redirect() {
    for token in [json!(null), json!(""), json!("x".repeat(4 * 1024 + 1))] {
        let world = World::of(Stage::new().app(post(nap))).await;
        let ids = json!({"fn_id": "98819a18-31a9-54ed-84ac-c194c2ef94d6", "app_id": "bec6ee9c-d9e0-5d93-8399-cbfce8bc4104", "run_id": STRANGE_RUN, "token": token});
        world.inngest.inject(InjectedFault::on(Call::NewRun).body(json!({ "data": ids }).to_string()));
        assert_try_again(world.post("/").send().await.unwrap()).await;
        world.delivered().await;
        assert!(world.inngest.dispatches().is_empty());
        // The engine knows nothing of the run that the fault has made up, and is told of its end.
        let violations = world.inngest.violations();
        assert!(
            violations.iter().all(|violation| violation.kind == ViolationKind::UnknownRun),
            "{violations:?}"
        );
    }
}

// ===== Stored values =====

/// What `GET …/actions` answers for the run of [`nap`] when its step has this value.
fn memo(value: &str) -> String {
    format!(r#"{{"{}":{value},"{}":null}}"#, StepHash::of("text"), StepHash::of("pause"))
}

#[inngest::api_fn(id = "bad-input-recall")]
async fn recall(step: Step) -> String {
    let text = step.run("text", async { Ok::<String, inngest::Failure>("stored".to_owned()) }).await;
    step.sleep("pause", PAUSE).await;
    match text {
        Ok(text) => text,
        Err(error) => format!("{}: {}", error.name(), error),
    }
}

#[tokio::test]
async fn a_stored_value_that_does_not_fit_the_steps_type_any_more_is_an_error_naming_both() {
    for value in [r#"{"data":42}"#, r#"{"data":null}"#, r#"{"data":{"text":"x"}}"#, "[]", "null", r#""text""#]
    {
        let world = World::of(Router::new().route("/", get(recall))).await;
        world.inngest.inject(InjectedFault::on(Call::Actions).body(memo(value)));
        let response = world.get("/").send().await.unwrap();
        let output = world.follow(response).await.text().await.unwrap();
        assert!(output.contains("`text`") && output.contains("alloc::string::String"), "{value}: {output}");
        assert_eq!(world.ended().await.status, RunStatus::Completed);
        world.assert_clean();
    }
}

// ===== Ids =====

#[inngest::api_fn(id = "bad-input-step-ids")]
async fn step_ids(step: Step, id: String) -> String {
    match step.run(id, async { Ok(()) }).await {
        Ok(()) => "it ran".to_owned(),
        Err(error) => {
            step.run("afterwards", async { Ok(()) }).await.unwrap();
            error.message().to_owned()
        }
    }
}

#[tokio::test]
async fn a_step_id_that_is_none_is_an_error_that_the_handler_can_catch() {
    let long = "x".repeat(1_025);
    for (id, problem) in
        [("", "is empty"), (&long, "1025 bytes"), ("complete", "reserved"), ("stephttp:remember", "reserved")]
    {
        let world = World::of(Router::new().route("/", post(step_ids))).await;
        let response = world.post("/").body(id.to_owned()).send().await.unwrap();
        let text = response.text().await.unwrap();
        assert!(text.contains(problem), "{id}: {text}");
        let run = world.ended().await;
        let steps: Vec<&str> = run.steps.iter().map(|step| step.id.as_str()).collect();
        assert_eq!(steps, ["afterwards"]);
        world.assert_clean();
    }
}

#[tokio::test]
async fn the_longest_id_and_any_text_are_ids() {
    for id in ["x".repeat(1_024), "\u{1f980}\n\"\\\u{0}".to_owned(), "complete:1".to_owned(), " ".to_owned()]
    {
        let world = World::of(Router::new().route("/", post(step_ids))).await;
        assert_eq!(world.post("/").body(id.clone()).send().await.unwrap().text().await.unwrap(), "it ran");
        assert_eq!(world.ended().await.steps[0].id, id);
        world.assert_clean();
    }
}

#[inngest::api_fn(id = "bad-input-sleep-ids")]
async fn sleep_ids(State(stage): State<Stage>, step: Step, id: String) -> Result<(), StepError> {
    step.run("before", async { Ok(()) }).await?;
    step.sleep(id, PAUSE).await;
    stage.effects.happen("went on");
    Ok(())
}

/// A sleep cannot fail, so its misuse ends the run.
#[tokio::test]
async fn a_sleep_with_an_id_that_is_none_ends_the_run_with_a_500_and_the_log_says_where() {
    let logs = Logs::collect();
    let long = "y".repeat(1_025);
    for (id, problem) in [("", "is empty"), (&long, "1025 bytes"), ("complete", "reserved")] {
        let stage = Stage::new();
        let world = World::of(stage.app(post(sleep_ids))).await;
        let response = world.post("/").body(id.to_owned()).send().await.unwrap();
        assert_misuse_told(response).await;
        let run = world.ended().await;
        assert_eq!((run.status, run.response.unwrap().status), (RunStatus::Failed, 500));
        logs.assert_line_with(&["ERROR", &run.id, problem, file!()]);
        assert_eq!(stage.effects.all(), [] as [&str; 0]);
        world.assert_clean();
    }
}

async fn assert_misuse_told(response: Response) {
    assert_eq!(response.status(), 500);
    let answer: Value = response.json().await.unwrap();
    let fault = answer["error"].as_str().unwrap();
    assert!(
        fault.contains("366") || fault.contains("id"),
        "the client and the run's page are told what is wrong: {answer}"
    );
}

#[inngest::api_fn(id = "bad-input-long-sleep")]
async fn long_sleep(State(stage): State<Stage>, step: Step, days: String) -> Result<&'static str, StepError> {
    if stage.effects.count("in a re-entry") > 0 {
        step.sleep("first", PAUSE).await;
    }
    step.run("before", async { Ok(()) }).await?;
    step.sleep("bad-input-long", Duration::from_secs(86_400 * days.parse::<u64>().unwrap())).await;
    Ok("slept")
}

#[tokio::test]
async fn a_sleep_over_366_days_ends_the_run_with_a_500_and_the_log_names_it() {
    let logs = Logs::collect();
    let world = World::of(Stage::new().app(post(long_sleep))).await;
    assert_misuse_told(world.post("/").body("367").send().await.unwrap()).await;
    let run = world.ended().await;
    assert_eq!(run.status, RunStatus::Failed);
    logs.assert_line_with(&["ERROR", &run.id, "`bad-input-long`", "367 days", "366"]);
    world.assert_clean();

    // Inngest would retry an answer with such a sleep again and again.
    let stage = Stage::new();
    stage.effects.happen("in a re-entry");
    let world = World::of(stage.app(post(long_sleep))).await;
    let response = world.post("/").body("400").send().await.unwrap();
    assert_misuse_told(world.follow(response).await).await;
    let run = world.ended().await;
    assert_eq!(run.status, RunStatus::Failed);
    assert_eq!(world.inngest.dispatches().len(), 1);
    logs.assert_line_with(&["ERROR", &run.id, "`bad-input-long`", "400 days"]);
    world.assert_clean();
}

#[tokio::test]
async fn a_sleep_of_366_days_is_slept() {
    let world = World::of(Stage::new().app(post(long_sleep))).await;
    let response = world.post("/").body("366").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "slept");
    world.ended().await;
    world.assert_clean();
}
