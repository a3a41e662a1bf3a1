//! The engine against hand-made apps and calls, without any SDK. Most tests repeat what was
//! recorded of the real server; comments name the section of `docs/protocol.md`. Only `kit` and
//! `sweep` have apps with the SDK.

#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]
#![allow(clippy::needless_pass_by_value, reason = "so that tests can write `json!(..)` in place")]

mod support;

mod api;
mod auth;
mod clock;
mod endings;
mod events;
mod faults;
mod gateway;
mod invoke;
mod kit;
mod late;
mod lifecycle;
mod limits;
mod numbers;
mod page;
mod parallel;
mod patience;
mod race;
mod realtime;
mod recording;
mod retries;
mod signals;
mod stale;
mod sweep;
mod timeline;
mod violations;
