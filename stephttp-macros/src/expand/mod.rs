//! The validated model to tokens. Nothing here can fail.
//!
//! Every path is absolute and every attribute is built in, so that nothing in the user's scope, a
//! missing prelude included, can change what this means.

mod checks;
mod doc_table;
mod helper;
mod opts;
mod warnings;

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{ReturnType, Type, ext::IdentExt};

pub(crate) use self::helper::helper;
use crate::{
    cfgs,
    item::Body,
    tokens::{as_group, is_ident, is_punct, mentions, regroup, ungrouped},
    validate::Endpoint,
};

/// The function, and beside it what makes it known.
pub(crate) fn endpoint(endpoint: &Endpoint) -> TokenStream {
    if endpoint.is_method {
        return method(endpoint);
    }
    let mut tokens = function(endpoint);
    tokens.extend(marker(endpoint));
    tokens.extend(api_fn_impl(endpoint));
    tokens.extend(checks::of(endpoint));
    // A function with a mistake is not registered: a setup check that fails on it would be a second
    // error.
    if endpoint.sound {
        tokens.extend(registration(endpoint));
    }
    tokens
}

/// The function alone, with its steps as they would be.
fn method(endpoint: &Endpoint) -> TokenStream {
    let Endpoint { krate, attrs, vis, sig, body, .. } = endpoint;
    let Body { braces, inner_attrs, tokens } = body;
    let methods =
        endpoint.typed.then(|| quote!(#[allow(unused_imports)] use #krate::__private::block::methods::*;));
    let body = regroup(braces, quote!(#inner_attrs #methods #tokens));
    quote!(#(#attrs)* #[allow(unused_variables)] #vis #sig #body)
}

/// ```text
/// async fn create_order(step: Step) -> R { #![inner] body }
/// // to
/// async fn create_order(step: Step) -> R {
///     #![inner]
///     let entered = krate::__private::enter::<create_order>(&step);
///     krate::__private::body(entered, async move { body }).await
/// }
/// ```
///
/// So the run knows whether the body has come to its end.
fn function(endpoint: &Endpoint) -> TokenStream {
    let Endpoint { krate, attrs, vis, sig, body, step, step_cfgs, .. } = endpoint;
    let Body { braces, inner_attrs, tokens } = body;
    let name = &sig.ident;
    let entered = Ident::new("entered", Span::mixed_site());
    let enter = step.as_ref().map(|step| {
        // The user asked not to use it, and does not.
        let lint =
            step.to_string().starts_with('_').then(|| quote!(#[allow(clippy::used_underscore_binding)]));
        quote!(#(#step_cfgs)* #lint let #entered = #krate::__private::enter::<#name>(&#step);)
    });
    // A provider may record all endpoints: it must know what this one keeps to itself.
    let without_step = quote!(#krate::__private::enter_without_step::<#name>(););
    let enter = match enter {
        Some(enter) if !step_cfgs.is_empty() => {
            let exists = cfgs::all(step_cfgs);
            quote!(#enter #[cfg(not(#exists))] let #entered = #without_step)
        }
        Some(enter) => enter,
        None => without_step,
    };
    // Within the body, the function's name may mean something else.
    let renames = step.is_some() || mentions(tokens, &name.to_string()) || mentions(tokens, "use");
    // A body that begins with `const ..;` has it after a statement now.
    let lint =
        (!renames && starts_with_item(tokens)).then(|| quote!(#[allow(clippy::items_after_statements)]));
    let tokens = if renames { inner(braces, tokens.clone()).into() } else { tokens.clone() };
    let tokens = if step.is_some() && never_ends(&sig.output) {
        quote!(::core::mem::drop(#entered); #tokens)
    } else if step.is_some() {
        let output = output_hint(&sig.output);
        quote!(#krate::__private::body(#entered, async move { #output #tokens }).await)
    } else {
        tokens
    };
    let methods =
        endpoint.typed.then(|| quote!(#[allow(unused_imports)] use #krate::__private::block::methods::*;));
    let body = regroup(braces, quote!(#inner_attrs #methods #enter #tokens));
    let table = doc_table::of(endpoint);
    quote!(#lint #(#attrs)* #table #vis #sig #body)
}

/// The body in its braces, at the user's place: but not as the user's, or rustc asks to remove
/// those of a body in one line.
fn inner(braces: &Group, tokens: TokenStream) -> TokenTree {
    let mut inner = Group::new(Delimiter::Brace, tokens);
    inner.set_span(Span::call_site().located_at(braces.span()));
    inner.into()
}

/// Never runs: says the type of an async block, as a function's signature does. What the signature
/// leaves open is left open.
fn output_hint(output: &ReturnType) -> TokenStream {
    let never = Ident::new("never", Span::mixed_site());
    let output = match output {
        ReturnType::Default => quote!(()),
        ReturnType::Type(_, output) => without_impls(output.to_token_stream()),
    };
    quote! {
        #[allow(
            deprecated,
            unreachable_code,
            unused_parens,
            clippy::diverging_sub_expression,
            clippy::empty_loop,
            clippy::let_unit_value,
            clippy::let_with_type_underscore,
            clippy::needless_return,
            clippy::type_complexity,
            clippy::unreachable
        )]
        if false {
            let #never: #output = loop {};
            return #never;
        }
    }
}

/// A function that answers nothing by itself, and whose type cannot be named elsewhere.
fn never_ends(output: &ReturnType) -> bool {
    matches!(output, ReturnType::Type(_, output) if matches!(ungrouped(output), Type::Never(_)))
}

/// `Result<impl IntoResponse, E>` to `Result<_, E>`.
fn without_impls(tokens: TokenStream) -> TokenStream {
    let mut out = Vec::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Group(group) => out.push(regroup(&group, without_impls(group.stream()))),
            token if is_ident(&token, "impl") => {
                let (mut depth, mut after_dash) = (0_usize, false);
                while let Some(next) = tokens.peek() {
                    match next {
                        next if depth == 0 && (is_punct(next, ',') || is_punct(next, '>') && !after_dash) => {
                            break;
                        }
                        next if is_punct(next, '<') => depth += 1,
                        next if is_punct(next, '>') && !after_dash => depth -= 1,
                        _ => {}
                    }
                    after_dash = is_punct(next, '-');
                    tokens.next();
                }
                out.extend(quote!(_));
            }
            token => out.push(token),
        }
    }
    out.into_iter().collect()
}

/// `pub enum create_order {}`, and not exhaustive, because users may have a lint that asks for
/// that.
///
/// Functions and types have different namespaces, so the handler and its type share a name:
/// `&create_order` is the handler, `<create_order as ApiFn>::OPTS` its options, and one `use`
/// brings both.
fn marker(endpoint: &Endpoint) -> TokenStream {
    let Endpoint { cfgs, vis, sig, .. } = endpoint;
    let name = &sig.ident;
    quote! {
        #(#cfgs)*
        #[allow(non_camel_case_types)]
        #[doc(hidden)]
        #[non_exhaustive]
        #vis enum #name {}
    }
}

/// `impl krate::function::ApiFn for create_order { const OPTS: .. = ..; const STEPS: .. = ..; }`
fn api_fn_impl(endpoint: &Endpoint) -> TokenStream {
    let Endpoint { krate, cfgs, sig, calls, .. } = endpoint;
    let name = &sig.ident;
    let opts = opts::of(&endpoint.opts, krate);
    let steps = calls.iter().filter_map(|call| call.meta(krate));
    quote! {
        #(#cfgs)*
        #[automatically_derived]
        impl #krate::function::ApiFn for #name {
            const OPTS: #krate::FnOpts = #opts;
            const STEPS: &'static [#krate::function::StepMeta] = &[#(#steps),*];
        }
    }
}

/// Hands the function to `inngest::function::registered()`, with the place to name when two
/// functions have one id.
fn registration(endpoint: &Endpoint) -> TokenStream {
    let Endpoint { krate, cfgs, sig, .. } = endpoint;
    let name = &sig.ident;
    let path = format!("::{}", name.unraw());
    quote! {
        #(#cfgs)*
        #krate::__private::inventory::submit! {
            #krate::__private::registration::<#name>(
                ::core::concat!(::core::module_path!(), #path),
                ::core::file!(),
                ::core::line!(),
            )
        }
    }
}

/// Whether the first statement is an item.
fn starts_with_item(body: &TokenStream) -> bool {
    const ITEMS: &[&str] =
        &["fn", "const", "static", "struct", "enum", "impl", "trait", "type", "mod", "pub"];
    let tokens: Vec<TokenTree> = body.clone().into_iter().collect();
    let mut rest = &tokens[..];
    while let [hash, brackets, after @ ..] = rest
        && is_punct(hash, '#')
        && as_group(brackets, Delimiter::Bracket).is_some()
    {
        rest = after;
    }
    match rest {
        [word, block, ..] if is_ident(word, "const") && as_group(block, Delimiter::Brace).is_some() => false,
        [word, next, ..] if is_ident(word, "async") || is_ident(word, "unsafe") => {
            ITEMS.iter().any(|item| is_ident(next, item))
        }
        [word, ..] => ITEMS.iter().any(|item| is_ident(word, item)),
        [] => false,
    }
}
