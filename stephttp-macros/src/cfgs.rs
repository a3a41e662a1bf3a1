//! The conditions under which something exists.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::quote;
use syn::{Attribute, Meta, Token, parse_quote, punctuated::Punctuated};

use crate::tokens::{as_group, is_punct};

/// The conditions among `attrs`, as `#[cfg(..)]`: those that are written so, and those within
/// `#[cfg_attr(..)]`.
pub(crate) fn of(attrs: &[Attribute]) -> Vec<Attribute> {
    let conditions = attrs.iter().flat_map(|attr| {
        let mut found = Vec::new();
        if attr.path().is_ident("cfg") {
            found.push(attr.clone());
        } else {
            found.extend(condition(&attr.meta).map(|condition| parse_quote!(#[cfg(#condition)])));
        }
        found
    });
    conditions.collect()
}

/// Whether all of `cfgs` hold, as a condition.
pub(crate) fn all(cfgs: &[Attribute]) -> TokenStream {
    let conditions = cfgs.iter().filter_map(|attr| condition(&attr.meta));
    quote!(all(#(#conditions),*))
}

/// The condition of the attribute that begins at `at`, if it is one.
pub(crate) fn at(tokens: &[TokenTree], at: usize) -> Option<TokenStream> {
    let [hash, brackets, ..] = &tokens[at..] else { return None };
    let brackets = as_group(brackets, Delimiter::Bracket).filter(|_| is_punct(hash, '#'))?;
    condition(&syn::parse2(brackets.stream()).ok()?)
}

/// `P` of `cfg(P)`, and `any(not(P), Q)` of `cfg_attr(P, cfg(Q))`.
fn condition(attr: &Meta) -> Option<TokenStream> {
    let Meta::List(list) = attr else { return None };
    if list.path.is_ident("cfg") {
        return Some(list.tokens.clone());
    }
    if !list.path.is_ident("cfg_attr") {
        return None;
    }
    let metas = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated).ok()?;
    let mut metas = metas.iter();
    let given = metas.next()?;
    let conditions: Vec<TokenStream> = metas.filter_map(condition).collect();
    (!conditions.is_empty()).then(|| quote!(any(not(#given), all(#(#conditions),*))))
}
