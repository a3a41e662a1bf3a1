//! An in-process, Inngest-compatible dev engine for durable HTTP endpoints.
//!
//! It speaks the protocol of the open-source Inngest server over a real socket: an SDK cannot tell
//! the two apart. But it runs inside of a test, its time can be skipped or moved by hand, its calls
//! can be made to fail, and it notes every mistake of an SDK that the real server punishes
//! silently.
//!
//! # A test of an app
//!
//! [`TestApp`] starts all that such a test needs:
//!
//! ```
//! use std::time::Duration;
//!
//! use axum::{Router, routing::post};
//! use inngest::{Failure, Step, StepError};
//! use serde_json::json;
//! use stephttp_dev::TestApp;
//!
//! # async fn charge_card() -> Result<String, Failure> { Err(Failure::new("there is no bank")) }
//! #[inngest::api_fn(id = "orders", retries = 3)]
//! async fn order(step: Step) -> Result<String, StepError> {
//!     let charge = step.run("charge", charge_card()).await?;
//!     step.sleep("cool-off", Duration::from_secs(86_400)).await;
//!     step.run("ship", async move { Ok::<_, Failure>(format!("shipped for {charge}")) }).await
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let app = TestApp::new(Router::new().route("/orders", post(order))).await;
//! // The bank fails once, and then takes the card.
//! app.mock_with("charge", |attempt| match attempt {
//!     1 => Err(Failure::new("the bank does not answer")),
//!     _ => Ok(json!("ch_1")),
//! });
//!
//! // The client follows the redirect to the run's output; the day is skipped.
//! let response = app.post("/orders").send().await;
//! assert_eq!(response.text(), "shipped for ch_1");
//!
//! let run = response.run().await;
//! run.assert_completed();
//! run.assert_ran("charge", 2);
//! run.assert_ran_once("ship");
//! app.finish().await;
//! # }
//! ```
//!
//! The page `testing` of the SDK's guide has the recipes: events, deadlines, mocks, a process that
//! dies, snapshots.
//!
//! # An app without any SDK
//!
//! The engine by itself is a [`DevServer`]. Here it has one run that sleeps for a year, is called
//! back at once, and ends.
//!
//! ```
//! use axum::{Router, http::StatusCode, routing::post};
//! use stephttp_dev::{DevServer, RunStatus};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // What the app answers when Inngest calls it back.
//! let result = r#"{"op":"RunComplete","data":{"status":201,"headers":{},"body":"done"}}"#;
//! let headers = [("x-inngest-sdk", "example"), ("x-inngest-req-version", "2")];
//! let answer = move || async move { (StatusCode::PARTIAL_CONTENT, headers, result) };
//! let app = Router::new().route("/orders", post(answer));
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let domain = format!("http://{}", listener.local_addr()?);
//! tokio::spawn(async move { axum::serve(listener, app).await });
//!
//! // What the app reports while it handles its first request.
//! let server = DevServer::start().await?;
//! let run_id = "01M817NZCZ3BTTPY1FEX7T2M4B";
//! let report = serde_json::json!({
//!     "run_id": run_id,
//!     "event": {"name": "inngest/http.request",
//!               "data": {"domain": domain, "method": "POST", "path": "/orders", "body": ""}},
//!     "steps": [{"id": "a0f1490a20d0211c997b44bc357e1972deab8ae3", "op": "Sleep",
//!                "opts": {"duration": "365d"}, "userland": {"id": "s"}}],
//!     "request_version": 2, "retries": 3,
//! });
//! let url = format!("{}/v1/checkpoint", server.url());
//! reqwest::Client::new().post(url).body(report.to_string()).send().await?.error_for_status()?;
//!
//! let run = server.wait_for_end(run_id).await;
//! assert_eq!(run.status, RunStatus::Completed);
//! assert_eq!(run.response.map(|response| response.status), Some(201));
//! server.assert_no_violations();
//! # Ok(())
//! # }
//! ```
//!
//! # What is in it
//!
//! - [`TestApp`]: a test of a whole app, with its [requests](TestRequest),
//!   [responses](TestResponse) and [runs](TestRun)
//! - [`DevServer`]: starting and stopping; looking at [runs](RunView), [calls](ApiCall) and
//!   [re-entries](Dispatch); waiting for them without ever sleeping, and [not for
//!   ever](DevServerBuilder::patience)
//! - [`Clock`]: how time goes by
//! - [`DevServer::send_event`] and [`DevServer::send_signal`]: what comes from outside;
//!   [`DevServer::hold_time`], so that it comes before a wait is over
//! - [`DevServerBuilder::function`]: functions that steps invoke
//! - [`InjectedFault`] and [`Gate`]: what goes wrong on purpose
//! - [`Violation`]: what went wrong by an SDK's mistake
//! - [`DevServer::published`], [`DevServer::subscribers`] and [`DevServer::stream_url`]: what runs
//!   tell their clients while they go on, and who listens
//! - [`Notice`]: what happens, for people
//! - [`Sweep`]: an app's test, played with each thing going wrong at each place
//! - [`Replay`] and [`Recording`]: recorded runs, against the code of today
//! - [`DevServer::timeline`]: what happened in one run, in [lines](Timeline) or as a
//!   [picture](Timeline::svg)
//! - [its page](#the-page)
//!
//! # The page
//!
//! The server's [URL](DevServer::url), opened in a browser, shows runs as they happen, and
//! [`DevServer::run_url`] is the address of one run there: requests, steps with their attempts and
//! values, sleeps and waits on a time axis, and violations in words. By the page events and signals
//! are sent, runs are cancelled, re-entries are held, and a [manual clock](Clock::Manual) is moved.
//! Tests' servers have it, too: it costs nothing while nobody looks.
//! [`DevServerBuilder::page`] turns it off, and says who can see it.
//!
//! The page and what it asks for are below `/` and `/stephttp`, where Inngest has nothing. Its
//! requests are not among [`DevServer::calls`], and no fault strikes them.
//!
//! # As a program
//!
//! `stephttp-dev` serves at the port where SDKs look for a dev server, and prints what happens and
//! the address of its page. `stephttp-dev view --server URL RUN` tells what happened in a run of
//! any Inngest server, as far as that shows it, and `stephttp-dev record --server URL RUN` makes a
//! file of it for [replay tests](#replay-tests). `stephttp-dev --help` lists the options.
//!
//! # Replay tests
//!
//! A program changes while runs are in flight. [`DevServer::record`] and the command
//! `stephttp-dev record` make a file of a run; [`Replay`] drives the code of today against such
//! files, without running a step, and says what would be stranded. The page `versions` of the SDK's
//! guide has the whole.
//!
//! ```
//! use axum::{Router, routing::post};
//! use inngest::{Failure, Provider, SetupOpts, Step, StepError};
//! use stephttp_dev::{DevServer, Replay};
//!
//! #[inngest::api_fn(id = "greet")]
//! async fn greet(step: Step) -> Result<String, StepError> {
//!     step.run("name", async { Ok::<_, Failure>("Ada".to_owned()) }).await
//! }
//!
//! #[inngest::api_fn(id = "greet-today")]
//! async fn greet_today(step: Step) -> Result<String, StepError> {
//!     step.run("full-name", async { Ok::<_, Failure>("Ada Lovelace".to_owned()) }).await
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = DevServer::start().await?;
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let origin = format!("http://{}", listener.local_addr()?);
//! let inngest = Provider::setup(SetupOpts::new(&origin).dev_server(server.url()))?;
//! let app = Router::new().route("/greet", post(greet)).layer(inngest.layer());
//! tokio::spawn(axum::serve(listener, app).into_future());
//! reqwest::Client::new().post(format!("{origin}/greet")).send().await?;
//! let run = server.wait_for_run().await;
//! server.wait_for_end(&run.id).await;
//! let recording = server.record(&run.id)?;
//!
//! let today = |inngest: &Provider| {
//!     Router::new().route("/greet", post(greet_today)).layer(inngest.layer())
//! };
//! let report = Replay::of_recordings([recording]).app(today).check().await.unwrap_err();
//! assert!(report.to_string().contains("renamed_from(\"name\")"), "{report}");
//! # Ok(())
//! # }
//! ```
//!
//! # What it leaves out
//!
//! - Deferred functions (`DeferAdd`, `DeferAbort`) and the old `Step` operation.
//!   Operations of these kinds are refused, and noted as [`ViolationKind::UnsupportedOp`].
//! - Listening by WebSocket, and topics of the kind `event`: nothing is published to them. A stream
//!   of messages (`text/stream`) is taken as a whole.
//! - Functions that events trigger. Functions that steps invoke are stood in for by
//!   [`DevServerBuilder::function`]; an endpoint that the server has seen can be invoked as well,
//!   unlike at the real server, and that is noted as [`ViolationKind::InvokedEndpoint`].
//! - The server's own events: nobody can wait for `inngest/http.request` or
//!   `inngest/function.finished`.
//! - Some leniency of the real server's expressions: a missing key makes a condition fail, where
//!   the real server may take it as `null`.
//! - `Accept-Encoding` on re-entries and on calls to third parties.
//! - Delays that are only the real server's slowness (its queue takes some 100 ms for each
//!   re-entry, the output is looked for every 2 s).
//!
//! # Where it is kinder than the real server
//!
//! What the real server does only at times happens here when a test wants it, so that all other
//! tests are always the same:
//!
//! - The state of a run that is being ended is gone at once. At the real server it can be empty for
//!   a moment: a [`InjectedFault`] [of ended runs](InjectedFault::of_ended_runs) does that. The
//!   state of a run that goes on always loads, unless a fault lets `/actions` answer 410.
//! - Discoveries that are under way or due when a run ends come all the same, and their answers
//!   count. There are no more of them than that, unless [`DevServer::reenter_after_end`] asks for
//!   some.
//! - A retried step that runs for long is not dispatched again beside itself, unless
//!   [`DevServer::dispatch_beside`] does it. Nor does any re-entry come once more after its answer,
//!   unless [`DevServer::duplicate_dispatch`] says so.
//! - An output is there as soon as the run has ended, unless [`DevServer::empty_outputs`] says
//!   otherwise.
//! - `/async` is refused with 409 in the name of a dispatch that another has taken the place of.
//!   The real server looks at that only where it is told to.
//! - A skipping clock ends no subscription: at the real server one lasts for 15 minutes, which an
//!   app can see coming and this clock jumps over. [`DevServer::end_subscriptions`] ends them.
//!   Tokens do expire.
//! - Of a part of a stream whole events are forwarded where it can be, whatever a read gives.
//! - Steps' values keep the order of their fields. Their numbers become floats as they do there.
//! - Statuses and steps are shown at once and completely.
//! - `DELETE /v1/runs/{run}` cancels, which it does not at a self-hosted server.
//!
//! A late answer that ends a run as it has ended already, with the same status and the same output,
//! is no violation: the real server writes both once more, and nothing changes.
//!
//! An event whose id has been seen wakes nobody. The real server's ids only keep functions from
//! being triggered twice: a second event of one id wakes whoever waits by then. See
//! [`EventView::duplicate`].

