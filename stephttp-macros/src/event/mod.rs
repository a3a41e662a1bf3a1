//! `#[derive(EventData)]` and `#[derive(EventFields)]`: a struct to an event's name, its version
//! and the fields that a filter can name.

mod container;
mod expand;
mod fields;
mod integers;
mod name;
mod options;
mod serde;

use proc_macro2::TokenStream;
use syn::DeriveInput;

use crate::{args::Value, errors::Errors, krate, krate::FindCrate};

/// Which of the two derives it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Derived {
    /// Of a whole event.
    EventData,
    /// Of an object inside of one.
    EventFields,
}

/// The impls. They come with mistakes, too, so that nothing else is said of a type that has one.
pub(crate) fn derive(
    input: TokenStream,
    derived: Derived,
    find: FindCrate,
    errors: &mut Errors,
) -> TokenStream {
    let Some(input) = errors.keep(syn::parse2::<DeriveInput>(input)) else { return TokenStream::new() };
    let container = container::read(&input, derived, errors);
    let fields = fields::read(&input, container.rename_all.as_deref(), errors);
    let krate = container.krate.clone().map_or(Value::Absent, Value::Good);
    let Some(krate) = krate::resolve(krate, find, errors) else { return TokenStream::new() };
    let event = (derived == Derived::EventData).then(|| container.event());
    expand::impls(&input, &krate, event, fields.as_deref())
}
