//! A run's stream over HTTP.
//!
//! | Module | Does |
//! |---|---|
//! | `direct` | answers the client with the stream, while its handler goes on in a task of its own; after the hand-over it passes on there what [`relay`](crate::relay) reads |
//! | `part` | publishes what a re-entry has for the client |

mod direct;
mod part;

pub(super) use self::direct::{Rest, respond};
pub(super) use self::part::publish;
