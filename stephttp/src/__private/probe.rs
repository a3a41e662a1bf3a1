//! What the attribute asks the compiler about a handler's types.
//!
//! `(&&&Probe::<T>::NEW).kind()` finds the first of several traits whose bound `T` meets, because each is implemented
//! for one reference less than the one before. So a question can be asked of any type without an error; a method found
//! may still have a bound that fails, which then is the error.
//!
//! The state that a handler gets is not known where it is written, so extractors are asked with a state of which
//! nothing is known. One that asks more of its state is found by none of the first probes, and nothing is said of it.

#![allow(missing_docs, reason = "not for use by hand")]

use std::marker::PhantomData;

use axum::Json;
use axum::extract::{Form, FromRequest, FromRequestParts, Path, Query};
use axum::response::{ErrorResponse, IntoResponse};
use serde::de::DeserializeOwned;

use crate::remember::Remember;
use crate::replayable::Replayable;
use crate::step::Storable;

/// The probes without their names, which would stand before the user's.
pub mod methods {
    pub use super::{
        Abbreviated as _, Declared as _, Fleeting as _, FromBody as _, FromParts as _, Half as _,
        NoAnswer as _, NoExtractor as _, Part as _, PayloadOf as _, Plain as _, Rememberable as _,
        ResultAnswer as _, Same as _, StoredOf as _, Unknown as _, WholeAnswer as _, WholeOf as _,
    };
}

/// Stands for a value of the type `T`.
#[derive(Debug)]
pub struct Probe<T>(PhantomData<fn() -> T>);

impl<T> Probe<T> {
    pub const NEW: Self = Self(PhantomData);
}

/// A state of which nothing is known.
#[derive(Debug)]
pub struct UnknownState;

/// The argument reads the request's body.
#[derive(Debug)]
pub struct Body;

/// It does not, or that is not known.
#[derive(Debug)]
pub struct NoBody;

/// `Json<T>` and its like are extractors if `T` can be read.
pub trait PayloadOf<T> {
    type Kind;
    fn kind(&self) -> Self::Kind
    where
        T: Payload;
}

impl<T> PayloadOf<T> for &&&&&Probe<Json<T>> {
    type Kind = Body;
    fn kind(&self) -> Body {
        Body
    }
}

impl<T> PayloadOf<T> for &&&&&Probe<Form<T>> {
    type Kind = Body;
    fn kind(&self) -> Body {
        Body
    }
}

impl<T> PayloadOf<T> for &&&&&Probe<Query<T>> {
    type Kind = NoBody;
    fn kind(&self) -> NoBody {
        NoBody
    }
}

impl<T> PayloadOf<T> for &&&&&Probe<Path<T>> {
    type Kind = NoBody;
    fn kind(&self) -> NoBody {
        NoBody
    }
}

/// `Remember<T>` is an extractor if `T` can be stored.
pub trait StoredOf<T> {
    fn kind(&self) -> NoBody
    where
        T: Storable;
}

impl<T> StoredOf<T> for &&&&&Probe<Remember<T>> {
    fn kind(&self) -> NoBody {
        NoBody
    }
}

pub trait FromParts {
    fn kind(&self) -> NoBody;
}

impl<T: FromRequestParts<UnknownState>> FromParts for &&&&Probe<T> {
    fn kind(&self) -> NoBody {
        NoBody
    }
}

pub trait FromBody {
    fn kind(&self) -> Body;
}

impl<T: FromRequest<UnknownState>> FromBody for &&&Probe<T> {
    fn kind(&self) -> Body {
        Body
    }
}

pub trait Declared {
    fn kind(&self) -> NoBody;
}

impl<T: Replayable> Declared for &&Probe<T> {
    fn kind(&self) -> NoBody {
        NoBody
    }
}

/// Plain data: the extractor around it was forgotten.
pub trait Plain<T> {
    fn kind(&self) -> NoBody
    where
        T: Extractor;
}

impl<T: DeserializeOwned> Plain<T> for &Probe<T> {
    fn kind(&self) -> NoBody {
        NoBody
    }
}

