//! Where in a body some tokens stand.

use proc_macro2::{Delimiter, TokenTree};

use super::{
    branches::{Branches, is_own_function},
    call::Call,
    closure,
    configured::Conditions,
    spawn::Spawner,
};
use crate::tokens::{as_group, is_ident, is_punct};

/// What is around some tokens.
#[derive(Clone, Default)]
pub(super) struct Place {
    pub(super) branches: Branches,
    pub(super) cfgs: Conditions,
    /// The tokens are statements.
    pub(super) is_block: bool,
    /// They are the arms of this `match`.
    pub(super) arms_of: Option<usize>,
    /// They are the arguments of a step call.
    pub(super) is_argument: bool,
    /// They are the arguments of the step that has this id, as written, and that takes a future.
    pub(super) argument_of: Option<String>,
    /// They are in that future.
    pub(super) in_step: Option<String>,
    /// They are given to a function that starts a task or a thread.
    pub(super) spawned: Option<Spawned>,
    /// They are in a block of a closure or `async`, which may be polled elsewhere.
    pub(super) in_own_function: bool,
}

#[derive(Clone)]
pub(super) struct Spawned {
    pub(super) by: Spawner,
    /// They run in the task, and not before it is started.
    pub(super) later: bool,
}

impl Place {
    /// What is around the tokens of the group at `at`.
    pub(super) fn within(&self, tokens: &[TokenTree], at: usize, spawn: Option<&Spawner>) -> Self {
        let mut inner = self.clone();
        let before = &tokens[..at];
        let braces = as_group(&tokens[at], Delimiter::Brace).is_some();
        inner.is_block = braces && !before.last().is_some_and(|token| is_punct(token, '!'));
        inner.in_own_function |= braces && (is_own_function(tokens, at) || is_item_fn(before));
        let is_async = match before {
            [.., first, second] if is_ident(second, "move") => is_ident(first, "async"),
            [.., last] => is_ident(last, "async"),
            [] => false,
        };
        if braces && is_async {
            // Only this is polled with the step; `charge(step.run(..).await?)` runs one after the
            // other.
            inner.in_step = self.argument_of.clone().or_else(|| self.in_step.clone());
            if let Some(spawned) = &mut inner.spawned {
                spawned.later = true;
            }
        }
        if let (Some(by), TokenTree::Group(args)) = (spawn, &tokens[at])
            && by.takes(at)
        {
            inner.spawned = Some(Spawned { by: by.clone(), later: closure::is_closure(args) });
        }
        inner
    }

    /// What is around the arguments of `call`.
    pub(super) fn of_arguments(&self, call: &Call<'_>, id: Option<&TokenTree>) -> Self {
        let mut inner = self.clone();
        inner.is_block = false;
        inner.is_argument = true;
        inner.arms_of = None;
        if call.method.takes_future {
            inner.argument_of = Some(id.map(ToString::to_string).unwrap_or_default());
        }
        inner
    }
}

/// Whether the block after `before` is that of an `fn` in the body, or of a closure
/// `|x| -> T { .. }`.
fn is_item_fn(before: &[TokenTree]) -> bool {
    let ends = |token: &TokenTree| is_punct(token, ';') || as_group(token, Delimiter::Brace).is_some();
    let start = before.iter().rposition(ends).map_or(0, |end| end + 1);
    let head = &before[start..];
    let arrow = head.windows(2).rposition(|pair| is_punct(&pair[0], '-') && is_punct(&pair[1], '>'));
    head.iter().any(|token| is_ident(token, "fn"))
        || arrow.is_some_and(|arrow| arrow > 0 && is_punct(&head[arrow - 1], '|'))
}
