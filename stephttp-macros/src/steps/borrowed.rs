//! A step that gives a text literal, `async { Ok("Ada") }`, or what is surely borrowed:
//! `async { Ok(&name) }`.
//!
//! rustc says of it that "implementation of `Deserialize` is not general enough", and no trait can
//! say it better.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::quote_spanned;
use syn::{LitStr, Path, spanned::Spanned};

use crate::{
    errors::Errors,
    krate,
    tokens::{as_group, as_string, is_ident, is_punct, regroup},
};

/// Reports it, and makes it the good case of itself.
pub(super) fn mend(future: &mut [TokenTree], krate: &Path, errors: &mut Errors) -> bool {
    let [first, .., block] = future else { return false };
    let Some(braces) = as_group(block, Delimiter::Brace).filter(|_| is_ident(first, "async")) else {
        return false;
    };
    let mut tokens: Vec<TokenTree> = braces.stream().into_iter().collect();
    let Some((text, at)) = last_literal(&tokens) else {
        let Some(args) = last_reference(&tokens).cloned() else { return false };
        let inside = args.stream();
        errors.on(
            &inside,
            "a step's output must own its data, because later requests read it from where it is stored: give a copy, by \
             `.to_owned()` or `.clone()`",
        );
        let owned = quote_spanned!(inside.span()=> ::std::borrow::ToOwned::to_owned(#inside));
        tokens.pop();
        tokens.push(regroup(&args, owned));
        *block = regroup(braces, TokenStream::from_iter(tokens));
        return true;
    };
    errors.at(
        text.span(),
        format_args!(
            "a step's output must own its data, because later requests read it from where it is stored: write \
             `{}.to_owned()`",
            text.token()
        ),
    );
    let door = krate::located_at(krate, text.span());
    let owned = quote_spanned!(text.span()=> #door::__private::owned(#text));
    if let TokenTree::Group(parens) = &tokens[at] {
        tokens[at] = regroup(parens, owned);
    }
    *block = regroup(braces, TokenStream::from_iter(tokens));
    true
}

/// The literal in the `Ok("..")` that a block ends in, and the place of its parentheses.
fn last_literal(tokens: &[TokenTree]) -> Option<(LitStr, usize)> {
    let mut inside = last_ok(tokens)?.stream().into_iter();
    match (inside.next(), inside.next()) {
        (Some(only), None) => Some((as_string(&only)?, tokens.len() - 1)),
        _ => None,
    }
}

/// The parentheses of an `Ok(&name)` or `Ok(name.as_str())` that a block ends in.
fn last_reference(tokens: &[TokenTree]) -> Option<&Group> {
    let args = last_ok(tokens)?;
    let inside: Vec<TokenTree> = args.stream().into_iter().collect();
    let is_reference = match &inside[..] {
        // Not `&a + &b`, which may be anything.
        [and, value @ ..] if is_punct(and, '&') => !value.is_empty() && value.iter().all(is_of_place),
        [.., dot, method, parens] => {
            is_punct(dot, '.')
                && is_ident(method, "as_str")
                && as_group(parens, Delimiter::Parenthesis).is_some_and(|parens| parens.stream().is_empty())
                && inside.iter().all(is_of_place)
        }
        _ => false,
    };
    is_reference.then_some(args)
}

fn is_of_place(token: &TokenTree) -> bool {
    match token {
        TokenTree::Punct(mark) => mark.as_char() == '.' || mark.as_char() == ':',
        TokenTree::Ident(_) | TokenTree::Group(_) => true,
        TokenTree::Literal(_) => false,
    }
}

/// The parentheses of the `Ok(..)` that a block ends in.
fn last_ok(tokens: &[TokenTree]) -> Option<&Group> {
    let [before @ .., ok, parens] = tokens else { return None };
    let begins = before.last().is_none_or(|token| {
        is_punct(token, ';') || is_punct(token, '}') || as_group(token, Delimiter::Brace).is_some()
    });
    as_group(parens, Delimiter::Parenthesis).filter(|_| begins && is_ident(ok, "Ok"))
}
