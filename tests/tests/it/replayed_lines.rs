//! What a handler writes to the log between its steps, with `ReplayFilter` and without.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn};
use axum::routing::{MethodRouter, post};
use futures_util::future::join;
use inngest::middleware::{Encryption, Execution, Middleware};
use inngest::trace::ReplayFilter;
use inngest::{Failure, SetupOpts, Step, StepError};
use stephttp_tests::{Stage, World};
use tracing::field::{Field, Visit};
use tracing::instrument::WithSubscriber;
use tracing::{Dispatch, Event, Subscriber, info};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::prelude::*;

const PAUSE: Duration = Duration::from_secs(86_400);

/// The lines of a handler's, in their order.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn count(&self, line: &str) -> usize {
        self.all().iter().filter(|known| *known == line).count()
    }
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        struct Message(String);
        impl Visit for Message {
            fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
                if field.name() == "message" {
                    self.0 = format!("{value:?}");
                }
            }
        }
        let mut message = Message(String::new());
        event.record(&mut message);
        let is_own = event.metadata().target().starts_with("inngest");
        let line = if is_own { format!("SDK: {}", message.0) } else { message.0 };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }
}

/// What one run of a handler has written: with the filter, and without.
async fn written(route: MethodRouter<Stage>) -> [Lines; 2] {
    written_by(|stage| stage.app(route), |opts| opts).await
}

async fn written_by(
    app: impl FnOnce(&Stage) -> Router,
    opts: impl FnOnce(SetupOpts) -> SetupOpts + Send + 'static,
) -> [Lines; 2] {
    let [filtered, all] = [Lines::default(), Lines::default()];
    let of_test = tracing_subscriber::filter::filter_fn(|metadata| {
        metadata.target().starts_with("it::") || metadata.target().starts_with("inngest")
    });
    let subscriber = tracing_subscriber::registry()
        .with(filtered.clone().with_filter(ReplayFilter::new()))
        .with(all.clone())
        .with(of_test);
    let dispatch = Dispatch::new(subscriber);
    // The server's connections are tasks of other threads: each request takes the subscriber along.
    let of_request = dispatch.clone();
    let stage = Stage::new();
    let app = app(&stage);
    async {
        let world = World::builder()
            .opts(|setup: SetupOpts, url: &str| opts(setup.dev_server(url)))
            .start_with(|provider| {
                app.layer(provider.layer()).layer(from_fn(move |request: Request, next: Next| {
                    next.run(request).with_subscriber(of_request.clone())
                }))
            })
            .await;
        let response = world.post("/").send().await.unwrap();
        let response = world.follow(response).await;
        assert_eq!(response.status(), 200, "{:?}", response.text().await);
        world.ended().await;
        world.assert_clean();
    }
    .with_subscriber(dispatch)
    .await;
    [filtered, all]
}

#[inngest::api_fn(id = "lines-in-a-line")]
async fn in_a_line(State(stage): State<Stage>, step: Step) -> Result<(), StepError> {
    info!("begun");
    step.run("one", async {
        info!("one runs");
        Ok(())
    })
    .await?;
    info!("after one");
    step.run("two", async {
        info!("two runs");
        // The first time in the client's request, the second in a call back.
        if stage.effects.happen("two") < 3 {
            Err(Failure::from(std::io::Error::other("not yet")))
        } else {
            Ok(())
        }
    })
    .await?;
    info!("after two");
    step.sleep("pause", PAUSE).await;
    info!("after the pause");
    step.sleep("another pause", PAUSE).await;
    info!("after another pause");
    step.run("three", async {
        info!("three runs");
        Ok(())
    })
    .await?;
    info!("ends");
    Ok(())
}

#[tokio::test]
async fn between_steps_come_once_with_sleeps_and_steps_that_are_tried_again() {
    let [filtered, all] = written(post(in_a_line)).await;
    let of_handler: Vec<_> = filtered.all().into_iter().filter(|line| !line.starts_with("SDK: ")).collect();
    let expected = [
        "begun",
        "one runs",
        "after one",
        "two runs",
        "two runs",
        "two runs",
        "after two",
        "after the pause",
        "after another pause",
        "three runs",
        "ends",
    ];
    assert_eq!(of_handler, expected);
    // The client's request, two retries, what comes after their end, two pauses.
    assert_eq!([all.count("begun"), all.count("after one"), all.count("after two")], [6, 6, 3]);
    assert_eq!(
        [all.count("after the pause"), all.count("after another pause"), all.count("ends")],
        [2, 1, 1]
    );
}

#[tokio::test]
async fn of_the_sdk_come_whatever_is_replayed() {
    let [filtered, all] = written(post(in_a_line)).await;
    let own = |lines: &Lines| lines.all().into_iter().filter(|line| line.starts_with("SDK: ")).count();
    assert!(own(&all) > 3, "{:?}", all.all());
    assert_eq!(own(&filtered), own(&all));
}

