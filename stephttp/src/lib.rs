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
//! # Steps
//!
//! | Step | Does | Where |
//! |---|---|---|
//! | [`run`](Step::run) | runs a future once | in this process |
//! | [`sleep`](Step::sleep), [`sleep_until`](Step::sleep_until) | pauses | at Inngest |
//! | [`wait_for_event`](Step::wait_for_event) | waits until something happens elsewhere | at Inngest |
//! | [`send_event`](Step::send_event), [`send_events`](Step::send_events) | tells others what happened | in this process |
//! | [`invoke`](Step::invoke) | calls another Inngest function for its result | at Inngest |
//! | [`wait_for_signal`](Step::wait_for_signal) | waits until another run, or a person, says go | at Inngest |
//! | [`send_signal`](Step::send_signal) | says so | in this process |
//! | [`fetch`](Step::fetch) | makes an HTTP request | at Inngest |
//! | [`ai_infer`](Step::ai_infer) | calls a model | at Inngest |
//!
//! A step "at Inngest" costs this process nothing while it lasts; in the first request it redirects
//! the client to the run's result.
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
//! - **What runs in this process runs together**, in the first request and in later ones; nobody is
//!   redirected for it.
//! - **Waits in several branches are handed over together.** From then on several re-entries of the
//!   run can be under way at once. Each *claims* the steps that it comes to, before they begin, and
//!   runs those that it has won, all of them together; the others leave them to it. A claim costs
//!   two calls to Inngest, which goes for all steps that are ready at once.
//! - **What could be missed is told first.** An event or a signal is lost on a wait that Inngest
//!   does not know of. So a step beside such a wait does not begin in the first request: the run is
//!   handed over, and the step begins in a re-entry, once the wait is known. A sleep cannot be
//!   missed: it stays in the request, beside the step, and counts from its first poll.
//! - **A step that fails beside others** is tried again by its own retry alone, when its time has
//!   come, and each step has all of its attempts, whatever else fails.
//! - **A race is decided once.** The order in which steps give their results is stored with the run
//!   as soon as it matters (in hidden steps `stephttp:order:…`, visible in the dashboard), and
//!   every later request follows it: the winner of a `select!` stays the winner, and
//!   `FuturesUnordered` gives its results in the same order. A step whose time was up in `timeout`
//!   is not run again.
//! - **A loser is dropped.** What it had asked of Inngest may still come; nobody looks at it.
//! - **An id that is used several times** is numbered in the order of the calls: see
//!   [`StepId`](step::StepId). A future that is dropped
//!   before it is polled does not count.
//! - **Work between steps that waits** (a query outside of any step, say) is not remembered, so a
//!   race between it and a step may end otherwise the next time: put it into a step.
//! - **`timeout` around a wait** has no effect while nothing else goes on: the process does not
//!   wait. Use the wait's own `timeout`.
//! - **A step may wait for another** of its run, through a channel, say, if both begin together.
//!   Where one of them may have ended before, its end comes from the step, not from the channel.
//! - **A step that has begun and is held, but not polled,** while the handler waits for Inngest, is
//!   given up with the handler, and begins anew in a later request.
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
//!   and nothing else. Wrap extractors that read other headers in [`Remember`]. A request without a
//!   content type has none in a re-entry either; Inngest shows it as
//!   [`application/vnd.stephttp.none`](wire::headers::NO_CONTENT_TYPE). Of a `HEAD` request the
//!   method is `GET`, so its route must take that.
//! - **The layer is outermost.** What answers a re-entry in the handler's place is never the run's
//!   result, if it stands inside of the layer; outside, it ends the run. See
//!   [`DurableLayer`](layer::DurableLayer).
//! - **A run in flight finds its steps by their ids**, also in a new version of the program: let a
//!   test compare them, with [`assert_steps_lock!`].
//! - **A client that goes away does not stop a run** that has begun a step.
//! - **Inngest keeps** request bodies, queries and step outputs, readable in its dashboard. With
//!   the feature `encryption`, `middleware::Encryption` seals bodies and outputs.
//! - **Unit tests need no server**: call the handler with [`Step::detached`], or with
//!   [`Step::detached_with`] to say what its waits come to. For tests of the whole, the crate
//!   `stephttp-dev` has an engine that runs in the test's process.
//!
//! # Where clients wait
//!
//! A client whose run is handed over is redirected to the route that [`Provider::output_route`]
//! makes, on the app's own domain, which waits for the run's output in its place. In an app without
//! that route it is redirected to Inngest, which sometimes gives an empty 200 in place of the
//! output: see [`AsyncResponse::Redirect`]. [`AsyncResponse`] lists what clients can be given
//! instead.
//!
//! # Cancellation
//!
//! A run can be cancelled in Inngest's dashboard, or with the signing key as the bearer token by
//! `DELETE /v1/runs/{run_id}` of Inngest's API. A self-hosted server answers that with a 404; there,
//! GraphQL's `cancelRun` does it. Inngest does not tell the app.
//!
//! | The run | What becomes of it |
//! |---|---|
//! | waits or sleeps | no re-entry comes any more |
//! | is in a re-entry, within a step | the step is not interrupted. If it has taken a second or longer, its output is saved before another step begins; Inngest refuses that, and the handler is dropped. After a shorter one, others may still run, until the next that is saved |
//! | is in a re-entry, between steps | the same: nothing that the handler does is interrupted |
//! | is in its first request | it goes on to its end, and its client gets the answer; or it is handed over, and no re-entry comes |
//!
//! A handler that is dropped has no more turn: its destructors run, as at every wait, and that is
//! all. What is to be undone then is no handler's to do; have whoever cancels start it. A
//! [middleware](middleware::Middleware) is told, by
//! [`Outcome::Cancelled`](middleware::Outcome::Cancelled), with the last step that had ended, where
//! it was a re-entry that noticed. A run that is cancelled while it waits tells nobody.
//!
//! The client of a run that was handed over gets a 410 from the app's [output
//! route](Provider::output_route), whether it was redirected there or has the URL from a
//! [`RunOutput`](output::RunOutput); and an empty 200 from Inngest, always.
//!
//! # Responses
//!
//! What a handler answers in its first request goes to its client as it is, and as it comes:
//! streams, server-sent events, WebSocket upgrades, trailers, several cookies. The run ends when
//! the client has had all of it, or with a WebSocket's handshake; steps that it has run are saved
//! before that, if it takes long. A copy of the response is stored with the run, for people to look
//! at: the status, the headers (cookies redacted) and the body. A body is left out that is over 4
//! MiB, is not UTF-8, is a stream of events (`text/event-stream`), has a `content-encoding`, did
//! not reach its client whole, or is one of [too many at once](SetupOpts::backlog_bytes); then the
//! log and a header of the stored response,
//! [`x-stephttp-body-not-stored`](wire::headers::BODY_NOT_STORED), say why. Put layers that
//! compress after this crate's, so that it sees what they compress.
//!
//! Inngest is told of the run when its client has had the response. Where a process may be frozen or
//! ended with its response, as on AWS Lambda or behind scale-to-zero, the run would be lost: there,
//! [`SetupOpts::deliver`] holds the response's end back until Inngest has the run.
//!
//! After a run was handed over, the stored response is what its client gets. It is collected to its
//! end first, so a stream that never ends keeps the run from ending. Its body has to be UTF-8, and
//! 8 MiB at most; of several cookies Inngest keeps the first, of trailers nothing. A connection
//! cannot be upgraded then: a handler that upgrades is `sync_only`.
//!
//! # When Inngest cannot be reached
//!
//! A handler that ends in its first request has answered its client; its checkpoints are tried
//! again for about half a minute, then logged as lost and reported by [`Provider::wait`]. A handler
//! that must be handed over answers 503 with `Retry-After`: the steps it had run are lost, and run
//! again when the client tries again. When only the answer to the call is lost, no step runs twice
//! for that.
//!
//! A re-entry whose finished steps cannot be fetched runs nothing and asks Inngest for a retry. One
//! whose connection breaks goes on in its process: what it has begun is brought to its end, and
//! saved.
//!
//! # Limits
//!
//! Inngest drops silently what exceeds its limits, so this crate refuses it first, with an error
//! that names the limit: 4 MiB a step's output, 32 MiB of outputs and 999 steps a run (a few hidden
//! ones of waits, retries and races included), about 3 MiB a request's body that is to be handed
//! over, 8 MiB the response of a run that was handed over. See [`wire::limits`]. The client and the
//! run's page get that error.
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
//! | [`client`] | Inngest's API |
//! | [`wire`], [`signature`] | what crosses HTTP |
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
mod journal;
pub mod layer;
pub mod middleware;
pub mod output;
mod provider;
mod remember;
mod replayable;
mod run;
pub mod signature;
pub mod step;
pub mod steps_lock;
mod sync;
mod untrusted;
pub mod wire;

#[doc = include_str!("api_fn.md")]
pub use stephttp_macros::api_fn;

pub use app::SetupOpts;
pub use connect::SetupError;
pub use delivery::Undelivered;
pub use error::{Failure, ResultExt, StepError};
pub use event::Event;
pub use function::async_response::AsyncResponse;
pub use function::opts::FnOpts;
pub use layer::Reentry;
pub use provider::Provider;
pub use remember::Remember;
pub use step::extractor::Step;
