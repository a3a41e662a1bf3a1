//! The collector: every mistake is reported, each on its own token.

use std::fmt::Display;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::Attribute;

/// The mistakes found so far, in the order they were found.
#[derive(Default)]
pub(crate) struct Errors(Vec<syn::Error>);

impl Errors {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reports `message` on everything `tokens` covers.
    pub(crate) fn on(&mut self, tokens: impl ToTokens, message: impl Display) {
        self.0.push(syn::Error::new_spanned(tokens, message));
    }

    pub(crate) fn at(&mut self, span: Span, message: impl Display) {
        self.0.push(syn::Error::new(span, message));
    }

    /// Takes the good value out of `result`, or keeps its error for the report.
    pub(crate) fn keep<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.0.push(error)).ok()
    }

    /// One `compile_error!` item for each mistake, gated as the function is: a handler that is
    /// configured out has no mistakes.
    pub(crate) fn into_tokens(self, cfgs: &[Attribute]) -> TokenStream {
        let gated = self.0.into_iter().flatten().map(|error| {
            let error = error.to_compile_error();
            quote!(#(#cfgs)* #error)
        });
        gated.collect()
    }

    /// Each mistake with the place it is reported at, where tests can see them.
    #[cfg(test)]
    pub(crate) fn into_inner(self) -> Vec<syn::Error> {
        self.0.into_iter().flatten().collect()
    }
}