#[inngest::api_fn(id = "lines-in-branches")]
async fn in_branches(step: Step) -> Result<(), StepError> {
    let left = async {
        info!("left begins");
        step.run("left one", async { Ok(()) }).await?;
        info!("left goes on");
        step.run("left two", async { Ok(()) }).await?;
        info!("left ends");
        Ok::<_, StepError>(())
    };
    let right = async {
        info!("right begins");
        step.run("right one", async { Ok(()) }).await?;
        info!("right goes on");
        step.run("right two", async { Ok(()) }).await?;
        info!("right ends");
        Ok::<_, StepError>(())
    };
    let (left, right) = join(left, right).await;
    left.and(right)?;
    info!("both have ended");
    step.sleep("pause", PAUSE).await;
    info!("after the pause");
    step.run("last", async { Ok(()) }).await
}

#[tokio::test]
async fn of_branches_that_run_steps_beside_each_other_come_once() {
    let [filtered, all] = written(post(in_branches)).await;
    let lines = [
        "left begins",
        "left goes on",
        "left ends",
        "right begins",
        "right goes on",
        "right ends",
        "both have ended",
    ];
    for line in lines {
        assert_eq!((filtered.count(line), all.count(line)), (1, 2), "{line}");
    }
    assert_eq!(filtered.count("after the pause"), 1);
}

#[inngest::api_fn(id = "lines-in-waiting-branches")]
async fn in_waiting_branches(step: Step) -> Result<(), StepError> {
    let branch = async |name: &'static str, days: u32| {
        step.sleep(format!("{name} pauses"), days * PAUSE).await;
        info!("{name} goes on");
        step.run(format!("{name} runs"), async { Ok(()) }).await?;
        info!("{name} ends");
        Ok::<_, StepError>(())
    };
    let (left, right) = join(branch("left", 1), branch("right", 2)).await;
    left.and(right)?;
    info!("both have ended");
    Ok(())
}

#[tokio::test]
async fn of_branches_that_wait_are_not_lost_and_come_less_often() {
    let [filtered, all] = written(post(in_waiting_branches)).await;
    for line in ["left goes on", "left ends", "right goes on", "right ends", "both have ended"] {
        assert!(filtered.count(line) > 0, "{line}");
    }
    assert_eq!((filtered.count("left goes on"), filtered.count("right goes on")), (1, 1));
    assert!(all.count("left goes on") > 1, "{:?}", all.all());
}

#[tokio::test]
async fn are_known_beside_encryption() {
    let key = Encryption::new("a key for a test").unwrap();
    let [filtered, _] =
        written_by(|stage| stage.app(post(in_a_line)), |opts| opts.middleware(key).stream_in_clear(true))
            .await;
    let of_handler = ["begun", "after one", "after two", "after the pause", "after another pause", "ends"];
    assert_eq!(of_handler.map(|line| filtered.count(line)), [1; 6]);
}

struct Talkative;

impl Middleware for Talkative {
    async fn before_execution(&self, execution: &Execution) {
        info!("an execution begins: {}", execution.is_first_request());
    }
}

#[tokio::test]
async fn of_layers_and_of_middlewares_come_with_each_request() {
    async fn log(request: Request, next: Next) -> axum::response::Response {
        info!("a request comes");
        next.run(request).await
    }
    let app = |stage: &Stage| stage.app(post(in_a_line)).layer(from_fn(log));
    let [filtered, all] = written_by(app, |opts| opts.middleware(Talkative)).await;
    for line in ["a request comes", "an execution begins: false"] {
        assert!(all.count(line) > 1, "{line}");
        assert_eq!(filtered.count(line), all.count(line), "{line}");
    }
}

async fn without_the_attribute(step: Step) -> Result<(), StepError> {
    info!("begun");
    step.run("one", async { Ok::<_, Failure>(()) }).await?;
    info!("after one");
    step.sleep("pause", PAUSE).await;
    info!("after the pause");
    Ok(())
}

#[tokio::test]
async fn of_a_handler_without_the_attribute_come_once() {
    let [filtered, all] = written(post(without_the_attribute)).await;
    let lines = ["begun", "after one", "after the pause"];
    assert_eq!(lines.map(|line| filtered.count(line)), [1, 1, 1]);
    assert_eq!(lines.map(|line| all.count(line)), [2, 2, 1]);
}

#[inngest::api_fn(id = "lines-of-changed-code")]
async fn changed(State(stage): State<Stage>, step: Step) -> Result<(), StepError> {
    info!("begun");
    // A version of the program that has this step, and then one that has not.
    if stage.effects.happen("request") == 1 {
        step.run("gone", async { Ok(()) }).await?;
    }
    step.sleep("one", PAUSE).await;
    info!("after one");
    step.sleep("two", PAUSE).await;
    info!("after two");
    Ok(())
}

#[tokio::test]
async fn of_a_run_that_has_lost_a_step_come_all_once_that_is_known() {
    let [filtered, _] = written(post(changed)).await;
    let lines = ["begun", "after one", "after two"];
    assert_eq!(lines.map(|line| filtered.count(line)), [2, 1, 1], "{:?}", filtered.all());
}
