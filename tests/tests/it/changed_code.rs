//! Code that changes while runs are in flight.

use std::time::Duration;

use axum::Router;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::routing::post;
use inngest::middleware::Encryption;
use inngest::{Provider, Remember, SetupOpts, Step, StepError};
use serde::{Deserialize, Serialize};
use stephttp_tests::{Logs, Stage, World};

#[inngest::api_fn(id = "changed-code-removed")]
async fn loses_a_step(State(stage): State<Stage>, step: Step) -> Result<&'static str, StepError> {
    if stage.effects.happen("began") == 1 {
        step.run("old", async { Ok(stage.effects.happen("old")) }).await?;
    }
    step.sleep("one", Duration::from_secs(60)).await;
    step.sleep("two", Duration::from_secs(60)).await;
    Ok("done")
}

#[tokio::test]
async fn a_finished_step_that_the_handler_does_not_come_to_is_logged_once() {
    let logs = Logs::collect();
    let stage = Stage::new();
    let world = World::of(stage.app(post(loses_a_step))).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "done");
    let run = world.ended().await;
    let logged = logs.lines_with(&["WARN", &run.id, "did not come to", "count=1"]);
    assert_eq!(logged.len(), 1, "{logged:?}");
    world.assert_clean();
}

#[inngest::api_fn(id = "changed-code-renamed")]
async fn renames_a_step(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    const CHARGE_CARD: &str = "charge-card";
    let charges = |name: &'static str| {
        let stage = stage.clone();
        async move { Ok::<_, inngest::Failure>(format!("{name} {}", stage.effects.happen(name))) }
    };
    let mut charged = Vec::new();
    let is_old = stage.effects.happen("began") == 1;
    for _ in 0..2 {
        charged.push(if is_old {
            step.run("charge", charges("old")).await?
        } else {
            step.run(CHARGE_CARD, charges("new")).renamed_from("charge").await?
        });
    }
    step.sleep("pause", Duration::from_secs(60)).await;
    // There was no third under the old id.
    if !is_old {
        charged.push(step.run(CHARGE_CARD, charges("new")).renamed_from("charge").await?);
    }
    Ok(charged.join(", "))
}

#[tokio::test]
async fn a_renamed_step_finds_what_it_came_to_under_its_old_id() {
    let logs = Logs::collect();
    let stage = Stage::new();
    let world = World::of(stage.app(post(renames_a_step))).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "old 1, old 2, new 1");
    let run = world.ended().await;
    assert!(logs.lines_with(&["WARN", &run.id, "did not come to"]).is_empty());
    world.assert_clean();
}

#[inngest::api_fn(id = "changed-code-gone", retries = 1)]
async fn loses_a_claimed_step(State(stage): State<Stage>, step: Step) -> Result<&'static str, StepError> {
    let branch = async |name: &str, seconds| {
        step.sleep(name, Duration::from_secs(seconds)).await;
        if stage.effects.happen(name) == 1 {
            step.run(format!("after {name}"), async { Ok(stage.effects.happen("after")) }).await?;
        }
        Ok::<_, StepError>(())
    };
    tokio::try_join!(branch("a", 10), branch("b", 20))?;
    Ok("done")
}

/// A step that one request comes to, and no other does, holds none of them.
#[tokio::test]
async fn a_step_that_is_gone_does_not_hold_the_run() {
    let stage = Stage::new();
    let world = World::builder()
        .opts(|opts, url| opts.dev_server(url).replay_patience(Duration::from_millis(20)))
        .start(stage.app(post(loses_a_claimed_step)))
        .await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "done");
    assert_eq!(stage.effects.count("after"), 2, "once for each branch");
}

#[inngest::api_fn(id = "changed-code-both")]
async fn has_old_and_new(step: Step) -> Result<String, StepError> {
    let old = step.run("price", async { Ok("old".to_owned()) }).await?;
    step.sleep("pause", Duration::from_secs(60)).await;
    let new = step.run("new-price", async { Ok("new".to_owned()) }).renamed_from("price").await?;
    Ok(format!("{old} {new}"))
}

#[tokio::test]
async fn a_step_does_not_take_what_another_step_of_the_handler_came_to() {
    let world = World::of(Router::new().route("/", post(has_old_and_new))).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "old new");
}

