//! What the tests share: an app, the dev engine and a client, each on a socket of its own.

mod log;
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

/// The README's handler, compiled under the name that it uses.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
