//! Steps that are tried again fewer times than their function's others.

use std::time::Duration;

use axum::extract::State;
use axum::routing::{MethodRouter, post};
use inngest::{Event, Failure, Step, StepError};
use stephttp_dev::{Call, InjectedFault, RunStatus, StepStatus};
use stephttp_tests::{Stage, World};

const PAUSE: Duration = Duration::from_secs(1);

/// A step that fails whenever it is tried, and that is tried again once at most.
async fn fails(stage: &Stage, step: &Step, id: &'static str) -> &'static str {
    let attempt = async {
        stage.effects.happen(id);
        Err::<(), _>(Failure::new("as the test wants it"))
    };
    step.run(id, attempt).retries(1).await.map_or("failed", |()| "ended well")
}

#[inngest::api_fn(id = "fewer-first", retries = 3)]
async fn in_the_first_request(State(stage): State<Stage>, step: Step) -> &'static str {
    fails(&stage, &step, "one").await
}

#[inngest::api_fn(id = "fewer-reentry", retries = 3)]
async fn in_a_reentry(State(stage): State<Stage>, step: Step) -> &'static str {
    step.sleep("pause", PAUSE).await;
    fails(&stage, &step, "one").await
}

#[inngest::api_fn(id = "fewer-behind", retries = 3)]
async fn one_behind_the_other(State(stage): State<Stage>, step: Step) -> &'static str {
    // Uses up attempts of the job, which are none of the others'.
    let first = async {
        if stage.effects.happen("flaky") < 3 {
            return Err(Failure::new("as the test wants it"));
        }
        Ok(())
    };
    if step.run("flaky", first).await.is_err() {
        return "flaky failed";
    }
    fails(&stage, &step, "one").await;
    fails(&stage, &step, "two").await
}

#[inngest::api_fn(id = "fewer-beside-wait", retries = 3)]
async fn beside_a_wait(State(stage): State<Stage>, step: Step) -> &'static str {
    tokio::join!(fails(&stage, &step, "one"), step.sleep("long", Duration::from_secs(3_600))).0
}

#[inngest::api_fn(id = "fewer-beside-each-other", retries = 3)]
async fn beside_each_other(State(stage): State<Stage>, step: Step) -> &'static str {
    let branch = async |id| {
        step.sleep(format!("before {id}"), PAUSE).await;
        fails(&stage, &step, id).await
    };
    tokio::join!(fails(&stage, &step, "one"), branch("two"), branch("three")).2
}

#[inngest::api_fn(id = "fewer-delayed", retries = 3)]
async fn delayed(State(stage): State<Stage>, step: Step) -> &'static str {
    let attempt = async {
        stage.effects.happen("one");
        Err::<(), _>(Failure::retry_after(PAUSE, "as the test wants it"))
    };
    let failing = step.run("one", attempt).retries(1);
    tokio::join!(failing, step.sleep("long", Duration::from_secs(3_600)))
        .0
        .map_or("failed", |()| "ended well")
}

#[inngest::api_fn(id = "fewer-panic", retries = 3)]
async fn panics(State(stage): State<Stage>, step: Step) -> &'static str {
    step.sleep("pause", PAUSE).await;
    let attempt = async {
        stage.effects.happen("one");
        if stage.effects.count("one") > 0 {
            panic!("as the test wants it");
        }
        Ok::<_, Failure>(())
    };
    step.run("one", attempt).retries(1).await.map_or("failed", |()| "ended well")
}

#[tokio::test]
async fn a_step_runs_once_more_than_its_retries_wherever_it_runs() {
    let cases: [(&str, MethodRouter<Stage>, &[&str]); 7] = [
        ("first", post(in_the_first_request), &["one"]),
        ("re-entry", post(in_a_reentry), &["one"]),
        ("behind", post(one_behind_the_other), &["one", "two"]),
        ("beside a wait", post(beside_a_wait), &["one"]),
        ("beside each other", post(beside_each_other), &["one", "two", "three"]),
        ("delayed", post(delayed), &["one"]),
        ("panic", post(panics), &["one"]),
    ];
    for (name, route, steps) in cases {
        let stage = Stage::new();
        let world = World::of(stage.app(route)).await;
        let response = world.post("/").send().await.unwrap();
        assert_eq!(world.follow(response).await.text().await.unwrap(), "failed", "{name}");
        let run = world.ended().await;
        assert_eq!(run.status, RunStatus::Completed, "{name}");
        for step in steps {
            assert_eq!(stage.effects.count(step), 2, "{name}: {step}");
            assert_eq!(run.step(step).unwrap().status, StepStatus::Failed, "{name}: {step}");
        }
        world.assert_clean();
    }
}

#[inngest::api_fn(id = "fewer-none", retries = 3)]
async fn without_any(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    let attempt = async { Err::<(), _>(Failure::new(stage.effects.happen("one").to_string())) };
    let error = step.run("one", attempt).retries(0).await.unwrap_err();
    step.run("two", async { Ok(stage.effects.happen("two")) }).await?;
    Ok(error.to_string())
}

#[tokio::test]
async fn without_any_the_handler_gets_the_error_at_once() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(without_any))).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!((response.status().as_u16(), &*response.text().await.unwrap()), (200, "step `one` failed: 1"));
    assert_eq!(world.ended().await.status, RunStatus::Completed);
    assert_eq!(stage.effects.all(), ["one", "two"]);
    world.assert_clean();
}

#[inngest::api_fn(id = "fewer-more", retries = 1)]
async fn with_more(State(stage): State<Stage>, step: Step) -> &'static str {
    let retries = 9;
    let attempt = async {
        stage.effects.happen("one");
        Err::<(), _>(Failure::new("as the test wants it"))
    };
    step.run("one", attempt).retries(retries).await.map_or("failed", |()| "ended well")
}

#[tokio::test]
async fn of_a_steps_retries_and_its_functions_the_smaller_number_counts() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(with_more))).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "failed");
    assert_eq!(world.ended().await.status, RunStatus::Completed);
    assert_eq!(stage.effects.count("one"), 2);
    world.assert_clean();
}

#[inngest::api_fn(id = "fewer-sends", retries = 3)]
async fn sends(step: Step) -> String {
    let sent = step.send_event("send", Event::new("a", ())).retries(0).await;
    sent.map_or_else(|error| error.name().to_owned(), |_| "sent".to_owned())
}

#[tokio::test]
async fn steps_that_send_have_theirs_too() {
    let world = World::of(Stage::new().app(post(sends))).await;
    world.inngest.inject(InjectedFault::on(Call::Events).every().respond(503));
    let response = world.post("/").send().await.unwrap();
    assert_eq!((response.status().as_u16(), &*response.text().await.unwrap()), (200, "ApiError"));
    world.ended().await;
}
