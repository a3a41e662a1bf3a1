//! The crash sweep: a story is played again and again, and each time something else goes wrong.
//!
//! A [`Sweep`] has an app, a story of its clients, and what must hold in the world afterwards. It
//! plays the story undisturbed first. Then it plays the story once for each [`Mishap`] and each
//! [`Place`], on a new engine and in a new world: the app's process dies right after a step's code
//! has run, right before a call arrives at Inngest or right after Inngest has processed the call;
//! a call fails, or its answer is lost; the run's state is empty or gone when the app asks for it;
//! a re-entry comes once more after its answer, or after the run's end. A process that died starts
//! anew on the same port, and a client whose connection broke repeats its request.
//!
//! ```
//! use std::sync::{Arc, Mutex};
//! use std::time::Duration;
//!
//! use axum::extract::State;
//! use axum::{Json, Router, routing::post};
//! use inngest::{Failure, Provider, Step, StepError};
//! use serde_json::{Value, json};
//! use stephttp_dev::Sweep;
//!
//! /// What happens outside of the process.
//! #[derive(Clone, Default)]
//! struct Bank(Arc<Mutex<Vec<String>>>);
//!
//! impl Bank {
//!     async fn charge(&self, cents: u64) -> Result<u64, Failure> {
//!         self.0.lock().unwrap().push(format!("{cents} cents charged"));
//!         Ok(cents)
//!     }
//! }
//!
//! #[inngest::api_fn(id = "order", retries = 3)]
//! async fn order(State(bank): State<Bank>, step: Step, Json(order): Json<Value>) -> Result<String, StepError> {
//!     let charged = step.run("charge", bank.charge(order["cents"].as_u64().unwrap_or(0))).await?;
//!     step.sleep("cool-off", Duration::from_secs(3_600)).await;
//!     Ok(format!("{charged} cents charged"))
//! }
//!
//! fn app(bank: Bank, inngest: &Provider) -> Router {
//!     Router::new()
//!         .route("/orders", post(order))
//!         .merge(inngest.output_route())
//!         .layer(inngest.layer())
//!         .with_state(bank)
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! Sweep::with_world(Bank::default, |bank, inngest| app(bank.clone(), inngest))
//!     .story(|client, _bank| async move {
//!         let answer = client.post("/orders").json(&json!({"cents": 990})).send().await;
//!         assert_eq!(answer.text(), "990 cents charged");
//!     })
//!     .once(|bank| bank.0.lock().unwrap().clone())
//! #   .every(5)
//!     .run()
//!     .await;
//! # }
//! ```
//!
//! # What must hold
//!
//! | [`Promise`] | Broken, it is called |
//! |---|---|
//! | a step whose result is saved does not run again; otherwise each step, and each effect of [`Sweep::once`], happens as often as undisturbed, and once more at most for each death | `ran twice` |
//! | each step that runs undisturbed runs here, too | `left out` |
//! | the client gets the answer that it gets undisturbed | `another answer` |
//! | the story ends, and no run is left that nothing will end | `hangs` |
//! | a run that a client was redirected to, or that a living process has begun, is at Inngest | `lost` |
//! | the engine sees no [`Violation`](crate::Violation) | `violation` |
//! | the story's assertions pass, and its requests are answered | `the story fails` |
//! | the [checks](Sweep::check) of the world pass | `the world is wrong` |
//!
//! A death allows one repetition, since nobody can save a result that a process had when it died.
//! What must not happen twice even so has an [idempotency key](inngest::Step::idempotency_key), and
//! a check of the world that counts by key.
//!
//! # The environment
//!
//! | Variable | Effect |
//! |---|---|
//! | `SWEEP=60s` | after the single mishaps, combinations of two and more are played for so long, at random |
//! | `SWEEP_SEED=1234` | plays the one combination of this seed |
//! | `SWEEP_PLACE=DeathAfterCall:7` | plays this one pass; several places stand with commas between them |
//! | `SWEEP_EVERY=3` | plays every third place |
//!
//! The report of a failure has the line that plays its pass again. A seed gives places by how many
//! calls and steps the undisturbed pass has had, which can differ by one; the places are exact.
//!
//! # What it cannot simulate
//!
//! The process that dies is a runtime on a thread of its own, in the test's process: its tasks and
//! its connections are dropped, and nothing they hold survives. But statics survive (a pool or a
//! cache in a `OnceLock`), what runs on threads of the app goes on, what runs in `spawn_blocking`
//! is waited for (five seconds at most), and destructors run. The world is shared: what belongs to
//! a runtime, as a database's pool does, is made by the closure that makes the app
//! ([`Sweep::with_async_world`]). What is written to disk is written.
//!
//! An answer by server-sent events is not compared, nor is it read on where the connection breaks.

mod client;
mod history;
mod judge;
mod ledger;
mod machine;
mod mishaps;
mod pass;
mod place;
mod places;
mod plan;
mod play;
mod promise;
mod report;
mod settings;
mod watcher;
mod wire;

pub use self::client::{Client, Request};
pub use self::history::history;
pub use self::pass::{Pass, Witness};
pub use self::place::{Mishap, NoPlace, Place};
pub use self::places::{combination, every_place};
pub use self::plan::Sweep;
pub use self::promise::{Breach, Promise};
pub use self::report::{Failure, Report, Summary};
pub use crate::client::Answer;
