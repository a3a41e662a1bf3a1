//! Whether an argument reads the request's body, and whether it is an extractor at all.

use axum::Json;
use axum::extract::{Form, FromRequest, FromRequestParts, Path, Query};
use serde::de::DeserializeOwned;

use super::{Probe, UnknownState};
use crate::remember::Remember;
use crate::replayable::Replayable;
use crate::step::Storable;

/// The argument reads the request's body.
#[derive(Debug)]
pub struct Body;

/// It does not, or that is not known.
#[derive(Debug)]
pub struct NoBody;

impl NoBody {
    pub fn before_last<T>(self) {}
    pub fn last<T>(self) {}
    pub fn last_without_body<T>(self) {}
}

impl Body {
    pub fn before_last<T: LastAndOnly>(self) {}
    pub fn last<T>(self) {}
    pub fn last_without_body<T: Bodiless>(self) {}
}

/// `Json<T>` and its like are extractors if `T` can be read.
pub trait PayloadKind<T> {
    type Kind;
    fn stephttp_kind(&self) -> Self::Kind
    where
        T: Payload;
}

impl<T> PayloadKind<T> for &&&Probe<Json<T>> {
    type Kind = Body;
    fn stephttp_kind(&self) -> Body {
        Body
    }
}

impl<T> PayloadKind<T> for &&&Probe<Form<T>> {
    type Kind = Body;
    fn stephttp_kind(&self) -> Body {
        Body
    }
}

impl<T> PayloadKind<T> for &&&Probe<Query<T>> {
    type Kind = NoBody;
    fn stephttp_kind(&self) -> NoBody {
        NoBody
    }
}

impl<T> PayloadKind<T> for &&&Probe<Path<T>> {
    type Kind = NoBody;
    fn stephttp_kind(&self) -> NoBody {
        NoBody
    }
}

/// `Remember<T>` is an extractor if `T` can be stored.
pub trait StoredKind<T> {
    fn stephttp_kind(&self) -> NoBody
    where
        T: Rememberable;
}

impl<T> StoredKind<T> for &&&Probe<Remember<T>> {
    fn stephttp_kind(&self) -> NoBody {
        NoBody
    }
}

pub trait PartsKind {
    fn stephttp_kind(&self) -> NoBody;
}

impl<T: FromRequestParts<UnknownState>> PartsKind for &&Probe<T> {
    fn stephttp_kind(&self) -> NoBody {
        NoBody
    }
}

pub trait BodyKind {
    fn stephttp_kind(&self) -> Body;
}

impl<T: FromRequest<UnknownState>> BodyKind for &Probe<T> {
    fn stephttp_kind(&self) -> Body {
        Body
    }
}

pub trait AnyKind {
    fn stephttp_kind(&self) -> NoBody;
}

impl<T> AnyKind for Probe<T> {
    fn stephttp_kind(&self) -> NoBody {
        NoBody
    }
}

pub trait ThatIsDeclared {
    fn stephttp_extracts(&self);
}

impl<T: Replayable> ThatIsDeclared for &&&&Probe<T> {
    fn stephttp_extracts(&self) {}
}

pub trait ThatExtractsParts {
    fn stephttp_extracts(&self);
}

impl<T: FromRequestParts<UnknownState>> ThatExtractsParts for &&&Probe<T> {
    fn stephttp_extracts(&self) {}
}

pub trait ThatExtracts {
    fn stephttp_extracts(&self);
}

impl<T: FromRequest<UnknownState>> ThatExtracts for &&Probe<T> {
    fn stephttp_extracts(&self) {}
}

/// Plain data: the extractor around it was forgotten.
pub trait PlainData<T> {
    fn stephttp_extracts(&self)
    where
        T: Extractor;
}

impl<T: DeserializeOwned> PlainData<T> for &Probe<T> {
    fn stephttp_extracts(&self) {}
}

pub trait ThatMayExtract {
    fn stephttp_extracts(&self);
}

impl<T> ThatMayExtract for Probe<T> {
    fn stephttp_extracts(&self) {}
}

#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an extractor, as far as can be seen here",
    label = "write `Json<{Self}>` for a JSON body, `Query<{Self}>`, `Path<{Self}>`, or `State<{Self}>`",
    note = "one that is an extractor, with a certain state, is let through by `#[not_replayed]` before the argument"
)]
pub trait Extractor {}

#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from a request: it does not implement `Deserialize`",
    label = "write `#[derive(serde::Deserialize)]` on `{Self}`"
)]
pub trait Payload {}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned> Payload for T {}

#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be remembered: it must implement both `Serialize` and `Deserialize`, and own its data",
    label = "write an extractor of what the handler needs of it, which derives them, and take that as `Remember<..>`",
    note = "`State<..>` and what reads the method, the path, the query or the body need no `Remember`: a re-entry has them"
)]
pub trait Rememberable {}

#[diagnostic::do_not_recommend]
impl<T: Storable> Rememberable for T {}

/// Only the last argument can be of the kind [`Body`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` reads the request's body, so it must be the last argument, and the only one that does",
    label = "move it to the end; where two read the body, take one type that has the fields of both"
)]
pub trait LastAndOnly {}

/// No argument can be of the kind [`Body`] where a re-entry has none.
#[diagnostic::on_unimplemented(
    message = "`{Self}` reads the request's body, which `omit_request_body` keeps from Inngest, so that a re-entry has none",
    label = "remove `omit_request_body`, or take what the handler needs from the path or the query",
    note = "a handler that reads the body in a step alone takes `#[not_replayed] body: Bytes`, which are empty in a re-entry"
)]
pub trait Bodiless {}
