//! End-to-end tests: an app, the dev engine and a client over real HTTP.

mod lifecycle;
mod planning;
mod retries;
mod wire;
