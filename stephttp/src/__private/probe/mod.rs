//! What the attribute asks the compiler about a handler's types.
//!
//! `(&&&Probe::<T>::NEW).stephttp_kind()` finds the first of several traits whose bound `T` meets,
//! because each is implemented for one reference less than the one before. So a question can be
//! asked of any type without an error; a method found may still have a bound that fails, which then
//! is the error.
//!
//! The state that a handler gets is not known where it is written, so extractors are asked with a
//! state of which nothing is known. One that asks more of its state is found by none of the probes
//! that ask for an extractor.

#![allow(missing_docs, reason = "not for use by hand")]

mod answer;
mod argument;
mod replay;

use std::marker::PhantomData;

/// The probes without their names, which would stand before the user's.
pub mod methods {
    pub use super::answer::{
        Abbreviated as _, Half as _, NoAnswer as _, ResultAnswer as _, WholeAnswer as _, WholeOf as _,
    };
    pub use super::argument::{
        AnyKind as _, BodyKind as _, PartsKind as _, PayloadKind as _, PlainData as _, StoredKind as _,
        ThatExtracts as _, ThatExtractsParts as _, ThatIsDeclared as _, ThatMayExtract as _,
    };
    pub use super::replay::{
        ReplayedBody as _, ReplayedParts as _, ReplayedUnknown as _, Same as _, SetByLayer as _, Stored as _,
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

/// What a handler's future must be for axum.
pub fn handler<F: Future + Send>(_: F) {}
