//! An in-process, Inngest-compatible dev engine for durable HTTP endpoints.
//!
//! It speaks the protocol of the open-source Inngest server over a real socket: an SDK cannot tell
//! the two apart. But it runs inside of a test, its time can be skipped or moved by hand, its calls
//! can be made to fail, and it notes every mistake of an SDK that the real server punishes
//! silently.
//!
//! # Example
//!
//! An app without any SDK: one run that sleeps for a year, is called back at once, and ends.
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
//! # An event before its timeout
//!
//! Time is skipped, so a wait for an event times out at once, unless time is held before the
//! request. The client follows the redirect to the run's output, which is there when the run has
//! ended: until then the client has to be a task.
//!
//! ```
//! use std::time::Duration;
//!
//! use axum::{Router, routing::post};
//! use inngest::{Provider, SetupOpts, Step, StepError};
//! use serde_json::{Value, json};
//! use stephttp_dev::DevServer;
//!
//! #[inngest::api_fn(id = "settle")]
//! async fn settle(step: Step) -> Result<&'static str, StepError> {
//!     let day = Duration::from_secs(86_400);
//!     let settled = step.wait_for_event::<Value>("settlement", "bank/settled").timeout(day).await?;
//!     Ok(if settled.is_some() { "settled" } else { "not within a day" })
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = DevServer::start().await?;
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let origin = format!("http://{}", listener.local_addr()?);
//! let inngest = Provider::setup(SetupOpts::new(&origin).dev_server(server.url()))?;
//! let app = Router::new().route("/settle", post(settle)).layer(inngest.layer());
//! tokio::spawn(axum::serve(listener, app).into_future());
//!
//! server.hold_time();
//! let request = reqwest::Client::new().post(format!("{origin}/settle"));
//! let client = tokio::spawn(async move { request.send().await?.text().await });
//! let run = server.wait_for_run().await;
//! server.wait_for_waiting(&run.id, "settlement").await;
//! server.send_event("bank/settled", json!({"cents": 990}));
//! server.release_time();
//!
//! assert_eq!(client.await??, "settled");
//! server.assert_no_violations();
//! # Ok(())
//! # }
//! ```
//!
//! To let a deadline pass instead, start the server by `DevServer::builder().clock(Clock::Manual)`
//! and [advance](DevServer::advance) its time. A run that sleeps *before* it waits needs that, too:
//! while time is held, its sleep does not end. The page `testing` of the SDK's guide has the
//! recipe.
//!
//! # What is in it
//!
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
//! the address of its page. `stephttp-dev view --server URL [--key-env NAME] [--svg FILE] RUN`
//! tells what happened in a run of any Inngest server, as far as that shows it. `stephttp-dev
//! --help` lists the options.
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
// | `clock`, `fault`, `function`, `json`, `violation` | what do tests set, and what do all the others need? |
// | `inspect` | what is seen of runs, calls and dispatches? |
// | `notice`, `timeline` | what has happened? |
// | `realtime` | what is published, and who listens? |
// | `engine` | what becomes of runs? |
// | `page` | what does the page show, and do? |
// | `api` | what is answered over HTTP? |
// | `server` | how do tests start it, look at it and steer it? |
// | `options`, `view` | what does the command understand, and do by itself? |
mod api;
mod clock;
mod engine;
mod fault;
mod function;
mod inspect;
mod json;
mod notice;
mod page;
mod realtime;
mod server;
mod timeline;
mod violation;

pub use self::clock::Clock;
pub use self::fault::{Call, Gate, InjectedFault};
pub use self::inspect::{
    ApiCall, Dispatch, EventView, ResponseView, RunStatus, RunView, StepStatus, StepView,
};
pub use self::notice::{Notice, Notices};
pub use self::realtime::{PartState, PartView};
pub use self::server::{DevServer, DevServerBuilder};
pub use self::timeline::{Timeline, UnreadableRun};
pub use self::violation::{Violation, ViolationKind};
