//! Everything that crosses HTTP between an app and Inngest, and nothing else.
//!
//! The shapes are those of the open-source Inngest server and were recorded from it; each item says what it stands for
//! on the wire. Unknown fields are ignored when reading, so a newer server does not break an older app.
//!
//! | Module | Holds |
//! |---|---|
//! | [`checkpoint`] | requests and answers of `POST /v1/checkpoint` and its `/steps` and `/async` |
//! | [`event`] | the event that starts a run and restores its request on a re-entry; sending others |
//! | [`signal`] | signals |
//! | [`gateway`] | responses that Inngest fetched for a run |
//! | [`op`] | operations: what a run reports about its steps |
//! | [`result`](mod@result) | an endpoint's response as a run's result |
//! | [`MemoizedSteps`] | what a run has stored of its steps |
//! | [`headers`] | header names |
//! | [`limits`] | what the server accepts; it drops silently what exceeds them |
//! | [`duration`] | how durations and instants are written |

mod answers;
pub mod checkpoint;
pub mod duration;
pub mod event;
pub(crate) mod exact;
pub mod gateway;
pub mod headers;
pub mod limits;
mod memoized;
pub mod op;
mod op_error;
mod op_new;
mod op_opts;
pub mod result;
mod run_id;
#[cfg(feature = "encryption")]
mod sealed;
pub mod signal;
mod step_map;

pub use checkpoint::{
    ApiErrorBody, CheckpointAsyncRequest, CheckpointNewRunRequest, CheckpointRun, CheckpointStepsRequest,
    Envelope,
};
pub use event::{EventIdSeed, HttpRequestEvent, NewApiRunData, SentEvents};
pub use gateway::GatewayResponse;
pub use memoized::{MemoizedStep, MemoizedSteps};
pub use op::{Op, OpCode, StepHash, Timing, Userland};
pub use op_error::OpError;
pub use op_opts::{OpOpts, ParallelMode, Secret};
pub use result::ApiResult;
pub use run_id::{InvalidRunId, RunId};
#[cfg(feature = "encryption")]
pub(crate) use sealed::{SealedValue, each_member, text};
pub use signal::{ReceivedSignal, SignalRequest, SignalledRun};
pub(crate) use step_map::StepMap;
