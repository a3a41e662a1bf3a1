//! Which parts of a body exclude each other: the blocks of an `if` with its `else`, the arms of a
//! `match`, and a block that ends in `return` with all that comes after it.

use proc_macro2::{Delimiter, Group, TokenTree};

use crate::tokens::{as_group, is_ident, is_punct};

/// The way to a place: in each construct around it, which of its branches.
#[derive(Clone, Default)]
pub(crate) struct Branches(Vec<Branch>);

#[derive(Clone, Copy, PartialEq, Eq)]
struct Branch {
    construct: usize,
    number: usize,
}

impl Branches {
    /// Whether no run comes by both places in one go.
    pub(crate) fn exclude(&self, other: &Self) -> bool {
        self.0.iter().any(|mine| {
            other.0.iter().any(|theirs| mine.construct == theirs.construct && mine.number != theirs.number)
        })
    }

    pub(super) fn within(&self, construct: usize, number: usize) -> Self {
        let mut inner = self.clone();
        inner.0.push(Branch { construct, number });
        inner
    }
}

/// What one level of tokens has of blocks that exclude each other.
#[derive(Default)]
pub(super) struct Level {
    /// The place of a block, its construct on this level, its number there.
    blocks: Vec<(usize, usize, usize)>,
    /// The places of the bodies of `match`.
    matches: Vec<usize>,
}

impl Level {
    pub(super) fn read(tokens: &[TokenTree]) -> Self {
        let mut level = Level::default();
        for (at, token) in tokens.iter().enumerate() {
            if is_ident(token, "match") {
                level.matches.extend(block_after(tokens, at));
            }
            if !is_ident(token, "else") || at == 0 || !is_block(&tokens[at - 1]) {
                continue;
            }
            let (construct, number) = match level.branch(at - 1) {
                Some(known) => known,
                None => {
                    level.blocks.push((at - 1, at, 0));
                    (at, 0)
                }
            };
            if let Some(block) = block_after(tokens, at) {
                level.blocks.push((block, construct, number + 1));
            }
        }
        level
    }

    /// The construct and the number of the block at `at`.
    pub(super) fn branch(&self, at: usize) -> Option<(usize, usize)> {
        self.blocks
            .iter()
            .find(|(block, ..)| *block == at)
            .map(|(_, construct, number)| (*construct, *number))
    }

    pub(super) fn is_match(&self, at: usize) -> bool {
        self.matches.contains(&at)
    }
}

fn is_block(token: &TokenTree) -> bool {
    as_group(token, Delimiter::Brace).is_some()
}

/// The next block; not the braces of a pattern, as in `if let Order { id } = order {`.
fn block_after(tokens: &[TokenTree], at: usize) -> Option<usize> {
    let is_pattern =
        |at: usize| tokens.get(at + 1).is_some_and(|next| is_punct(next, '=') || is_punct(next, '|'));
    (at + 1..tokens.len()).find(|&at| is_block(&tokens[at]) && !is_pattern(at))
}

/// `.. return Err(e);`, `.. return`
pub(super) fn ends_in_return(block: &Group) -> bool {
    let tokens: Vec<TokenTree> = block.stream().into_iter().collect();
    let mut statements = tokens.rsplit(|token| is_punct(token, ';'));
    let Some(last) = statements.find(|statement| !statement.is_empty()) else { return false };
    (0..last.len()).any(|at| is_ident(&last[at], "return") && (at == 0 || is_block(&last[at - 1])))
}

/// Whether the block at `at` is of a closure or `async`, which a `return` in it ends, and no more.
pub(super) fn is_own_function(tokens: &[TokenTree], at: usize) -> bool {
    tokens[..at]
        .last()
        .is_some_and(|before| is_ident(before, "async") || is_ident(before, "move") || is_punct(before, '|'))
}

/// `=>` ends at `at`.
pub(super) fn begins_arm(tokens: &[TokenTree], at: usize) -> bool {
    at > 0 && is_punct(&tokens[at], '>') && is_punct(&tokens[at - 1], '=')
}
