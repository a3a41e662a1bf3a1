//! What belongs to extractors in handlers that Inngest calls back: see
//! [`Remember`](crate::Remember).

pub use crate::remember::{RememberError, RememberRejection};
pub use crate::replayable::Replayable;
