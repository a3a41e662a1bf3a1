//! A process that is frozen when its response has ended, as AWS Lambda does it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use inngest::function::Deliver;
use inngest::middleware::{Execution, Middleware, StoredResponse};
use inngest::{Failure, Provider, SetupOpts, Step, StepError};
use stephttp_dev::{DevServer, RunStatus};
use stephttp_tests::RawClient;
use tokio::net::TcpListener;
use tokio::time::Instant;

const ENGINE: &str = "STEPHTTP_FROZEN_ENGINE";
const FIRST: &str = "STEPHTTP_FROZEN_DELIVERS_FIRST";

/// What a run's report takes in the process itself: longer than it takes to freeze it.
const REPORTING: Duration = Duration::from_secs(1);

struct Slow;

impl Middleware for Slow {
    async fn transform_response_body(
        &self,
        _: &Execution,
        _: &StoredResponse,
        body: Bytes,
    ) -> Result<Bytes, Failure> {
        tokio::time::sleep(REPORTING).await;
        Ok(body)
    }
}

#[inngest::api_fn(id = "frozen")]
async fn hello(step: Step) -> Result<String, StepError> {
    step.run("name", async { Ok("the last byte".to_owned()) }).await
}

/// The app, in a process of its own; no test unless it is that process.
#[tokio::test]
async fn serves() {
    let Ok(engine) = std::env::var(ENGINE) else { return };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let mut opts = SetupOpts::new(&origin).dev_server(engine).delivery_wait(Duration::from_secs(60));
    if std::env::var(FIRST).is_ok() {
        opts = opts.deliver(Deliver::BeforeResponseEnds);
    }
    let inngest = Provider::setup(opts.middleware(Slow)).unwrap();
    println!("listens at {origin} .");
    axum::serve(listener, Router::new().route("/", get(hello)).layer(inngest.layer())).await.unwrap();
}

struct App {
    process: Child,
    origin: String,
}

impl App {
    /// This test binary, as the app.
    fn start(engine: &DevServer, deliver: Deliver) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "options::frozen::serves", "--nocapture"]);
        command.env(ENGINE, engine.url()).stdout(Stdio::piped());
        if deliver == Deliver::BeforeResponseEnds {
            command.env(FIRST, "1");
        }
        let mut process = command.spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut origins =
            lines.filter_map(|line| Some(line.split_once("listens at ")?.1.split_once(' ')?.0.to_owned()));
        let origin = origins.next().expect("the app says where it listens");
        Self { process, origin }
    }

    fn signal(&self, signal: &str) {
        let done = Command::new("kill").args([signal, &self.process.id().to_string()]).status().unwrap();
        assert!(done.success());
    }

    /// Reads a response to its last byte, and freezes the app. How long that took.
    async fn freeze_at_the_last_byte(&self) -> Duration {
        let mut client = RawClient::connect(&self.origin).await;
        client.send("GET / HTTP/1.1\r\nhost: app\r\n\r\n").await;
        client.read_until("the last byte").await;
        let read = Instant::now();
        self.signal("-STOP");
        read.elapsed()
    }
}

impl Drop for App {
    fn drop(&mut self) {
        // A frozen process, too, can be killed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn a_run_is_there_when_its_process_is_frozen_at_the_last_byte() {
    for _ in 0..5 {
        let engine = DevServer::start().await.unwrap();
        let app = App::start(&engine, Deliver::BeforeResponseEnds);
        app.freeze_at_the_last_byte().await;
        let runs = engine.runs();
        let run = runs.first().expect("Inngest has the run");
        assert_eq!((run.status, run.output.as_str()), (RunStatus::Completed, "the last byte"));
        assert!(run.step("name").is_some());
        drop(app);
        engine.assert_no_violations();
    }
}

/// What the option is for: without it the run waits in the frozen process.
#[tokio::test]
async fn otherwise_the_run_is_as_frozen_as_its_process() {
    let engine = DevServer::start().await.unwrap();
    let app = App::start(&engine, Deliver::AfterResponse);
    // A machine that is too busy to freeze it in time shows nothing.
    if app.freeze_at_the_last_byte().await < REPORTING {
        tokio::time::sleep(REPORTING).await;
        assert!(engine.runs().is_empty());
    }
    app.signal("-CONT");
    let run = engine.wait_for_run().await;
    assert_eq!(engine.wait_for_end(&run.id).await.status, RunStatus::Completed);
}
