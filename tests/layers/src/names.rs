//! The paths in a piece of code that begin with `crate`, `super` or `self`.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::ext::IdentExt;

/// A path, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    /// A `use` of everything ends in `*`.
    pub(crate) segments: Vec<String>,
    pub(crate) line: usize,
}

impl Name {
    pub(crate) fn shown(&self) -> String {
        self.segments.join("::")
    }
}

/// All of them, with each path of a `use` group for itself.
pub(crate) fn of(tokens: TokenStream) -> Vec<Name> {
    let mut names = Vec::new();
    walk(tokens, &mut names);
    names
}

/// An identifier without the `r#` of a raw one.
pub(crate) fn ident(token: &TokenTree) -> Option<String> {
    match token {
        TokenTree::Ident(ident) => Some(ident.unraw().to_string()),
        _ => None,
    }
}

pub(crate) fn is_punct(token: Option<&TokenTree>, mark: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == mark)
}

fn walk(tokens: TokenStream, names: &mut Vec<Name>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        let before = |back: usize| at.checked_sub(back).and_then(|at| tokens.get(at));
        if let TokenTree::Group(group) = &tokens[at] {
            let is_attribute =
                is_punct(before(1), '#') || is_punct(before(1), '!') && is_punct(before(2), '#');
            let is_visibility = before(1).and_then(ident).as_deref() == Some("pub");
            match group.delimiter() {
                Delimiter::Bracket if is_attribute => attribute(group.stream(), names),
                // `pub(in super::super)` grants; it names nothing.
                Delimiter::Parenthesis if is_visibility => {}
                _ => walk(group.stream(), names),
            }
            at += 1;
            continue;
        }
        let goes_on = is_punct(before(1), ':') && is_punct(before(2), ':');
        at = match ident(&tokens[at]).as_deref() {
            Some("crate" | "super" | "self") if !goes_on => path(&tokens, at, &[], names),
            _ => at + 1,
        };
    }
}

/// Reads the path at `at`, after `prefix`; answers where it ends.
fn path(tokens: &[TokenTree], at: usize, prefix: &[String], names: &mut Vec<Name>) -> usize {
    let line = tokens[at].span().start().line;
    let mut segments = prefix.to_vec();
    let mut next = at;
    loop {
        match tokens.get(next) {
            Some(token @ TokenTree::Ident(_)) => segments.extend(ident(token)),
            star if is_punct(star, '*') => segments.push("*".to_owned()),
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                let inside: Vec<TokenTree> = group.stream().into_iter().collect();
                for tree in inside.split(|token| is_punct(Some(token), ',')).filter(|tree| !tree.is_empty()) {
                    path(tree, 0, &segments, names);
                }
                return next + 1;
            }
            // `path::<T>`
            _ => break,
        }
        next += 1;
        if !(is_punct(tokens.get(next), ':') && is_punct(tokens.get(next + 1), ':')) {
            break;
        }
        next += 2;
    }
    if !prefix.is_empty() && segments.last().is_some_and(|last| last == "self") {
        // `use crate::wire::{self, Op}`
        segments.pop();
    }
    let renames = tokens.get(next).and_then(ident).as_deref() == Some("as");
    let is_value = segments.len() == 1 && prefix.is_empty() && !(renames && segments[0] != "self");
    if !is_value {
        names.push(Name { segments, line });
    }
    next.max(at + 1)
}

/// Paths stand in an attribute's strings, too: `#[serde(with = "crate::exact")]`.
fn attribute(tokens: TokenStream, names: &mut Vec<Name>) {
    if tokens.clone().into_iter().next().as_ref().and_then(ident).as_deref() == Some("doc") {
        return;
    }
    for token in tokens.clone() {
        match token {
            TokenTree::Group(group) => attribute(group.stream(), names),
            TokenTree::Literal(literal) => {
                let line = literal.span().start().line;
                let text = syn::parse_str::<syn::LitStr>(&literal.to_string()).map(|text| text.value());
                let is_path = |text: &String| syn::parse_str::<syn::Path>(text).is_ok();
                let path = text.ok().filter(is_path).and_then(|text| text.parse::<TokenStream>().ok());
                let found = path.map(of).unwrap_or_default();
                names.extend(found.into_iter().map(|name| Name { line, ..name }));
            }
            _ => {}
        }
    }
    let groups_apart: TokenStream =
        tokens.into_iter().filter(|token| !matches!(token, TokenTree::Group(_))).collect();
    walk(groups_apart, names);
}
