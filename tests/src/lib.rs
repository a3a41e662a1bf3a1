//! What the tests share: an app, the dev engine and a client, each on a socket of its own.

pub mod events;
mod log;
#[cfg(doctest)]
mod pages;
mod raw;
mod scramble;
mod signed;
pub mod sources;
mod stage;
mod world;

pub use log::Logs;
pub use raw::RawClient;
pub use scramble::Scramble;
pub use signed::signed_query;
pub use stage::{Door, Stage};
pub use world::{Effects, World, WorldBuilder, serve};
