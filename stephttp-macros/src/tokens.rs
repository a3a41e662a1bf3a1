//! Small questions about token trees.

use proc_macro2::{Delimiter, Group, Ident, Literal, Spacing, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Lit, LitStr, Type};

pub(crate) fn is_punct(token: &TokenTree, mark: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == mark)
}

pub(crate) fn is_ident(token: &TokenTree, name: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == name)
}

pub(crate) fn as_group(token: &TokenTree, delimiter: Delimiter) -> Option<&Group> {
    match token {
        TokenTree::Group(group) if group.delimiter() == delimiter => Some(group),
        _ => None,
    }
}

/// What `macro_rules!` passes on as `$x:expr` or `$x:literal` stands in an invisible group: this
/// looks into one that holds a single token.
pub(crate) fn peel(token: &TokenTree) -> TokenTree {
    if let Some(group) = as_group(token, Delimiter::None) {
        let mut inside = group.stream().into_iter();
        if let (Some(only), None) = (inside.next(), inside.next()) {
            return peel(&only);
        }
    }
    token.clone()
}

pub(crate) fn as_ident(token: &TokenTree) -> Option<Ident> {
    match peel(token) {
        TokenTree::Ident(ident) => Some(ident),
        _ => None,
    }
}

/// Any literal.
pub(crate) fn as_literal(token: &TokenTree) -> Option<Literal> {
    match peel(token) {
        TokenTree::Literal(literal) => Some(literal),
        _ => None,
    }
}

/// Whether it is a string, be it one with a suffix.
pub(crate) fn is_text(literal: &Literal) -> bool {
    matches!(Lit::new(literal.clone()), Lit::Str(_))
}

/// A string literal, raw or not. One with a suffix is left to rustc.
pub(crate) fn as_string(token: &TokenTree) -> Option<LitStr> {
    match peel(token) {
        TokenTree::Literal(literal) => match Lit::new(literal) {
            Lit::Str(text) if text.suffix().is_empty() => Some(text),
            _ => None,
        },
        _ => None,
    }
}

/// The type in parentheses, or in the invisible group of a `$x:ty`.
pub(crate) fn ungrouped(ty: &Type) -> &Type {
    match ty {
        Type::Group(ty) => ungrouped(&ty.elem),
        Type::Paren(ty) => ungrouped(&ty.elem),
        ty => ty,
    }
}

/// The same group around other tokens.
pub(crate) fn regroup(group: &Group, stream: TokenStream) -> TokenTree {
    let mut new = Group::new(group.delimiter(), stream);
    new.set_span(group.span());
    new.into()
}

/// How many tokens a turbofish at the start of `tokens` takes: `::<A, fn() -> B>` is 11.
pub(crate) fn turbofish(tokens: &[TokenTree]) -> usize {
    if tokens.len() < 3
        || !is_punct(&tokens[0], ':')
        || !is_punct(&tokens[1], ':')
        || !is_punct(&tokens[2], '<')
    {
        return 0;
    }
    let mut depth = 0;
    let mut after_dash = false;
    for (at, token) in tokens.iter().enumerate() {
        if is_punct(token, '<') {
            depth += 1;
        } else if is_punct(token, '>') && !after_dash {
            depth -= 1;
            if depth == 0 {
                return at + 1;
            }
        }
        after_dash =
            matches!(token, TokenTree::Punct(p) if p.as_char() == '-' && p.spacing() == Spacing::Joint);
    }
    0
}

/// Whether the word `name` is anywhere in `tokens`.
pub(crate) fn mentions(tokens: impl ToTokens, name: &str) -> bool {
    tokens.into_token_stream().into_iter().any(|token| match &token {
        TokenTree::Group(group) => mentions(group.stream(), name),
        token => is_ident(token, name),
    })
}
