//! Whether an argument is the same in a re-entry.

use axum::extract::{Extension, FromRequest, FromRequestParts};

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

/// What a layer has set, and may have made of the request's headers.
pub trait SetByLayer<T> {
    fn stephttp_replays(&self)
    where
        T: SameExtension;
}

impl<T: Clone + Send + Sync + 'static> SetByLayer<T> for &&&Probe<Extension<T>> {
    fn stephttp_replays(&self) {}
}

impl<T: Clone + Send + Sync + 'static> SetByLayer<T> for &&&Probe<Option<Extension<T>>> {
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
    message = "a layer sets `Extension<{Self}>`, and may set another when Inngest calls this handler again",
    label = "if every request gets the same, as a pool from `.layer(Extension(pool))`, write `#[replayable]` before the argument",
    note = "for a type of your own, `impl extract::Replayable for {Self} {{}}` says so for all handlers",
    note = "a re-entry has no headers: what a layer makes of them, as who is logged in, is taken as `Remember<..>` of an \
            extractor that reads it from the request's extensions, and that serde can store",
    note = "if another value does no harm, write `#[not_replayed]` before the argument"
)]
pub trait SameExtension {}

#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the same when Inngest calls this handler again",
    label = "write an extractor of what the handler needs of it, which can be stored, and take that as `Remember<..>`",
    note = "a re-entry has the method, path, query, content type and body of the first request, and nothing else of it",
    note = "an extractor of your own that reads only what a re-entry has says so: `impl extract::Replayable for ..`; for another \
            crate's, write `#[replayable]` before the argument",
    note = "if another value does no harm, write `#[not_replayed]` before the argument"
)]
pub trait ReplayablePart {}

#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the same when Inngest calls this handler again",
    label = "take the parts that a re-entry has: `Method`, `Uri`, and `Bytes`, `Json<..>` or `Body` as the last",
    note = "a re-entry has the method, path, query, content type and body of the first request, and nothing else of it",
    note = "an extractor of your own that reads only what a re-entry has says so: `impl extract::Replayable for ..`; for another \
            crate's, write `#[replayable]` before the argument",
    note = "if another value does no harm, write `#[not_replayed]` before the argument"
)]
pub trait ReplayableBody {}

#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an extractor, or none that is known to give the same when Inngest calls this handler again",
    label = "write `Json<{Self}>`, `Query<{Self}>`, `Path<{Self}>` or `State<{Self}>` if it is data, `Remember<{Self}>` if it \
             is an extractor",
    note = "a re-entry has the method, path, query, content type and body of the first request, and nothing else of it",
    note = "an extractor of your own that reads only what a re-entry has says so: `impl extract::Replayable for ..`; for another \
            crate's, write `#[replayable]` before the argument",
    note = "if another value does no harm, write `#[not_replayed]` before the argument"
)]
pub trait KnownExtractor {}
