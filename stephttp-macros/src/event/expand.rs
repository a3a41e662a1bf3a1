//! What a struct is made into: its event, and a struct of its fields.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};
use syn::{DeriveInput, Path, ext::IdentExt};

use super::{container::Event, fields::Named};
use crate::tokens::{is_punct, regroup};

/// `fields` is `None` for a type that can have none; nothing can be filtered by it then.
pub(super) fn impls(
    input: &DeriveInput,
    krate: &Path,
    event: Option<Event>,
    fields: Option<&[Named<'_>]>,
) -> TokenStream {
    let DeriveInput { ident, generics, vis, .. } = input;
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    let event = event.map(|Event { name, version }| {
        let version = version.map(|version| {
            quote!(const VERSION: ::core::option::Option<&'static str> = ::core::option::Option::Some(#version);)
        });
        quote! {
            #[automatically_derived]
            impl #impl_generics #krate::EventData for #ident #type_generics #where_clause {
                const NAME: &'static str = #krate::__private::event_name(#name);
                #version
            }
        }
    });
    let Some(fields) = fields else {
        return quote! {
            #[automatically_derived]
            impl #impl_generics #krate::EventFields for #ident #type_generics #where_clause {
                type Fields = ();
                fn fields() {}
            }
            #event
        };
    };
    // Its name is seen in errors alone.
    let all = format_ident!("{}Fields", ident.unraw());
    let declared = fields.iter().map(|Named { ident, vis, ty, custom, .. }| {
        let ty =
            if *custom { quote!(#krate::step::CustomForm) } else { without_lifetimes(ty.to_token_stream()) };
        quote!(#vis #ident: #krate::step::Field<#ty>)
    });
    let made = fields.iter().map(|Named { ident, name, .. }| match name {
        Some(name) => quote!(#ident: #krate::step::Field::new(#name)),
        None => quote!(#ident: #krate::step::Field::flattened()),
    });
    quote! {
        const _: () = {
            #[doc(hidden)]
            #[allow(dead_code, missing_docs, missing_debug_implementations, non_snake_case)]
            #vis struct #all {
                #(#declared,)*
            }
            #[automatically_derived]
            impl #impl_generics #krate::EventFields for #ident #type_generics #where_clause {
                type Fields = #all;
                #[inline]
                fn fields() -> #all {
                    #all { #(#made,)* }
                }
            }
            #event
        };
    }
}

/// `&'a str` to `&'static str`: the struct of the fields has no lifetimes.
fn without_lifetimes(ty: TokenStream) -> TokenStream {
    let mut after_quote = false;
    let tokens = ty.into_iter().map(|token| {
        let is_lifetime = std::mem::replace(&mut after_quote, is_punct(&token, '\''));
        match token {
            TokenTree::Ident(name) if is_lifetime => Ident::new("static", name.span()).into(),
            TokenTree::Group(group) => regroup(&group, without_lifetimes(group.stream())),
            token => token,
        }
    });
    tokens.collect()
}
