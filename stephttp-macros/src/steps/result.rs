//! What a step has given, used as what another SDK's would give: `paid.data` of a wait that may
//! have had no event, `response.json().await` of a fetch.
//!
//! A name is looked at that one `let` binds, and only if it is used in that way alone: whoever
//! handles the `None`, or binds the name anew, has other uses.

use proc_macro2::{Delimiter, Ident, Span, TokenStream, TokenTree};
use quote::quote_spanned;
use syn::Path;

use super::call::Call;
use crate::{
    errors::Errors,
    krate,
    tokens::{as_group, as_ident, is_ident, is_punct, regroup},
};

/// The fields of an `Event`.
const FIELDS: &[&str] = &["data", "id", "name", "ts", "user", "v"];

/// What reqwest's response has, each with what to write.
const READS: &[(&str, &str)] = &[
    ("json", "serde_json::from_str(response.body())"),
    ("text", "response.into_body()"),
    ("bytes", "response.into_body()"),
];

struct Bound {
    name: Ident,
    is_fetch: bool,
}

/// Reports it, and gives the good case.
pub(super) fn mend(
    body: &TokenStream,
    step: &Ident,
    krate: &Path,
    errors: &mut Errors,
) -> Option<TokenStream> {
    let mut bound = Vec::new();
    find(body, &[step.to_string()], &mut bound);
    let mut mended: Option<TokenStream> = None;
    for Bound { name, is_fetch } in bound {
        let now = mended.as_ref().unwrap_or(body);
        let (mut uses, mut right) = (Vec::new(), 0_usize);
        look(now, &name, is_fetch, &mut uses, &mut right);
        let Some((place, read)) = uses.first().filter(|_| right == 1) else { continue };
        errors.at(
            *place,
            match read {
                Some(read) => format!(
                    "what `step.fetch` gives has its whole body, as a text: write `{}`",
                    read.replace("response", &name.to_string())
                ),
                None => format!(
                    "the wait gives `None` when no event came in time: write `let Some({name}) = {name} else {{ .. }};` \
                     before this"
                ),
            },
        );
        mended = Some(replace(now, &name, is_fetch, krate));
    }
    mended
}

/// `let paid = step.wait_for::<Paid>("payment").await?;`
fn find(tokens: &TokenStream, known: &[String], bound: &mut Vec<Bound>) {
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    for at in 0..tokens.len() {
        if let TokenTree::Group(group) = &tokens[at] {
            find(&group.stream(), known, bound);
        }
        let [word, name, equals, _, ..] = &tokens[at..] else { continue };
        if !is_ident(word, "let") || !is_punct(equals, '=') {
            continue;
        }
        let (Some(name), Some(call)) = (as_ident(name), Call::read(&tokens, at + 3, known)) else { continue };
        let ends = call.chain.asks.is_some_and(|asks| {
            tokens.get(call.args_at + 1 + asks + 1).is_some_and(|end| is_punct(end, ';'))
        });
        let is_fetch = call.method.name == "fetch";
        if ends && (is_fetch || matches!(call.method.name, "wait_for" | "wait_for_event")) {
            bound.push(Bound { name, is_fetch });
        }
    }
}

/// Collects the wrong uses of `name`, and counts all others; the `let` is one.
fn look(
    tokens: &TokenStream,
    name: &Ident,
    is_fetch: bool,
    uses: &mut Vec<(Span, Option<&'static str>)>,
    others: &mut usize,
) {
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => look(&group.stream(), name, is_fetch, uses, others),
            token if as_ident(token).as_ref() == Some(name) => match wrong_use(&tokens, at, is_fetch) {
                Some(read) => uses.push((token.span(), read)),
                // A response has right uses beside, as its status.
                None if is_fetch && tokens.get(at + 1).is_some_and(|dot| is_punct(dot, '.')) => {}
                None => *others += 1,
            },
            _ => {}
        }
    }
}

/// `paid.data`, `response.json().await`, with what to write in its place.
fn wrong_use(tokens: &[TokenTree], at: usize, is_fetch: bool) -> Option<Option<&'static str>> {
    if at > 0 && is_punct(&tokens[at - 1], '.') {
        return None;
    }
    match &tokens[at + 1..] {
        [dot, read, args, dot_await, word, ..] if is_fetch => {
            let read = READS.iter().find(|(name, _)| is_ident(read, name))?.1;
            let is_read = is_punct(dot, '.')
                && as_group(args, Delimiter::Parenthesis).is_some_and(|args| args.stream().is_empty())
                && is_punct(dot_await, '.')
                && is_ident(word, "await");
            is_read.then_some(Some(read))
        }
        [dot, field, after @ ..] if !is_fetch => {
            let is_call =
                after.first().is_some_and(|after| as_group(after, Delimiter::Parenthesis).is_some());
            let is_field = FIELDS.iter().any(|name| is_ident(field, name));
            (is_punct(dot, '.') && is_field && !is_call).then_some(None)
        }
        _ => None,
    }
}

/// `krate::__private::came(&paid).data`
fn replace(tokens: &TokenStream, name: &Ident, is_fetch: bool, krate: &Path) -> TokenStream {
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let mut out = TokenStream::new();
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => {
                out.extend([regroup(group, replace(&group.stream(), name, is_fetch, krate))]);
            }
            token if as_ident(token).as_ref() == Some(name) && wrong_use(&tokens, at, is_fetch).is_some() => {
                let span = token.span();
                let door = krate::located_at(krate, Span::call_site().located_at(span));
                let function = Ident::new(if is_fetch { "fetched" } else { "came" }, span);
                out.extend(quote_spanned!(span=> #door::__private::#function(&#name)));
            }
            token => out.extend([token.clone()]),
        }
    }
    out
}
