//! A step that gives a text literal: `async { Ok("Ada") }`.
//!
//! rustc says of it that "implementation of `Deserialize` is not general enough", and no trait can
//! say it better.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::quote_spanned;
use syn::{LitStr, Path};

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
    let Some((text, at)) = last_literal(&tokens) else { return false };
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
    let [before @ .., ok, parens] = tokens else { return None };
    let begins = before.last().is_none_or(|token| {
        is_punct(token, ';') || is_punct(token, '}') || as_group(token, Delimiter::Brace).is_some()
    });
    let parens = as_group(parens, Delimiter::Parenthesis).filter(|_| begins && is_ident(ok, "Ok"))?;
    let mut inside = parens.stream().into_iter();
    match (inside.next(), inside.next()) {
        (Some(only), None) => Some((as_string(&only)?, tokens.len() - 1)),
        _ => None,
    }
}
