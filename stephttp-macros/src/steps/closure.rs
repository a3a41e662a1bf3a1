//! Closures, above all in place of a step's future, as other SDKs take it:
//! `step.run("charge", || async { .. })`.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};

use crate::{
    errors::Errors,
    tokens::{as_group, is_ident, is_punct},
};

/// `(|| ..)`, `(move || ..)`
pub(super) fn is_closure(args: &Group) -> bool {
    let first = args.stream().into_iter().find(|token| !is_ident(token, "move"));
    first.is_some_and(|token| is_punct(&token, '|'))
}

/// Reports it, and gives the good case of itself: its body.
pub(super) fn mend(future: &[TokenTree], errors: &mut Errors) -> Option<Vec<TokenTree>> {
    let words = future.iter().take(2).take_while(|token| is_ident(token, "async") || is_ident(token, "move"));
    let (words, rest) = future.split_at(words.count());
    let [open, close, body @ ..] = rest else { return None };
    if !is_punct(open, '|') || !is_punct(close, '|') || body.is_empty() {
        return None;
    }
    let bars: TokenStream = [open.clone(), close.clone()].into_iter().collect();
    errors.on(
        bars,
        "a step takes a future, not a closure: remove the `||`, so that `async { .. }` or a call is left; it runs only if \
         the step's result is not known yet",
    );
    let is_async = words.iter().any(|word| is_ident(word, "async"));
    if !is_async && !is_result(body) {
        return Some(body.to_vec());
    }
    let block = match body {
        [block] if as_group(block, Delimiter::Brace).is_some() => block.clone(),
        body => Group::new(Delimiter::Brace, body.iter().cloned().collect()).into(),
    };
    let word: Option<TokenTree> = (!is_async).then(|| Ident::new("async", block.span()).into());
    Some(word.into_iter().chain(words.iter().cloned()).chain([block]).collect())
}

/// `Ok(..)`, `{ ..; Ok(..) }`, which is no future.
fn is_result(body: &[TokenTree]) -> bool {
    match body {
        [block] => as_group(block, Delimiter::Brace)
            .is_some_and(|block| is_result(&block.stream().into_iter().collect::<Vec<_>>())),
        [.., word, args] => {
            (is_ident(word, "Ok") || is_ident(word, "Err"))
                && as_group(args, Delimiter::Parenthesis).is_some()
        }
        [] => false,
    }
}
