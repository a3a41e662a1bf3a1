//! A run's stream over HTTP.
//!
//! | Module | Does |
//! |---|---|
//! | `direct` | answers the client with the stream, while its handler goes on in a task of its own |
//! | `relay` | reads what later requests of the run publish, and passes it on in that answer |
//! | `events` | takes events out of the bytes of a subscription |
//! | `part` | publishes what a re-entry has for the client |

mod direct;
mod events;
mod part;
mod relay;

pub(super) use self::direct::{Rest, respond};
pub(super) use self::part::publish;
