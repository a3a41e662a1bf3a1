//! An order service: what `main.rs` serves and `tests/orders.rs` tests. Begin with [`orders`].

pub mod app;
pub mod auth;
pub mod database;
pub mod error;
pub mod metrics;
pub mod orders;
pub mod payments;
pub mod warehouse;
