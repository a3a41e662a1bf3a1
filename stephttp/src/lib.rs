//! Durable axum endpoints: steps that survive failures, sleeps and restarts, checkpointed to
//! [Inngest](https://www.inngest.com).
//!
//! A handler is an ordinary HTTP endpoint until it needs more. Each step that it runs is
//! checkpointed to Inngest in the background. When one must wait, or fails and is to be tried
//! again, the run moves to Inngest: the client is redirected to its result, and Inngest calls the
//! same endpoint again until it has finished, with finished steps remembered.
//!
//! ```
//! use std::time::Duration;
//!
//! use axum::{Json, Router, routing::post};
//! use inngest::{Failure, Provider, SetupOpts, Step, StepError};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Deserialize)]
//! struct Order {
//!     amount: u64,
//! }
//!
//! #[derive(Serialize, Deserialize)]
//! struct Charge {
//!     id: String,
//! }
//!
//! async fn charge_card(amount: u64, idempotency_key: String) -> Result<Charge, Failure> {
//!     // … a call to the payment provider …
//!     Ok(Charge { id: format!("ch_{amount}_{}", idempotency_key.len()) })
//! }
//!
//! async fn send_receipt(charge: &Charge) -> Result<(), Failure> {
//!     // … a call to the mail provider …
//! #   let _ = charge;
//!     Ok(())
//! }
//!
//! #[inngest::api_fn(id = "checkout", retries = 3)]
//! async fn checkout(step: Step, Json(order): Json<Order>) -> Result<Json<Charge>, StepError> {
//!     let key = step.idempotency_key("charge-card");
//!     let charge = step.run("charge-card", charge_card(order.amount, key)).await?;
//!     step.sleep("cool-off", Duration::from_secs(3_600)).await;
//!     step.run("send-receipt", send_receipt(&charge)).await?;
//!     Ok(Json(charge))
//! }
//!
//! # fn app() -> Result<Router, inngest::SetupError> {
//! let inngest = Provider::setup(SetupOpts::new("https://api.example.com"))?;
//! let app: Router = Router::new()
//!     .route("/checkout", post(checkout))
//!     // Where clients get their response whose run has gone on at Inngest.
//!     .merge(inngest.output_route())
//!     .layer(inngest.layer());
//! // … axum::serve(listener, app).with_graceful_shutdown(…).await?;
//! // inngest.wait(Duration::from_secs(10)).await?;
//! # Ok(app) }
//! ```
//!
//! The [guide] has a page for each question that comes after that: [layers](guide::layers),
//! [errors](guide::errors), [production](guide::production), [testing](guide::testing) and more.
//!
//! # Steps
//!
//! | Step | Does | Where |
//! |---|---|---|
//! | [`run`](Step::run) | runs a future once; [`renamed_from`](step::RunStep::renamed_from) keeps its result when the id changes | in this process |
//! | [`sleep`](Step::sleep), [`sleep_until`](Step::sleep_until) | pauses | at Inngest |
//! | [`wait_for_event`](Step::wait_for_event) | waits until something happens elsewhere: [`timeout`](step::WaitForEventStep::timeout), [`matching`](step::WaitForEventStep::matching), [`filter`](step::WaitForEventStep::filter) | at Inngest |
//! | [`send_event`](Step::send_event), [`send_events`](Step::send_events) | tells others what happened | in this process |
//! | [`wait_for`](Step::wait_for), [`send`](Step::send) | the same, for an event with a type ([`EventData`]): filters know its fields | |
//! | [`invoke`](Step::invoke) | calls another Inngest function for its result | at Inngest |
//! | [`wait_for_signal`](Step::wait_for_signal) | waits until another run, or a person, says go | at Inngest |
//! | [`send_signal`](Step::send_signal) | says so | in this process |
//! | [`publish`](Step::publish) | tells those who listen to a topic, such as an open page | in this process |
//! | [`fetch`](Step::fetch) | makes an HTTP request | at Inngest |
//! | [`ai_infer`](Step::ai_infer) | calls a model | at Inngest |
//!
//! A step "at Inngest" costs this process nothing while it lasts; in the first request it redirects
//! the client to the run's result.
//!
//! A handler that takes a [`Live`] streams to its client what its steps make, while they make it:
//! see [`streaming`](guide::streaming).
//!
//! # Combining steps
//!
//! Steps are futures, so they combine as futures do: [`tokio::join!`] and `try_join!`, `join_all`,
//! `FuturesUnordered`, [`tokio::select!`], [`tokio::time::timeout`], nested as you like.
//!
//! ```
//! # use std::time::Duration;
//! # use inngest::{Event, Failure, Step, StepError};
//! # async fn rate(_: &str) -> Result<f64, Failure> { Ok(1.08) }
//! # #[derive(serde::Deserialize)] struct Approval { by: String }
//! #[inngest::api_fn(id = "transfer")]
//! async fn transfer(step: Step) -> Result<String, StepError> {
//!     // Both run in this process, at the same time.
//!     let (buy, sell) = tokio::try_join!(step.run("buy", rate("EUR")), step.run("sell", rate("USD")))?;
//!     // Inngest is asked for both waits; which one is over first is decided once.
//!     tokio::select! {
//!         approval = step.wait_for_event::<Approval>("approval", "bank/approved") => match approval? {
//!             Some(approval) => Ok(format!("{} at {}", approval.data.by, buy / sell)),
//!             None => Ok("nobody cared for a year".to_owned()),
//!         },
//!         () = step.sleep("deadline", Duration::from_secs(86_400)) => Ok("too late".to_owned()),
//!     }
//! }
//! # #[tokio::main(flavor = "current_thread")] async fn main() { transfer(Step::detached()).await.unwrap(); }
//! ```
//!
//! What runs in this process runs together, and nobody is redirected for it. Waits in several
//! branches are handed over together. A race is decided once: the winner of a `select!` stays the
//! winner in every later request of the run. The page [`combining`](guide::combining) of the guide
//! has more patterns, what each costs in calls, and what to mind.
//!
//! # What to know
//!
//! - **A handler runs more than once.** After a wait or a retry it begins again; finished steps
//!   give what they gave before, and what is between them runs anew. Put side effects, the time and
//!   random values into steps.
//! - **A step that has ended and been saved never runs again.** One that was under way when the
//!   process died does, and a retry of over 15 s [may run twice](Step#how-often-a-step-runs) where
//!   the app has several processes: give other APIs an [idempotency key](Step::idempotency_key).
//! - **A re-entry carries the method, path, query, content type and body** of the first request,
//!   and nothing else. Wrap extractors that read other headers in [`Remember`].
//! - **The layer is outermost.** What answers a re-entry in the handler's place is never the run's
//!   result, if it stands inside of the layer; outside, it ends the run. See
//!   [`layers`](guide::layers).
//! - **A client whose run is handed over** is redirected to the route that
//!   [`Provider::output_route`] makes, on the app's own domain, or to Inngest in an app without it.
//!   [`AsyncResponse`] lists what it can be given instead.
//! - **A run in flight finds its steps by their ids**, also in a new version of the program: let a
//!   test compare them, with [`assert_steps_lock!`]. See [`versions`](guide::versions).
//! - **Inngest keeps** request bodies, queries and step outputs, readable in its dashboard. With
//!   the feature `encryption`, `middleware::Encryption` seals bodies and outputs.
//! - **Inngest has limits**, and does not report all of them to the app. This crate checks them
//!   first and fails with an error that names the limit: see
//!   [`production`](guide::production#limits).
//! - **Unit tests need no server**: call the handler with [`Step::detached`]. For the whole, the
//!   crate `stephttp-dev` has an engine that runs in the test's process. See
//!   [`testing`](guide::testing).
//!
//! What becomes of responses, of methods, of clients that go away and of outages of Inngest is on
//! the page [`lifecycle`](guide::lifecycle).
//!
//! # Features
//!
//! | Feature | Gives |
//! |---|---|
//! | `rustls`, on by default | TLS by rustls with aws-lc-rs, and the platform's root certificates |
//! | `rustls-no-provider` | the same, with the provider that the application has installed |
//! | `native-tls` | TLS by the operating system, or by OpenSSL on Linux; it goes before `rustls` where both are on |
//! | `encryption`, `encryption-legacy` | `middleware::Encryption`, and that it opens what older versions of Inngest's JS package sealed |
//! | `opentelemetry` | spans of `middleware::Tracing` are in the client's OpenTelemetry trace |
//! | `metrics` | `middleware::Metrics`: counters, durations and the backlog, by the crate `metrics` |
//! | `replay-filter` | `trace::ReplayFilter`: a handler's log lines do not come again in each re-entry |
//!
//! Without any TLS, setup fails where Inngest is at an `https` URL, unless
//! [`SetupOpts::http_client`] gives a client that has it. No feature changes rustls' choice of a
//! provider in a program that has rustls with its own defaults. One that has it with `ring` alone,
//! and leaves the choice to rustls (`ClientConfig::builder()`), must not have `rustls` here: rustls
//! panics where it is built with two providers and none is installed. There, write
//! `default-features = false, features = ["rustls-no-provider"]`, and call
//! `rustls::crypto::ring::default_provider().install_default()` before [`Provider::setup`].
//!
//! # Where things are
//!
//! What an app's first hour needs is here; the rest is in modules.
//!
//! | Module | Holds |
//! |---|---|
//! | [`step`] | the futures of steps, what is given to them, and what comes of them |
//! | [`function`] | what is known of endpoints at compile time |
//! | [`extract`] | what belongs to extractors: rejections, [`Replayable`](extract::Replayable) |
//! | [`output`] | where clients wait for a run's output |
//! | [`layer`] | the tower layer |
//! | [`middleware`] | hooks around runs, steps and calls; encryption and traces |
//! | [`steps_lock`] | a test that guards runs in flight against changes |
//! | `trace` | with `replay-filter`: log lines that do not repeat |
//! | [`client`] | Inngest's API |
//! | [`wire`], [`signature`] | what crosses HTTP |
//! | [`guide`] | pages on how to use all that |
//! | [`from_go`] | the names of the Go SDK |
//!
//! # Inngest's API alone
//!
//! [`client::ApiClient`] makes the calls by which runs are created, added to, ended and read,
//! without a layer or a handler: to record what another framework's endpoint did, say. The layer
//! uses the same one.

