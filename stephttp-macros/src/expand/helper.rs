//! A helper. All that makes it known is inside of its body, since beside a method there is no place
//! for it.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;

use super::{doc_table, warnings};
use crate::{item::Body, kind::Kind, tokens::regroup, validate::Helper};

/// ```text
/// async fn charge<T>(step: &Step, order: T) -> R { #![inner] body }
/// // to
/// async fn charge<T>(step: &Step, order: T) -> R {
///     #![inner]
///     krate::__private::inventory::submit! { .. }
///     body
/// }
/// ```
///
/// Only items stand before the body, and none uses what the function is generic over.
pub(crate) fn helper(helper: &Helper) -> TokenStream {
    let Helper { krate, attrs, vis, sig, body, calls, typed, warned, sound } = helper;
    let Body { braces, inner_attrs, tokens } = body;
    let methods = typed.then(|| quote!(#[allow(unused_imports)] use #krate::__private::block::methods::*;));
    let registration = sound.then(|| registration(helper));
    let warnings = warnings::of(warned, krate, Kind::Helper);
    let warnings = (!warnings.is_empty()).then(|| quote!(const _: fn() = || { #warnings };));
    let body = regroup(braces, quote!(#inner_attrs #methods #registration #warnings #tokens));
    let table = doc_table::of_helper(attrs, calls);
    quote!(#(#attrs)* #table #vis #sig #body)
}

/// Hands the helper to `inngest::function::registered_helpers()`.
fn registration(helper: &Helper) -> TokenStream {
    let Helper { krate, sig, calls, .. } = helper;
    let path = format!("::{}", sig.ident.unraw());
    let steps = calls.iter().filter_map(|call| call.meta(krate));
    quote! {
        #krate::__private::inventory::submit! {
            #krate::__private::helper(
                ::core::concat!(::core::module_path!(), #path),
                ::core::file!(),
                ::core::line!(),
                const { &[#(#steps),*] },
            )
        }
    }
}
