//! Keys that change while runs are under way.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use inngest::middleware::Encryption;
use inngest::{Step, StepError};
use stephttp_dev::{RunStatus, RunView};
use stephttp_tests::{Logs, Stage};

use super::deployments::{Deployments, RETRY};
use super::opened;

const PAUSE: Duration = Duration::from_secs(60);

#[inngest::api_fn(id = "encryption-rotates", retries = 3)]
async fn two_steps(State(stage): State<Stage>, step: Step, body: String) -> Result<String, StepError> {
    let before = step.run("before", async { Ok(stage.effects.happen("before")) }).await?;
    step.sleep("pause", PAUSE).await;
    let after = step.run("after", async { Ok(stage.effects.happen("after")) }).await?;
    Ok(format!("{before} {after} {body}"))
}

fn key(key: &str) -> Encryption {
    Encryption::new(key).unwrap()
}

fn keys(first: &str, fallback: &str) -> Encryption {
    key(first).fallback_decryption_key(fallback).unwrap()
}

struct Scene {
    deployments: Deployments,
    stage: Stage,
    output: String,
    run_id: String,
}

impl Scene {
    /// A run that sleeps.
    async fn sleeping(encryption: Option<Encryption>, body: &'static str) -> Self {
        let (stage, mut deployments) = (Stage::new(), Deployments::new().await);
        deployments.deploy(app(&stage), encryption).await;
        let output = deployments.begin(body).await;
        let run_id = deployments.inngest.wait_for_run().await.id;
        Self { deployments, stage, output, run_id }
    }

    async fn deploy(&mut self, encryption: Option<Encryption>) {
        self.deployments.deploy(app(&self.stage), encryption).await;
    }

    /// The run, after so much time; with the body of its response as it is stored.
    async fn after(&self, time: Duration) -> (RunView, String) {
        self.deployments.inngest.advance(time).await;
        let run = self.deployments.inngest.wait_for_end(&self.run_id).await;
        assert_eq!(run.status, RunStatus::Completed);
        self.deployments.delivered().await;
        assert_eq!((self.stage.effects.count("before"), self.stage.effects.count("after")), (1, 1));
        self.deployments.inngest.assert_no_violations();
        (run, reqwest::get(&self.output).await.unwrap().text().await.unwrap())
    }
}

fn app(stage: &Stage) -> Router {
    stage.app(post(two_steps))
}

#[tokio::test]
async fn a_key_changes_while_a_run_sleeps() {
    let mut scene = Scene::sleeping(Some(keys("current", "new")), "body").await;
    scene.deploy(Some(keys("new", "current"))).await;
    let (run, output) = scene.after(PAUSE).await;
    assert_eq!(opened(&key("current"), &run, "before").unwrap(), 1);
    assert!(opened(&key("new"), &run, "before").is_err());
    assert_eq!(opened(&key("new"), &run, "after").unwrap(), 1);
    assert_eq!(*key("new").open_body(output.as_bytes()).unwrap(), *b"1 1 body");
}

/// The step has ended well, and would fail for good if the missing key were its failure.
#[tokio::test]
async fn a_run_whose_key_is_missing_waits_for_a_deployment_that_has_it() {
    // With a body it is that which cannot be opened, before the handler is called; without, the
    // step's output.
    for (body, what) in [("body", "of the request cannot be restored"), ("", "`before` cannot be restored")] {
        let logs = Logs::collect();
        let mut scene = Scene::sleeping(Some(key("current")), body).await;
        // A run of its own, by which this process knows how many retries the function has.
        let other = Stage::new();
        scene.deployments.deploy(app(&other), Some(key("a wrong one"))).await;
        scene.deployments.begin("other").await;
        scene.deployments.inngest.advance(PAUSE).await;
        assert_eq!(other.effects.all(), ["before", "after"]);

        let dispatches = scene.deployments.inngest.dispatches();
        let refused = dispatches.iter().find(|dispatch| dispatch.run_id == scene.run_id).unwrap();
        assert_eq!(refused.status.unwrap(), 500);
        assert_eq!(refused.response_headers["x-inngest-no-retry"], "false");
        let run = scene.deployments.inngest.run(&scene.run_id).unwrap();
        assert_eq!(run.status, RunStatus::Running);
        logs.assert_line_with(&["ERROR", &run.id, what, "`Encryption::fallback_decryption_key`"]);

        scene.deploy(Some(keys("new", "current"))).await;
        let (_, output) = scene.after(RETRY).await;
        assert_eq!(*key("new").open_body(output.as_bytes()).unwrap(), *format!("1 1 {body}").as_bytes());
    }
}

#[tokio::test]
async fn encryption_begins_while_a_run_sleeps() {
    let mut scene = Scene::sleeping(None, "body").await;
    scene.deploy(Some(key("first"))).await;
    let (run, output) = scene.after(PAUSE).await;
    assert_eq!(run.step("before").unwrap().value.as_ref().unwrap(), 1);
    assert_eq!(opened(&key("first"), &run, "after").unwrap(), 1);
    assert_eq!(*key("first").open_body(output.as_bytes()).unwrap(), *b"1 1 body");
}

#[tokio::test]
async fn encryption_ends_while_a_run_sleeps() {
    let mut scene = Scene::sleeping(Some(key("last")), "body").await;
    scene.deploy(Some(key("last").decrypt_only())).await;
    let (run, output) = scene.after(PAUSE).await;
    assert_eq!(opened(&key("last"), &run, "before").unwrap(), 1);
    assert_eq!(run.step("after").unwrap().value.as_ref().unwrap(), 1);
    assert_eq!(output, "1 1 body");
}
