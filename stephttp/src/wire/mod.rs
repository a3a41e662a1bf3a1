//! Everything that crosses HTTP between an app and Inngest, and nothing else.
//!
//! The shapes are those of the open-source Inngest server and were recorded from it; each item says what it stands for
//! on the wire. Unknown fields are ignored when reading, so a newer server does not break an older app.
//!
//! | Module | Holds |
//! |---|---|
//! | [`checkpoint`] | requests and answers of `POST /v1/checkpoint` and its `/steps` and `/async` |
//! | [`event`] | the event that starts a run and restores its request on a re-entry |
//! | [`op`] | operations: what a run reports about its steps |
//! | [`result`](mod@result) | an endpoint's response as a run's result |
//! | [`headers`] | header names |
//! | [`limits`] | what the server accepts; it drops silently what exceeds them |
//! | [`duration`] | how durations and instants are written |

pub mod checkpoint;
pub mod duration;
pub mod event;
pub mod headers;
pub mod limits;
pub mod op;
pub mod result;

pub use checkpoint::{
    ApiErrorBody, CheckpointAsyncRequest, CheckpointNewRunRequest, CheckpointRun, CheckpointStepsRequest,
    Envelope,
};
pub use event::{HttpRequestEvent, NewApiRunData};
pub use op::{Op, OpCode, OpError, OpOpts, ParallelMode, Secret, StepHash, Timing, Userland};
pub use result::ApiResult;
