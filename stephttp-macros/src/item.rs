//! The annotated function: attributes, visibility, signature; the body stays opaque.
//!
//! A half-typed body would fail to parse, and with it would go every hint an editor can give. Only
//! its tokens are needed here, so it is never parsed.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use syn::{
    Attribute, Ident, LitStr, Signature, Token, Visibility,
    ext::IdentExt,
    parse::{ParseStream, Parser},
};

use crate::{
    cfgs,
    kind::Kind,
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
    pub(crate) fn parse(tokens: TokenStream, kind: Kind) -> syn::Result<Self> {
        (|input: ParseStream<'_>| Self::read(input, kind)).parse2(tokens)
    }

    fn read(input: ParseStream<'_>, kind: Kind) -> syn::Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        expect_function(input, kind)?;
        let sig = input.parse()?;
        let body = Body::read(input, kind)?;
        Ok(Item { attrs, vis, sig, body })
    }

    /// The conditions under which the function exists; all that stands beside it exists under the
    /// same.
    pub(crate) fn cfgs(&self) -> Vec<Attribute> {
        cfgs::of(&self.attrs)
    }
}

/// Says "not a function" in our words, before syn says "expected `fn`" in its own.
fn expect_function(input: ParseStream<'_>, kind: Kind) -> syn::Result<()> {
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
    Err(input.error(match kind {
        Kind::Handler => "`#[api_fn]` goes on a function: put it above an `async fn` that handles a request",
        Kind::Helper => "`#[step_fn]` goes on a function: put it above one that takes a handler's `Step`",
    }))
}

impl Body {
    fn read(input: ParseStream<'_>, kind: Kind) -> syn::Result<Self> {
        const HANDLER: &str = "a handler needs a body: write `{ .. }`";
        const HELPER: &str = "a helper needs a body: write `{ .. }`, or, for a trait's method, put `#[step_fn]` into the `impl`";
        let words = if kind == Kind::Handler { HANDLER } else { HELPER };
        let missing = || input.error(words);
        let mut token = input.parse::<Option<TokenTree>>()?.ok_or_else(missing)?;
        // A body that went through `macro_rules!` as `$body:block` comes in an invisible group.
        while let Some(group) = as_group(&token, Delimiter::None) {
            token = group.stream().into_iter().next().ok_or_else(missing)?;
        }
        let braces =
            as_group(&token, Delimiter::Brace).ok_or_else(|| syn::Error::new(token.span(), words))?;
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
