//! `deliver`: what middlewares do when Inngest has the run.

use std::time::Duration;

use axum::extract::State;
use axum::routing::get;
use inngest::client::ApiError;
use inngest::middleware::{CheckpointCall, CheckpointContext, DeliveryContext, Middleware};
use inngest::{Step, StepError};
use stephttp_dev::{Call, RunStatus};
use stephttp_tests::{Stage, World};

use super::deliver::request;

/// Longer than any test.
const PAUSE: Duration = Duration::from_secs(86_400);

/// Takes its time after a call, or else after the delivery.
struct Lingers {
    after: Option<CheckpointCall>,
    stage: Stage,
}

impl Middleware for Lingers {
    async fn after_checkpoint(&self, checkpoint: &CheckpointContext, _: Result<(), &ApiError>) {
        if self.after == Some(checkpoint.call()) {
            self.stage.door.pass().await;
        }
    }

    async fn after_delivery(&self, _: &DeliveryContext<'_>, _: Result<(), &str>) {
        if self.after.is_none() {
            self.stage.door.pass().await;
        }
    }
}

#[inngest::api_fn(id = "deliver-first-in-time", deliver = before_response_ends)]
async fn in_time(State(stage): State<Stage>, step: Step) -> Result<&'static str, StepError> {
    step.run("before", async { Ok(()) }).await?;
    stage.door.pass().await;
    Ok("one two")
}

#[tokio::test]
async fn nobody_waits_for_what_middlewares_do_when_inngest_has_the_run() {
    for (after, linger) in [
        (None, PAUSE),
        (Some(CheckpointCall::NewRun), PAUSE),
        // The run's end comes in a call of its own.
        (Some(CheckpointCall::Steps), Duration::ZERO),
    ] {
        let (stage, slow) = (Stage::new(), Stage::new());
        let lingers = Lingers { after, stage: slow.clone() };
        let world = World::builder().opts(move |opts, url| {
            opts.dev_server(url).delivery_wait(PAUSE).linger(linger).middleware(lingers)
        });
        let world = world.start(stage.app(get(in_time))).await;
        let client = request(&world, "GET /").await;
        if linger.is_zero() {
            world.inngest.wait_for_call(Call::NewRun, 1).await;
        }
        stage.door.open();
        assert!(client.read_to_end().await.ends_with("one two"));
        assert_eq!(world.inngest.runs()[0].status, RunStatus::Completed);
        assert_eq!(world.provider.in_flight(), 1, "{after:?}: the middleware is at work still");
        slow.door.open();
        world.delivered().await;
        assert_eq!(world.inngest.calls().len(), if linger.is_zero() { 2 } else { 1 });
        assert_eq!((world.provider.in_flight(), world.provider.backlog_bytes()), (0, 0));
        world.assert_clean();
    }
}