const DAY: Duration = Duration::from_secs(86_400);

/// Its steps make sense in the first request alone.
#[inngest::api_fn(id = "changed-code-nonsense")]
async fn makes_sense_at_first(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    let is_first = stage.effects.happen("began") == 1;
    let (days, name) = if is_first { (1, "shop/paid") } else { (400, "") };
    let paid = step.wait_for_event::<()>("paid", "shop/paid").timeout(days * DAY);
    let named = step.wait_for_event::<()>("named", name).timeout(DAY);
    let (paid, named) = tokio::join!(paid, named);
    let new = step.wait_for_event::<()>("new", name).await.unwrap_err();
    Ok(format!("{} {} {}", paid?.is_some(), named?.is_some(), new.name()))
}

#[tokio::test]
async fn what_is_stored_of_a_wait_counts_whatever_its_arguments_say_now() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(makes_sense_at_first))).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "false false InvalidEventName");
    world.assert_clean();
}

/// Begins in one version of the program, and is finished by another.
#[inngest::api_fn(id = "changed-code-versions")]
async fn tells_its_version(step: Step, Remember(asked): Remember<Asked>) -> Result<String, StepError> {
    let began = step.version().unwrap_or("none").to_owned();
    let first = step.run("first", async { Ok(began.clone()) }).await?;
    step.sleep("pause", Duration::from_secs(60)).await;
    step.sleep("more", Duration::from_secs(60)).await;
    Ok(format!("{} {first} {}", asked.0, step.version().unwrap_or("none")))
}

#[derive(Serialize, Deserialize)]
struct Asked(String);

impl<S: Sync> FromRequestParts<S> for Asked {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(parts.uri.query().unwrap_or_default().to_owned()))
    }
}

#[tokio::test]
async fn a_run_keeps_the_version_in_which_it_began() {
    let began_and_told =
        [(Some("1"), "q 1 1"), (None, "q none none"), (Some("a \"b\" \u{2713}"), "q a \"b\" ✓ a \"b\" ✓")];
    for sealed in [false, true] {
        for (began, told) in began_and_told {
            let seals = move |opts: SetupOpts| {
                let key = "0123456789abcdef0123456789abcdef";
                if sealed {
                    opts.middleware(Encryption::new(key).unwrap()).stream_in_clear(true)
                } else {
                    opts
                }
            };
            let app = |inngest: &Provider| {
                Router::new().route("/", post(tells_its_version)).merge(inngest.output_route())
            };
            // The next version, which finishes what the former has begun.
            let next = World::builder().opts(move |opts, url| seals(opts.dev_server(url)).version("2"));
            let next = next.start_with(app).await;
            let engine = next.inngest.url().to_owned();
            let origin = next.origin.clone();
            let former = World::builder().opts(move |opts, _| {
                let opts = seals(opts.dev_server(engine).dev_origin(origin));
                if let Some(version) = began { opts.version(version) } else { opts }
            });
            let former = former.start_with(app).await;
            let response = former.post("/?q").send().await.unwrap();
            let output = response.headers()["location"].to_str().unwrap().to_owned();
            let output = former.get(&output).send().await.unwrap();
            assert_eq!(output.text().await.unwrap(), told, "{began:?} {sealed}");
            former.delivered().await;
            let run = next.ended().await;
            let hidden = run.steps.iter().filter(|step| step.id.starts_with("stephttp:")).count();
            assert_eq!(hidden, 1, "one step holds all that is remembered: {:?}", run.steps);
            next.assert_clean();
        }
    }
}

#[tokio::test]
async fn a_version_that_makes_no_sense_is_refused() {
    let long = "9".repeat(129);
    for (version, says) in
        [("", "is empty"), ("1.0\n", "holds a control character"), (long.as_str(), "has over 128 characters")]
    {
        let error = Provider::setup(SetupOpts::new("http://127.0.0.1:1").dev(true).version(version));
        let error = error.expect_err("a version that makes no sense").to_string();
        assert!(error.starts_with("SetupOpts::version ") && error.contains(says), "{error}");
    }
    Provider::setup(SetupOpts::new("http://127.0.0.1:1").dev(true).version("9".repeat(128))).unwrap();
}
