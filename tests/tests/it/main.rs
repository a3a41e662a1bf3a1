//! End-to-end tests: an app, the dev engine and a client over real HTTP.
#![allow(clippy::unwrap_used, reason = "clippy takes only test functions for tests")]

mod api_down;
mod api_down_later;
mod attribute;
mod bad_input;
mod bad_steps;
mod between_steps;
mod bodies;
mod calls;
mod cancellation;
mod changed_code;
mod claims;
mod client_gone;
mod content_type;
mod counted_attempts;
mod encryption;
mod guards;
mod interleavings;
mod lifecycle;
mod many_steps;
mod middleware;
mod options;
mod output;
mod property;
mod provider;
mod races;
mod remember;
mod responses;
mod retries;
mod run_state;
mod signatures;
mod told_first;
mod values;
mod wire;
