//! The annotated function: attributes, visibility, signature; the body stays opaque.
//!
//! A half-typed body would fail to parse, and with it would go every hint an editor can give. Only
//! its tokens are needed here, so it is never parsed.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use syn::{
    Attribute, Ident, LitStr, Signature, Token, Visibility,
    ext::IdentExt,
    parse::{Parse, ParseStream},
};

use crate::{
    cfgs,
    tokens::{as_group, is_punct},
};

/// A function whose body has not been looked into.
pub(crate) struct Item {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    pub(crate) body: Body,
}

/// `{ #![inner attributes] tokens }`
pub(crate) struct Body {
    /// Keeps the braces' place.
    pub(crate) braces: Group,
    /// They must stay the first thing in the braces.
    pub(crate) inner_attrs: TokenStream,
    pub(crate) tokens: TokenStream,
}

impl Item {
    pub(crate) fn parse(tokens: TokenStream) -> syn::Result<Self> {
        syn::parse2(tokens)
    }

    /// The conditions under which the function exists; all that stands beside it exists under the
    /// same.
    pub(crate) fn cfgs(&self) -> Vec<Attribute> {
        cfgs::of(&self.attrs)
    }
}

impl Parse for Item {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        expect_function(input)?;
        let sig = input.parse()?;
        let body = Body::parse(input)?;
        Ok(Item { attrs, vis, sig, body })
    }
}

/// Says "not a function" in our words, before syn says "expected `fn`" in its own.
fn expect_function(input: ParseStream<'_>) -> syn::Result<()> {
    let ahead = input.fork();
    while ahead.peek(Token![const]) || ahead.peek(Token![async]) || ahead.peek(Token![unsafe]) {
        Ident::parse_any(&ahead)?;
    }
    if ahead.peek(Token![extern]) {
        Ident::parse_any(&ahead)?;
        ahead.parse::<Option<LitStr>>()?;
    }
    if ahead.peek(Token![fn]) {
        return Ok(());
    }
    Err(input.error("`#[api_fn]` goes on a function: put it above an `async fn` that handles a request"))
}

impl Parse for Body {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let missing = || input.error("a handler needs a body: write `{ .. }`");
        let mut token = input.parse::<Option<TokenTree>>()?.ok_or_else(missing)?;
        // A body that went through `macro_rules!` as `$body:block` comes in an invisible group.
        while let Some(group) = as_group(&token, Delimiter::None) {
            token = group.stream().into_iter().next().ok_or_else(missing)?;
        }
        let braces = as_group(&token, Delimiter::Brace)
            .ok_or_else(|| syn::Error::new(token.span(), "a handler needs a body: write `{ .. }`"))?;
        let (inner_attrs, tokens) = split_inner_attrs(braces.stream());
        Ok(Body { braces: braces.clone(), inner_attrs, tokens })
    }
}

/// `#![a] #![b] rest` to `#![a] #![b]` and `rest`
fn split_inner_attrs(stream: TokenStream) -> (TokenStream, TokenStream) {
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    let attrs = tokens
        .chunks(3)
        .take_while(|chunk| match chunk {
            [hash, bang, brackets] => {
                is_punct(hash, '#') && is_punct(bang, '!') && as_group(brackets, Delimiter::Bracket).is_some()
            }
            _ => false,
        })
        .count();
    let (attrs, rest) = tokens.split_at(attrs * 3);
    (attrs.iter().cloned().collect(), rest.iter().cloned().collect())
}
