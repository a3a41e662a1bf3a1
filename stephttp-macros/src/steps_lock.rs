//! `assert_steps_lock!`: a test where an item stands, its content where a statement does.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{
    Expr, Path, Token,
    parse::{Parse, ParseStream},
};

use crate::{
    args::Value,
    errors::Errors,
    krate::{self, FindCrate},
    place::Place,
};

/// `"deploy/steps.lock", crate = facade::inngest`, both of which can be left out.
struct Input {
    path: Option<Expr>,
    krate: Option<Path>,
}

impl Parse for Input {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut parsed = Input { path: None, krate: None };
        while !input.is_empty() {
            if parsed.krate.is_none() && input.peek(Token![crate]) && input.peek2(Token![=]) {
                input.parse::<Token![crate]>()?;
                input.parse::<Token![=]>()?;
                parsed.krate = Some(input.call(Path::parse_mod_style)?);
            } else if parsed.path.is_none() && parsed.krate.is_none() {
                parsed.path = Some(input.parse()?);
            } else {
                return Err(input.error("assert_steps_lock! takes the path of the file alone: remove this"));
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(parsed)
    }
}

pub(crate) fn assert_steps_lock(
    input: TokenStream,
    place: Place,
    find: FindCrate,
    errors: &mut Errors,
) -> TokenStream {
    let Some(Input { path, krate }) = errors.keep(syn::parse2(input)) else {
        return TokenStream::new();
    };
    let Some(krate) = krate::resolve(krate.map_or(Value::Absent, Value::Good), find, errors) else {
        return TokenStream::new();
    };
    let path = path.map_or_else(|| quote!("steps.lock"), |path| quote!(#path));
    let assert = quote!(#krate::steps_lock::assert_in(::core::env!("CARGO_MANIFEST_DIR"), #path));
    match place {
        Place::Module => quote! {
            #[test]
            fn runs_in_flight_survive_this_change() { #assert }
        },
        Place::Impl | Place::Block | Place::Unknown => assert,
    }
}