// The modules stand in one order, in which each names only those above it (`tests/layers.rs` holds
// it):
//
// | Module | Question |
// |---|---|
// | `clock`, `fault`, `function`, `json`, `socket`, `sync`, `text`, `violation` | what do tests set, and what do all the others need? |
// | `inspect` | what is seen of runs, calls and dispatches? |
// | `remote` | what does an Inngest server elsewhere show? |
// | `recording` | what was stored of a run, and how did it stand after each step? |
// | `notice`, `timeline` | what has happened? |
// | `realtime` | what is published, and who listens? |
// | `engine` | what becomes of runs? |
// | `page` | what does the page show, and do? |
// | `api` | what is answered over HTTP? |
// | `server` | how do tests start it, look at it and steer it? |
// | `client`, `process` | how does an app that is tested run, and how is it asked? |
// | `kit` | how does a test of a whole app begin, ask and end? |
// | `sweep` | what does an app do when something goes wrong? |
// | `replay` | what does the app's code do with recorded runs? |
// | `options`, `record`, `view` | what does the command understand, and do by itself? |
mod api;
mod client;
mod clock;
mod engine;
mod fault;
mod function;
mod inspect;
mod json;
mod kit;
mod notice;
mod page;
mod process;
mod realtime;
mod recording;
mod remote;
mod replay;
mod server;
mod socket;
pub mod sweep;
mod sync;
mod text;
mod timeline;
mod violation;

pub use self::clock::Clock;
pub use self::fault::{Call, Gate, InjectedFault};
pub use self::inspect::{
    ApiCall, Dispatch, EventView, ResponseView, RunStatus, RunView, StepStatus, StepView,
};
pub use self::kit::{
    ResponseSnapshot, RunSnapshot, StepSnapshot, TestApp, TestAppBuilder, TestRequest, TestResponse, TestRun,
    TestStep,
};
pub use self::notice::{Notice, Notices};
pub use self::realtime::{PartState, PartView};
pub use self::recording::{
    RecordError, RecordedEnd, RecordedRequest, RecordedResponse, RecordedStep, Recording, Redaction,
};
pub use self::replay::{Replay, ReplayNote, ReplayProblem, ReplayReport, Replayed};
pub use self::server::{DevServer, DevServerBuilder};
pub use self::sweep::Sweep;
pub use self::timeline::{Timeline, UnreadableRun};
pub use self::violation::{Violation, ViolationKind};
