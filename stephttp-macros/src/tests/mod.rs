//! The pipeline on tokens: no compiler needed.
//!
//! That the expansions compile is tested where the runtime is, in `stephttp/tests`.

mod errors;
mod events;
mod golden;
mod guards;
mod helpers;
mod mutation;
mod scan;
mod tolerance;

use proc_macro2::TokenStream;
use syn::parse_quote;

use crate::{Expansion, errors::Errors, event, event::Derived, kind::Kind, place::Place};

/// What `#[api_fn(args)] item` expands to in a crate that depends on `stephttp` as `inngest`.
fn expand(args: &str, item: &str) -> Expansion {
    expand_as(Kind::Handler, args, item)
}

fn expand_as(kind: Kind, args: &str, item: &str) -> Expansion {
    let parse = |source: &str| source.parse::<TokenStream>().expect("a test's input has balanced brackets");
    crate::expand_as(kind, parse(args), parse(item), || Some(parse_quote!(::inngest)), Place::Unknown)
}

/// What a derive makes of an item, in the same crate, with its mistakes.
fn derived(derived: Derived, item: &str) -> Expansion {
    let item = item.parse::<TokenStream>().expect("a test's input has balanced brackets");
    let mut errors = Errors::default();
    let tokens = event::derive(item, derived, || Some(parse_quote!(::inngest)), &mut errors);
    Expansion { tokens, cfgs: Vec::new(), errors }
}

/// Each error as `token: message`. An error on the attribute as a whole has no token here.
fn messages(expansion: Expansion) -> Vec<String> {
    let message = |error: syn::Error| match error.span().source_text() {
        // Long ids would bury the message.
        Some(token) if token.len() > 40 => format!("..: {error}"),
        Some(token) => format!("{token}: {error}"),
        None => format!("#[api_fn]: {error}"),
    };
    expansion.errors.into_inner().into_iter().map(message).collect()
}