#[doc(hidden)]
pub mod __private;
mod app;
mod checkpoint;
pub mod client;
mod connect;
mod delivery;
mod error;
mod event;
mod exchange;
pub mod extract;
#[doc = include_str!("from_go.md")]
pub mod from_go {}
pub mod function;
#[cfg(all(doc, not(doctest)))]
pub mod guide;
mod journal;
pub mod layer;
pub mod live;
pub mod middleware;
#[doc(hidden)]
pub mod observer;
pub mod output;
mod provider;
mod relay;
mod remember;
mod replayable;
mod run;
pub mod signature;
pub mod step;
pub mod steps_lock;
mod streaming;
mod sync;
#[cfg(feature = "replay-filter")]
pub mod trace;
mod untrusted;
pub mod wire;

/// Makes an [`EventData`](trait@EventData) of a struct, and its [`EventFields`](trait@EventFields);
/// the options, with examples, and what does not compile are documented at the trait.
pub use stephttp_macros::EventData;
/// Makes an [`EventFields`](trait@EventFields) of a struct that is an object inside of an event.
pub use stephttp_macros::EventFields;
#[doc = include_str!("api_fn.md")]
pub use stephttp_macros::api_fn;
/// Fails a test when a change would strand runs in flight: compares the endpoints and helpers that
/// are linked into this program, and their steps, with the file `steps.lock` of the package, or
/// another one.
///
/// As an item it is a test, `runs_in_flight_survive_this_change`:
///
/// ```
/// // tests/steps_lock.rs
/// # extern crate inngest as my_app;
/// use my_app as _; // links the endpoints
///
/// inngest::assert_steps_lock!();
/// ```
///
/// In a function it is the content of a test:
///
/// ```no_run
/// #[test]
/// fn the_deployed_runs_go_on() {
///     inngest::assert_steps_lock!("deploy/steps.lock"); // relative to the package's Cargo.toml
/// }
/// ```
///
/// Within another macro's input it is always the latter. A crate that knows this one by a facade
/// only adds `crate = facade::inngest`, as in `#[api_fn]`.
///
/// With the environment variable `STEPS_LOCK=accept` it writes the file instead. See
/// [`steps_lock`] for what is compared, and how to go on when the test fails.
///
/// # Panics
///
/// Whenever [`steps_lock::check`] is an error, with its text. With
/// `STEPS_LOCK=accept`, when the file cannot be written, or is there and cannot be understood, or
/// when there are no endpoints, or two with one id.
pub use stephttp_macros::assert_steps_lock;
#[doc = include_str!("step_fn.md")]
pub use stephttp_macros::step_fn;

pub use app::SetupOpts;
pub use connect::SetupError;
pub use delivery::Undelivered;
pub use error::{Failure, NoRetry, ResultExt, StepError};
pub use event::{Event, EventData, EventFields};
pub use exchange::Reentry;
pub use function::async_response::AsyncResponse;
pub use function::opts::FnOpts;
pub use live::Live;
pub use provider::{Events, Provider, Realtime};
pub use remember::Remember;
pub use step::extractor::Step;
