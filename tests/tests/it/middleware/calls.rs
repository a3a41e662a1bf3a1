//! What middlewares have to do with calls to Inngest: headers, outcomes, and that they cannot keep
//! them from being made.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue};
use axum::routing::post;
use inngest::client::ApiError;
use inngest::middleware::{CheckpointContext, Execution, Middleware};
use inngest::{Failure, SetupOpts, Step, StepError};
use stephttp_dev::{Call, InjectedFault, RunStatus};
use stephttp_tests::{Effects, Logs, Stage, World};

const PAUSE: Duration = Duration::from_secs(86_400);

#[inngest::api_fn(id = "middleware-calls")]
async fn handler(step: Step) -> Result<&'static str, StepError> {
    step.run("a", async { Ok::<_, Failure>(()) }).await?;
    step.sleep("pause", PAUSE).await;
    step.send_signal("tell", "nobody", 1).await?;
    Ok("done")
}

/// Notes what it is told, under a name that it adds to each call.
struct Witness {
    name: &'static str,
    seen: Effects,
}

impl Middleware for Witness {
    async fn after_checkpoint(&self, checkpoint: &CheckpointContext, outcome: Result<(), &ApiError>) {
        let (call, operations, attempts) =
            (checkpoint.call(), checkpoint.operations(), checkpoint.attempts());
        let function = checkpoint.execution().function_id().unwrap_or_default();
        let status = outcome.map_err(ApiError::status);
        self.seen.happen(format!("{}: {function} {call:?} {operations} {attempts} {status:?}", self.name));
    }

    fn api_headers(&self, execution: &Execution, headers: &mut HeaderMap) {
        headers.append("x-seen-by", HeaderValue::from_static(self.name));
        headers.insert("x-run", execution.run_id().to_string().parse().unwrap());
        headers.insert("accept", HeaderValue::from_static("application/json"));
        for own in
            ["authorization", "content-type", "x-inngest-sdk", "content-length", "host", "transfer-encoding"]
        {
            headers.insert(own, HeaderValue::from_static("999"));
        }
    }
}

#[tokio::test]
async fn they_add_headers_to_every_call_and_are_told_how_checkpoints_end() {
    let seen = Effects::new();
    let [outer, inner] = ["outer", "inner"].map(|name| Witness { name, seen: seen.clone() });
    let key = "abcdef0123456789";
    let world = World::builder()
        .inngest(|inngest| inngest.signing_key(key))
        .opts(move |opts: SetupOpts, url: &str| {
            opts.dev(false).signing_key(key).base_url(url).middleware(outer).middleware(inner)
        })
        .start(Stage::new().app(post(handler)))
        .await;
    world.inngest.inject(InjectedFault::on(Call::NewRun).respond(503));
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "done");
    let run = world.ended().await;
    let told = |call: &str| ["inner", "outer"].map(|name| format!("{name}: middleware-calls {call}"));
    assert_eq!(
        seen.all(),
        [
            told("NewRun 2 1 Err(Some(503))"),
            told("NewRun 0 1 Ok(())"),
            told("Steps 2 1 Ok(())"),
            told("Async 1 1 Ok(())")
        ]
        .concat()
    );
    let calls = [Call::NewRun, Call::Async, Call::Signals].map(|kind| world.inngest.calls_of(kind));
    assert_eq!(calls.each_ref().map(Vec::len), [2, 1, 1]);
    for call in calls.iter().flatten() {
        let names: Vec<_> = call.headers.get_all("x-seen-by").iter().collect();
        assert_eq!(names, ["inner", "outer"]);
        assert_eq!(call.headers["x-run"], *run.id);
        assert_eq!(call.headers.get_all("accept").iter().collect::<Vec<_>>(), ["application/json"]);
        for own in ["authorization", "content-type", "x-inngest-sdk", "content-length", "host"] {
            assert_ne!(call.headers[own], "999", "{own}");
        }
        assert!(!call.headers.contains_key("transfer-encoding"));
    }
    world.assert_clean();
}

/// Panics at one place.
struct Panicking(&'static str);

impl Middleware for Panicking {
    fn checkpoint_span(&self, _: &CheckpointContext) -> Option<tracing::Span> {
        assert_ne!(self.0, "checkpoint_span");
        None
    }

    async fn after_checkpoint(&self, _: &CheckpointContext, _: Result<(), &ApiError>) {
        assert_ne!(self.0, "after_checkpoint");
    }

    fn api_headers(&self, _: &Execution, _: &mut HeaderMap) {
        assert_ne!(self.0, "api_headers");
    }
}

/// Counts the calls that it is told of.
#[derive(Clone, Default)]
struct Told(Arc<AtomicUsize>);

impl Middleware for Told {
    async fn after_checkpoint(&self, _: &CheckpointContext, _: Result<(), &ApiError>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[inngest::api_fn(id = "middleware-calls-panicking")]
async fn sleeps(step: Step) -> Result<&'static str, StepError> {
    step.run("a", async { Ok::<_, Failure>(()) }).await?;
    step.sleep("pause", PAUSE).await;
    step.run("b", async { Ok::<_, Failure>(()) }).await?;
    Ok("done")
}

#[tokio::test]
async fn one_that_panics_around_a_checkpoint_does_not_lose_it_and_others_are_told_of_it() {
    for place in ["checkpoint_span", "after_checkpoint", "api_headers"] {
        let (logs, told) = (Logs::collect(), Told::default());
        let outer = told.clone();
        let world = World::builder()
            .opts(move |opts: SetupOpts, url: &str| {
                opts.dev_server(url).middleware(outer.clone()).middleware(Panicking(place))
            })
            .start(Stage::new().app(post(sleeps)))
            .await;
        let response = world.post("/").send().await.unwrap();
        assert_eq!(world.follow(response).await.text().await.unwrap(), "done");
        let run = world.ended().await;
        assert_eq!(run.status, RunStatus::Completed, "{place}");
        logs.assert_line_with(&["ERROR", &run.id, "around a checkpoint: a middleware panicked"]);
        assert_ne!(told.0.load(Ordering::Relaxed), 0, "{place}");
        world.assert_clean();
    }
}
