//! Statements, arms and values under a `#[cfg(..)]`.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::branches::begins_arm;
use crate::{
    cfgs,
    tokens::{as_group, as_ident, is_ident, is_punct, turbofish},
};

/// The conditions under which something in a body exists.
#[derive(Clone, Default)]
pub(crate) struct Conditions(Vec<Condition>);

#[derive(Clone)]
struct Condition {
    tokens: TokenStream,
    /// To compare it.
    text: String,
}

impl Conditions {
    /// Whether it may be that not both exist. Of conditions that differ nothing more is known: of
    /// `feature = "a"` and `feature = "b"` a program may have one.
    pub(crate) fn exclude(&self, other: &Self) -> bool {
        !self.are_among(other) && !other.are_among(self)
    }

    /// As they are written.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &TokenStream> {
        self.0.iter().map(|condition| &condition.tokens)
    }

    fn are_among(&self, other: &Self) -> bool {
        self.0.iter().all(|mine| other.0.iter().any(|theirs| mine.text == theirs.text))
    }

    fn with(&self, tokens: TokenStream) -> Self {
        let text = tokens.to_string();
        let mut all = self.clone();
        all.0.push(Condition { tokens, text });
        all
    }
}

/// The conditions on one level of tokens.
pub(super) struct Level {
    around: Conditions,
    is_block: bool,
    is_match: bool,
    /// Those in force, each with the place at which it ends.
    open: Vec<(usize, TokenStream)>,
}

impl Level {
    pub(super) fn new(around: Conditions, is_block: bool, is_match: bool) -> Self {
        Self { around, is_block, is_match, open: Vec::new() }
    }

    /// What holds at `at`, if that is something else than before it.
    pub(super) fn at(&mut self, tokens: &[TokenTree], at: usize) -> Option<Conditions> {
        let before = self.open.len();
        self.open.retain(|(end, _)| *end > at);
        let mut changed = self.open.len() != before;
        if let Some(condition) = cfgs::at(tokens, at) {
            let end = self.end(tokens, at);
            self.open.push((end, condition));
            changed = true;
        }
        changed.then(|| self.open.iter().fold(self.around.clone(), |all, (_, one)| all.with(one.clone())))
    }

    /// Where what has the attribute at `at` ends.
    fn end(&self, tokens: &[TokenTree], at: usize) -> usize {
        let mut start = at;
        while tokens.get(start).is_some_and(|token| is_punct(token, '#')) {
            start += 2;
        }
        let what = tokens.get(start..).unwrap_or_default();
        let length = if !self.is_block || self.is_match || is_field(what) {
            value(what, self.is_match)
        } else {
            statement(what)
        };
        start + length
    }
}

/// `name: value`, `name,`
fn is_field(tokens: &[TokenTree]) -> bool {
    match tokens {
        [name, colon, after, ..] if is_punct(colon, ':') => as_ident(name).is_some() && !is_punct(after, ':'),
        [name, comma, ..] => as_ident(name).is_some() && is_punct(comma, ','),
        _ => false,
    }
}

/// Of an arm, a field, an element, up to its comma; an arm can end in a block without one.
fn value(tokens: &[TokenTree], is_arm: bool) -> usize {
    let mut at = 0;
    while at < tokens.len() {
        if is_punct(&tokens[at], ',') {
            return at + 1;
        }
        let begins_block = is_arm && at > 1 && begins_arm(tokens, at - 1);
        if begins_block && is_block(&tokens[at]) && !goes_on(tokens.get(at + 1)) {
            return at + 1;
        }
        at += turbofish(&tokens[at..]).max(1);
    }
    at
}

/// What a statement begins with that can end in a block.
const BLOCKS: &[&str] = &[
    "if",
    "match",
    "loop",
    "while",
    "for",
    "unsafe",
    "async",
    "fn",
    "struct",
    "enum",
    "union",
    "impl",
    "trait",
    "mod",
    "pub",
    "extern",
    "macro_rules",
];

fn statement(tokens: &[TokenTree]) -> usize {
    let ends_in_block = tokens.first().is_some_and(|first| {
        is_block(first) || is_punct(first, '\'') || BLOCKS.iter().any(|word| is_ident(first, word))
    });
    for (at, token) in tokens.iter().enumerate() {
        if is_punct(token, ';') {
            return at + 1;
        }
        let is_macro = at > 0 && is_punct(&tokens[at - 1], '!') && is_path(&tokens[..at - 1]);
        if is_block(token) && (ends_in_block || is_macro) && !goes_on(tokens.get(at + 1)) {
            return at + 1;
        }
    }
    tokens.len()
}

/// `tokio::join`
fn is_path(tokens: &[TokenTree]) -> bool {
    tokens.iter().all(|token| as_ident(token).is_some() || is_punct(token, ':'))
}

fn is_block(token: &TokenTree) -> bool {
    as_group(token, Delimiter::Brace).is_some()
}

/// Whether what follows a block belongs to it: `else`, `.await`, `?`, or the `=` after a pattern.
fn goes_on(next: Option<&TokenTree>) -> bool {
    next.is_some_and(|next| {
        is_ident(next, "else") || ['.', '?', '=', '|'].iter().any(|mark| is_punct(next, *mark))
    })
}
