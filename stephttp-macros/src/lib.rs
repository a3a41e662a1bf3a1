//! The `#[api_fn]` and `#[step_fn]` attributes, the derives of events, and `assert_steps_lock!`.
//! Use them through `stephttp`, where they are documented.
//!
//! Its modules stand in one order, in which each names only those above it (`tests/layers.rs` holds
//! it):
//!
//! | Module | Question |
//! |---|---|
//! | `errors`, `tokens`, `cfgs`, `kind`, `nearest` | what do all the others need? |
//! | `manifest` | what does `Cargo.toml` call a dependency? |
//! | `place` | what is around the macro's call? |
//! | `args` | what does the attribute say? |
//! | `item` | what does it stand on? |
//! | `krate` | by which name is `stephttp` known here? |
//! | `steps_lock` | what does `assert_steps_lock!` do here? |
//! | `event` | what are `EventData` and `EventFields` made into? |
//! | `steps` | which steps are in the body? |
//! | `validate` | is all of it right, and does it go together? |
//! | `expand` | what is it made into? |

mod args;
mod cfgs;
mod errors;
mod event;
mod expand;
mod item;
mod kind;
mod krate;
mod manifest;
mod nearest;
mod place;
mod steps;
mod steps_lock;
#[cfg(test)]
mod tests;
mod tokens;
mod validate;

use proc_macro2::TokenStream;
use syn::Attribute;

use crate::{
    args::Args, errors::Errors, event::Derived, item::Item, kind::Kind, krate::FindCrate, place::Place,
};

// Documented where `stephttp` re-exports it; rustdoc would append what stood here.
#[allow(missing_docs)]
#[proc_macro_attribute]
pub fn api_fn(args: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand(args.into(), item.into(), krate::from_manifest, place_of_attribute()).into_tokens().into()
}

#[allow(missing_docs)]
#[proc_macro_attribute]
pub fn step_fn(args: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let (args, item) = (args.into(), item.into());
    expand_as(Kind::Helper, args, item, krate::from_manifest, Place::Unknown).into_tokens().into()
}

#[allow(missing_docs)]
#[proc_macro_derive(EventData, attributes(event))]
pub fn event_data(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    derive(input, Derived::EventData)
}

#[allow(missing_docs)]
#[proc_macro_derive(EventFields, attributes(event))]
pub fn event_fields(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    derive(input, Derived::EventFields)
}

#[allow(missing_docs)]
#[proc_macro]
pub fn assert_steps_lock(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let place = place::of_this_call(|call| !call.starts_with(['#', ' ']));
    let mut errors = Errors::default();
    let mut tokens = steps_lock::assert_steps_lock(input.into(), place, krate::from_manifest, &mut errors);
    tokens.extend(errors.into_tokens(&[]));
    tokens.into()
}

/// The source is not read for what begins a line: in an `impl`, it would not be formatted.
fn place_of_attribute() -> Place {
    if proc_macro::Span::call_site().start().column() == 1 {
        return Place::Unknown;
    }
    place::of_this_call(|call| call.starts_with('#'))
}

fn derive(input: proc_macro::TokenStream, derived: Derived) -> proc_macro::TokenStream {
    let mut errors = Errors::default();
    let mut tokens = event::derive(input.into(), derived, krate::from_manifest, &mut errors);
    tokens.extend(errors.into_tokens(&[]));
    tokens.into()
}

struct Expansion {
    tokens: TokenStream,
    /// The conditions under which the function, and so a mistake in it, exists.
    cfgs: Vec<Attribute>,
    errors: Errors,
}

impl Expansion {
    fn into_tokens(self) -> TokenStream {
        let Expansion { mut tokens, cfgs, errors } = self;
        tokens.extend(errors.into_tokens(&cfgs));
        tokens
    }
}

/// A handler.
fn expand(args: TokenStream, item: TokenStream, find_crate: FindCrate, place: Place) -> Expansion {
    expand_as(Kind::Handler, args, item, find_crate, place)
}

/// Parse, validate, expand. Both halves of the input are read before anything is reported, and
/// whatever could be read is expanded, so that one mistake is one error.
fn expand_as(
    kind: Kind,
    args: TokenStream,
    item: TokenStream,
    find_crate: FindCrate,
    place: Place,
) -> Expansion {
    let mut errors = Errors::default();
    let args = Args::parse(args, kind, &mut errors);
    let Some(parsed) = errors.keep(Item::parse(item.clone(), kind)) else {
        return Expansion { tokens: item, cfgs: Vec::new(), errors };
    };
    let cfgs = parsed.cfgs();
    let tokens = match kind {
        Kind::Handler => validate::check(args, parsed, find_crate, place, &mut errors)
            .map(|endpoint| expand::endpoint(&endpoint)),
        Kind::Helper => validate::check_helper(args, parsed, find_crate, &mut errors)
            .map(|helper| expand::helper(&helper)),
    };
    Expansion { tokens: tokens.unwrap_or(item), cfgs, errors }
}
