//! Reading a run's stream from Inngest, for clients of this process.
//!
//! | Module | Does |
//! |---|---|
//! | [`session`] | reads what is published, and tells a client of it, or several that come back for it |
//! | `subscription` | whose stream is read, and how that begins |
//! | `shown` | decides what of it a client is to see |
//! | `events` | takes events out of the bytes of a subscription |
//! | `output` | waits for the run's end, should the stream not tell of it |
//! | [`body`] | gives a client its events over HTTP |

mod body;
mod events;
mod output;
mod session;
mod shown;
mod subscription;

pub(crate) use body::{Readable, event_stream};
pub(crate) use session::Session;
pub(crate) use subscription::{NoSubscription, Source, Subscription};
