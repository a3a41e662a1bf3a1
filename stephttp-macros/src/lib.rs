//! The `#[api_fn]` and `#[step_fn]` attributes, and the derives of events. Use them through
//! `stephttp`, where they are documented.
//!
//! Its modules stand in one order, in which each names only those above it (`tests/layers.rs` holds
//! it):
//!
//! | Module | Question |
//! |---|---|
//! | `errors`, `tokens`, `cfgs`, `kind`, `nearest` | what do all the others need? |
//! | `manifest` | what does `Cargo.toml` call a dependency? |
//! | `args` | what does the attribute say? |
//! | `item` | what does it stand on? |
//! | `krate` | by which name is `stephttp` known here? |
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
mod steps;
#[cfg(test)]
mod tests;
mod tokens;
mod validate;

use proc_macro2::TokenStream;
use syn::Attribute;

use crate::{args::Args, errors::Errors, event::Derived, item::Item, kind::Kind, krate::FindCrate};

// Documented where `stephttp` re-exports it; rustdoc would append what stood here.
#[allow(missing_docs)]
#[proc_macro_attribute]
pub fn api_fn(args: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand(args.into(), item.into(), krate::from_manifest).into_tokens().into()
}

#[allow(missing_docs)]
#[proc_macro_attribute]
pub fn step_fn(args: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand_as(Kind::Helper, args.into(), item.into(), krate::from_manifest).into_tokens().into()
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
fn expand(args: TokenStream, item: TokenStream, find_crate: FindCrate) -> Expansion {
    expand_as(Kind::Handler, args, item, find_crate)
}

/// Parse, validate, expand. Both halves of the input are read before anything is reported, and
/// whatever could be read is expanded, so that one mistake is one error.
fn expand_as(kind: Kind, args: TokenStream, item: TokenStream, find_crate: FindCrate) -> Expansion {
    let mut errors = Errors::default();
    let args = Args::parse(args, kind, &mut errors);
    let Some(parsed) = errors.keep(Item::parse(item.clone(), kind)) else {
        return Expansion { tokens: item, cfgs: Vec::new(), errors };
    };
    let cfgs = parsed.cfgs();
    let tokens = match kind {
        Kind::Handler => {
            validate::check(args, parsed, find_crate, &mut errors).map(|endpoint| expand::endpoint(&endpoint))
        }
        Kind::Helper => validate::check_helper(args, parsed, find_crate, &mut errors)
            .map(|helper| expand::helper(&helper)),
    };
    Expansion { tokens: tokens.unwrap_or(item), cfgs, errors }
}
