//! `ApiClient` alone, over real HTTP: against a server that answers what a test says, and against
//! the dev engine.
#![allow(clippy::unwrap_used, reason = "clippy takes only test functions for tests")]

mod alone;
mod errors;
mod features;
mod keys;
mod proxies;
mod recorded;
mod retries;
mod secrets;
mod server;
mod transport;
