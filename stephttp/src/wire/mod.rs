//! Everything that crosses HTTP between an app and Inngest, and nothing else.
//!
//! The shapes are those of the open-source Inngest server and were recorded from it; each item says
//! what it stands for on the wire. Unknown fields are ignored when reading, so a newer server does
//! not break an older app.
//!
//! | Items | Are |
//! |---|---|
//! | [`CheckpointNewRunRequest`], [`CheckpointStepsRequest`], [`CheckpointAsyncRequest`] | requests of `POST /v1/checkpoint` and its `/steps` and `/async`; answers are [`CheckpointRun`], in an [`Envelope`], or [`ApiErrorBody`] |
//! | [`HttpRequestEvent`], [`NewApiRunData`] | the event that starts a run and restores its request on a re-entry |
//! | [`SentEvents`], [`EventIdSeed`] | the sending of other events |
//! | [`SignalRequest`], [`SignalledRun`], [`ReceivedSignal`] | signals |
//! | [`GatewayResponse`] | responses that Inngest fetched for a run |
//! | [`Op`], [`OpOpts`], [`OpError`] | operations: what a run reports about its steps |
//! | [`ApiResult`] | an endpoint's response as a run's result |
//! | [`MemoizedSteps`] | what a run has stored of its steps |
//! | [`RunId`], [`StepHash`] | the ids of runs and steps |
//! | [`realtime`] | a run's stream: its events, and how it is published and read |
//! | [`headers`] | header names |
//! | [`limits`] | what the server accepts; it drops silently what exceeds them |
//! | [`duration`] | how durations and instants are written |

mod answers;
mod checkpoint;
pub mod duration;
mod event;
pub(crate) mod exact;
mod gateway;
pub mod headers;
mod json;
pub mod limits;
mod memoized;
mod op;
mod op_error;
mod op_new;
mod op_opts;
pub mod realtime;
mod result;
mod run_id;
#[cfg(feature = "encryption")]
mod sealed;
mod signal;
mod step_map;

pub use checkpoint::{
    ApiErrorBody, CheckpointAsyncRequest, CheckpointNewRunRequest, CheckpointRun, CheckpointStepsRequest,
    Envelope,
};
pub use event::{EventIdSeed, HTTP_REQUEST_EVENT, HttpRequestEvent, NewApiRunData, SentEvents};
pub use gateway::GatewayResponse;
pub(crate) use json::{JsonWriter, WriteJson};
pub use memoized::{MemoizedStep, MemoizedSteps};
pub use op::{Op, OpCode, StepHash, Timing, Userland};
pub use op_error::OpError;
pub use op_opts::{OpOpts, ParallelMode, Secret};
pub use result::{ApiResult, COMPLETE_HASH, COMPLETE_ID};
pub use run_id::{InvalidRunId, RunId};
#[cfg(feature = "encryption")]
pub(crate) use sealed::{SealedValue, each_member, text};
pub use signal::{ReceivedSignal, SignalRequest, SignalledRun};
pub(crate) use step_map::StepMap;
