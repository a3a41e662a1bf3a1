//! Whether an argument is the same in a re-entry.

use axum::extract::{FromRequest, FromRequestParts};

use super::{Probe, UnknownState};
use crate::replayable::Replayable;
use crate::step::Storable;

pub trait Same {
    fn stephttp_replays(&self);
}

impl<T: Replayable> Same for &&&&Probe<T> {
    fn stephttp_replays(&self) {}
}

/// An extractor that can be remembered as it is.
pub trait Stored<T> {
    fn stephttp_replays(&self)
    where
        T: Replayable;
}

impl<T: FromRequestParts<UnknownState> + Storable> Stored<T> for &&&Probe<T> {
    fn stephttp_replays(&self) {}
}

/// One that cannot.
pub trait ReplayedParts<T> {
    fn stephttp_replays(&self)
    where
        T: ReplayablePart;
}

impl<T: FromRequestParts<UnknownState>> ReplayedParts<T> for &&Probe<T> {
    fn stephttp_replays(&self) {}
}

/// One of the whole request.
pub trait ReplayedBody<T> {
    fn stephttp_replays(&self)
    where
        T: ReplayableBody;
}

impl<T: FromRequest<UnknownState>> ReplayedBody<T> for &Probe<T> {
    fn stephttp_replays(&self) {}
}

/// No extractor, or one that asks more of its state than can be known.
pub trait ReplayedUnknown<T> {
    fn stephttp_replays(&self)
    where
        T: KnownExtractor;
}

impl<T> ReplayedUnknown<T> for Probe<T> {
    fn stephttp_replays(&self) {}
}

#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the same when Inngest calls this handler again",
    label = "write an extractor of what the handler needs of it, which can be stored, and take that as `Remember<..>`",
    note = "a re-entry has the method, path, query, content type and body of the first request, and nothing else of it",
    note = "an extractor of your own that reads only what a re-entry has says so: `impl inngest::extract::Replayable for ..`; for \
            another crate's, write `#[replayable]` before the argument",
    note = "if another value does no harm, write `#[not_replayed]` before the argument"
)]
pub trait ReplayablePart {}

#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the same when Inngest calls this handler again",
    label = "take the parts that a re-entry has: `Method`, `Uri`, and `Bytes`, `Json<..>` or `Body` as the last",
    note = "a re-entry has the method, path, query, content type and body of the first request, and nothing else of it",
    note = "an extractor of your own that reads only what a re-entry has says so: `impl inngest::extract::Replayable for ..`; for \
            another crate's, write `#[replayable]` before the argument",
    note = "if another value does no harm, write `#[not_replayed]` before the argument"
)]
pub trait ReplayableBody {}

#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an extractor, or none that is known to give the same when Inngest calls this handler again",
    label = "write `Json<{Self}>`, `Query<{Self}>`, `Path<{Self}>` or `State<{Self}>` if it is data, `Remember<{Self}>` if it \
             is an extractor",
    note = "a re-entry has the method, path, query, content type and body of the first request, and nothing else of it",
    note = "an extractor of your own that reads only what a re-entry has says so: `impl inngest::extract::Replayable for ..`; for \
            another crate's, write `#[replayable]` before the argument",
    note = "if another value does no harm, write `#[not_replayed]` before the argument"
)]
pub trait KnownExtractor {}