pub trait Unknown {
    fn kind(&self) -> NoBody;
}

impl<T> Unknown for Probe<T> {
    fn kind(&self) -> NoBody {
        NoBody
    }
}

#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an extractor, so axum cannot make it of a request",
    label = "write `Json<{Self}>` for a JSON body, `Query<{Self}>`, `Path<{Self}>`, or `State<{Self}>`",
    note = "an extractor of your own whose state is not known here says so by `impl stephttp::Replayable for ..`"
)]
pub trait Extractor {}

#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from a request: it does not implement `Deserialize`",
    label = "write `#[derive(serde::Deserialize)]` on `{Self}`"
)]
pub trait Payload {}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned> Payload for T {}

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
    note = "a handler that expects an empty body in its re-entries says so by `#[not_replayed]` on the argument"
)]
pub trait Bodiless {}

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

pub trait Same {
    fn replays(&self);
}

impl<T: Replayable> Same for &&&&Probe<T> {
    fn replays(&self) {}
}

/// It can be remembered.
pub trait Rememberable<T> {
    fn replays(&self)
    where
        T: Replayable;
}

impl<T: Storable + FromRequestParts<UnknownState>> Rememberable<T> for &&&Probe<T> {
    fn replays(&self) {}
}

pub trait Part<T> {
    fn replays(&self)
    where
        T: ReplayablePart;
}

impl<T: FromRequestParts<UnknownState>> Part<T> for &&Probe<T> {
    fn replays(&self) {}
}

/// What [`Plain`] reports.
pub trait NoExtractor {
    fn replays(&self);
}

impl<T: DeserializeOwned> NoExtractor for &Probe<T> {
    fn replays(&self) {}
}

pub trait Fleeting<T> {
    fn replays(&self)
    where
        T: ReplayablePart;
}

impl<T> Fleeting<T> for Probe<T> {
    fn replays(&self) {}
}

/// As [`Replayable`], of types that cannot be remembered as they are.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the same when Inngest calls this handler again",
    label = "write an extractor of what the handler needs of it, which can be stored, and take that as `Remember<..>`",
    note = "a re-entry has the method, path, query, content type and body of the first request, and nothing else of it",
    note = "an extractor of your own that reads only what a re-entry has says so: `impl stephttp::Replayable for ..`",
    note = "if another value does no harm, write `#[not_replayed]` before the argument"
)]
pub trait ReplayablePart {}

/// The first probe: `Result` is asked for its two halves if it is no answer as a whole.
pub trait WholeAnswer {
    fn answer(&self);
}

impl<T: IntoResponse> WholeAnswer for &&Probe<T> {
    fn answer(&self) {}
}

pub trait ResultAnswer<T, E> {
    fn answer(&self)
    where
        T: Answer,
        E: Answer;
}

impl<T, E> ResultAnswer<T, E> for &Probe<Result<T, E>> {
    fn answer(&self) {}
}

pub trait NoAnswer<T> {
    fn answer(&self)
    where
        T: Answer;
}

impl<T> NoAnswer<T> for Probe<T> {
    fn answer(&self) {}
}

/// `A` of `Result<A, B>`, which is asked about if that is no answer as a whole.
pub trait WholeOf {
    fn half_answer(&self);
}

impl<R: IntoResponse, T> WholeOf for &&&Probe<(R, T)> {
    fn half_answer(&self) {}
}

/// It is an answer only as a whole, as the error of a `Result`.
pub trait Abbreviated {
    fn half_answer(&self);
}

impl<R> Abbreviated for &&Probe<(R, ErrorResponse)> {
    fn half_answer(&self) {}
}

pub trait Half<T> {
    fn half_answer(&self)
    where
        T: Answer;
}

impl<R, T> Half<T> for &Probe<(R, T)> {
    fn half_answer(&self) {}
}

#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a handler's answer: it does not implement `IntoResponse`",
    label = "answer with a `Json<..>`, a `String`, a `StatusCode`, or implement `IntoResponse` for `{Self}`"
)]
pub trait Answer {}

#[diagnostic::do_not_recommend]
impl<T: IntoResponse> Answer for T {}
