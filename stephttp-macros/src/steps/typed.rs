//! When an async block must be told its error type.
//!
//! `async { Ok(a().await? + b().await?) }` names no error type: `?` converts into anything, so rustc gives up with
//! "type annotations needed". Such a block is passed through `typed`, which says that the error is a `Failure`. A
//! block that ends in a call, as `async { shop.charge(&cart).await }` does, already has an error type, which `typed`
//! would refuse: it is left alone.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::tokens::{as_group, is_ident, is_punct};

/// The block of `async { .. }` or `async move { .. }`, if that is what `tokens` are.
pub(crate) fn async_block(tokens: &[TokenTree]) -> Option<TokenStream> {
    let block = match tokens {
        [first, block] if is_ident(first, "async") => block,
        [first, second, block] if is_ident(first, "async") && is_ident(second, "move") => block,
        _ => return None,
    };
    as_group(block, Delimiter::Brace).map(proc_macro2::Group::stream)
}

/// Whether the block's error type is open.
pub(crate) fn is_open(block: TokenStream) -> bool {
    let tokens: Vec<TokenTree> = block.into_iter().collect();
    let tail = tokens.rsplit(|token| is_punct(token, ';')).next().unwrap_or_default();
    mentions_result(tail) || !(ends_in_call(tail) || is_name(tail) || branches_in_calls(tail))
}

/// `foo(..)`, `x.foo(..)`, `.await`; not `foo!(..)`, not `.into()`, which takes any type.
fn ends_in_call(tail: &[TokenTree]) -> bool {
    match tail {
        [.., dot, word] if is_punct(dot, '.') && is_ident(word, "await") => true,
        [.., name, args] if as_group(args, Delimiter::Parenthesis).is_some() => {
            matches!(name, TokenTree::Ident(name) if name != "into") || is_punct(name, '>')
        }
        _ => false,
    }
}

/// A variable has a type already.
fn is_name(tail: &[TokenTree]) -> bool {
    matches!(tail, [TokenTree::Ident(_)])
}

/// `if .. { foo(..) } else { foo(..) }`: a branch that ends in a call decides for all.
fn branches_in_calls(tail: &[TokenTree]) -> bool {
    let [first, .., last] = tail else { return false };
    let last = as_group(last, Delimiter::Brace).map(|block| block.stream().into_iter().collect::<Vec<_>>());
    is_ident(first, "if") && last.is_some_and(|block| ends_in_call(&block))
}

/// An `Ok(..)` or an `Err(..)` of its own leaves the other half open.
fn mentions_result(tokens: &[TokenTree]) -> bool {
    tokens.iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == "Ok" || ident == "Err",
        TokenTree::Group(group) => mentions_result(&group.stream().into_iter().collect::<Vec<_>>()),
        _ => false,
    })
}
