//! What could be missed is told to Inngest before the step begins that may bring it about.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use inngest::{Failure, Step, StepError};
use serde_json::{Value, json};
use stephttp_dev::{Call, RunStatus};
use stephttp_tests::{Effects, Stage, World};
use tokio::sync::oneshot;

const HOUR: Duration = Duration::from_secs(3_600);

/// What the handlers need that cause something from inside of a step.
#[derive(Debug, Clone, Default)]
struct Causing {
    inngest: Arc<OnceLock<String>>,
    effects: Effects,
}

impl Causing {
    /// Inngest has it before the step returns.
    async fn causes(&self, path: &str, what: Value) -> Result<usize, Failure> {
        let url = format!("{}{path}", self.inngest.get().expect("it was set"));
        reqwest::Client::new().post(url).json(&what).send().await.map_err(Failure::new)?;
        Ok(self.effects.happen("caused"))
    }

    async fn event(&self) -> Result<usize, Failure> {
        self.causes("/e/key", json!({ "name": "shop/paid", "data": { "order": 7 } })).await
    }

    /// Nobody gets it who does not wait by now.
    async fn signal(&self) -> Result<usize, Failure> {
        self.causes("/v1/signals", json!({ "signal": "paid", "data": 7 })).await
    }
}

#[inngest::api_fn(id = "told-first-event")]
async fn event_beside(State(causing): State<Causing>, step: Step) -> Result<String, StepError> {
    let (caused, paid) = tokio::join!(
        step.run("charge", causing.event()),
        step.wait_for_event::<Value>("paid", "shop/paid").timeout(HOUR)
    );
    caused?;
    Ok(paid?.map_or("missed", |_| "received").to_owned())
}

#[inngest::api_fn(id = "told-first-event-later")]
async fn event_beside_in_a_reentry(State(causing): State<Causing>, step: Step) -> Result<String, StepError> {
    step.sleep("pause", Duration::from_secs(1)).await;
    let (paid, caused) = tokio::join!(
        step.wait_for_event::<Value>("paid", "shop/paid").timeout(HOUR),
        step.run("charge", causing.event())
    );
    caused?;
    Ok(paid?.map_or("missed", |_| "received").to_owned())
}

#[inngest::api_fn(id = "told-first-signal")]
async fn signal_beside(State(causing): State<Causing>, step: Step) -> Result<String, StepError> {
    let (caused, paid) = tokio::join!(
        step.run("charge", causing.signal()),
        step.wait_for_signal::<Value>("paid", "paid").timeout(HOUR)
    );
    caused?;
    Ok(paid?.map_or("missed", |_| "received").to_owned())
}

#[tokio::test]
async fn an_event_or_a_signal_that_a_step_causes_is_received_by_a_wait_beside_it() {
    for route in [post(event_beside), post(event_beside_in_a_reentry), post(signal_beside)] {
        let causing = Causing::default();
        let world = World::of(Router::new().route("/", route).with_state(causing.clone())).await;
        causing.inngest.set(world.inngest.url().to_owned()).unwrap();
        let response = world.post("/").send().await.unwrap();
        assert_eq!(world.follow(response).await.text().await.unwrap(), "received");
        assert_eq!(causing.effects.count("caused"), 1);
        assert_eq!(world.ended().await.status, RunStatus::Completed);
        world.assert_clean();
    }
}

#[inngest::api_fn(id = "told-first-sleep")]
async fn sleep_beside(State(stage): State<Stage>, step: Step) -> Result<&'static str, StepError> {
    let works = async {
        stage.door.pass().await;
        Ok::<_, Failure>(())
    };
    let (ran, ()) = tokio::join!(step.run("work", works), step.sleep("pause", Duration::from_secs(600)));
    ran?;
    Ok("done")
}

/// A sleep cannot be missed: it stays in the request, and counts from its first poll.
#[tokio::test]
async fn a_sleep_beside_a_step_lasts_as_long_as_it_says() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(sleep_beside))).await;
    let request = tokio::spawn(world.post("/").send());
    stage.door.reached(1).await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(480)).await;
    tokio::time::resume();
    stage.door.open();
    let response = request.await.unwrap().unwrap();
    let told = world.inngest.calls_of(Call::NewRun)[0].json()["steps"].clone();
    let sleep = told.as_array().unwrap().iter().find(|op| op["op"] == "Sleep").unwrap();
    let duration = sleep["opts"]["duration"].as_str().unwrap();
    let millis: u64 = duration.trim_end_matches("ms").parse().unwrap();
    assert!((110_000..=120_000).contains(&millis), "{duration}");
    assert_eq!(world.follow(response).await.text().await.unwrap(), "done");
    world.ended().await;
    world.assert_clean();
}

#[inngest::api_fn(id = "told-first-channel")]
async fn one_step_waits_for_another(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    tokio::join!(step.sleep("one", Duration::from_secs(1)), step.sleep("two", Duration::from_secs(1)));
    let (tell, told) = oneshot::channel();
    let tells = async {
        stage.effects.happen("tells");
        let _ = tell.send(7);
        Ok::<_, Failure>(())
    };
    let waits = async {
        stage.effects.happen("waits");
        told.await.map_err(Failure::new)
    };
    let (told, tells) = tokio::join!(step.run("waits", waits), step.run("tells", tells));
    tells?;
    Ok(told?.to_string())
}

/// Whoever wins steps runs all of them in one request.
#[tokio::test]
async fn a_step_may_wait_for_another_one_of_its_run_through_a_channel() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(one_step_waits_for_another))).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "7");
    assert_eq!((stage.effects.count("tells"), stage.effects.count("waits")), (1, 1));
    world.ended().await;
    world.assert_clean();
}
