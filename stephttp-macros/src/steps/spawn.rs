//! What polls a future elsewhere than in the handler.
//!
//! Of a method `spawn` that depends on what it is called on: a type of the program's own may well
//! poll what it is given itself.

use proc_macro2::{Delimiter, TokenTree};

use crate::tokens::{as_group, as_ident, is_ident, is_punct, turbofish};

const FUNCTIONS: &[&str] = &[
    "spawn",
    "spawn_local",
    "spawn_blocking",
    "spawn_on",
    "spawn_local_on",
    "spawn_blocking_on",
    "spawn_pinned",
];

/// Types whose method `spawn` starts a task or a thread.
const TYPES: &[&str] = &[
    "Builder",
    "Handle",
    "JoinMap",
    "JoinSet",
    "LocalPool",
    "LocalSet",
    "Runtime",
    "TaskTracker",
    "ThreadPool",
];

/// What variables of these types are called, where nothing else is known of them.
const NAMES: &[&str] = &["handle", "join_set", "rt", "runtime", "set", "tracker"];

/// What such a function is a part of, so that there is no doubt.
const OWNERS: &[&str] = &["thread", "task", "tokio", "rayon"];

/// A call that starts a task.
#[derive(Clone)]
pub(super) struct Spawner {
    pub(super) name: &'static str,
    /// Going by its name, it may be one of the program's own that does not.
    pub(super) is_guess: bool,
    args_at: usize,
}

impl Spawner {
    /// Whether its arguments stand at `at`.
    pub(super) fn takes(&self, at: usize) -> bool {
        self.args_at == at
    }
}

/// The names of variables that start tasks.
pub(super) struct Spawners(Vec<String>);

impl Default for Spawners {
    fn default() -> Self {
        Self(NAMES.iter().map(|name| (*name).to_owned()).collect())
    }
}

impl Spawners {
    /// `let mut tasks = JoinSet::new();`, or a name for something else, at `at`.
    pub(super) fn learn(&mut self, tokens: &[TokenTree], at: usize) {
        if !is_ident(&tokens[at], "let") {
            return;
        }
        let name = match &tokens[at + 1..] {
            [word, name, ..] if is_ident(word, "mut") => name,
            [name, ..] => name,
            [] => return,
        };
        let Some(name) = as_ident(name).map(|name| name.to_string()) else { return };
        let mut statement = tokens[at..].iter().take_while(|token| !is_punct(token, ';'));
        let starts_tasks = statement.any(is_type);
        self.0.retain(|known| *known != name);
        if starts_tasks {
            self.0.push(name);
        }
    }

    /// The call whose name is at `at`.
    pub(super) fn args(&self, tokens: &[TokenTree], at: usize) -> Option<Spawner> {
        let name = *FUNCTIONS.iter().find(|name| is_ident(&tokens[at], name))?;
        let args_at = at + 1 + turbofish(&tokens[at + 1..]);
        as_group(tokens.get(args_at)?, Delimiter::Parenthesis)?;
        let is_guess = match &tokens[..at] {
            [.., owner, a, b] if is_punct(a, ':') && is_punct(b, ':') => {
                !OWNERS.iter().any(|known| is_ident(owner, known))
            }
            [receiver @ .., dot] if is_punct(dot, '.') => {
                if name == "spawn" && !self.starts_tasks(receiver) {
                    return None;
                }
                true
            }
            _ => true,
        };
        Some(Spawner { name, is_guess, args_at })
    }

    /// Whether what ends in `receiver` is a variable of these, or is made of such a type.
    fn starts_tasks(&self, receiver: &[TokenTree]) -> bool {
        match receiver.last().and_then(as_ident) {
            Some(variable) => self.0.iter().any(|known| variable == known),
            None => receiver
                .iter()
                .rev()
                .take_while(|token| !matches!(token, TokenTree::Punct(mark) if [';', ',', '='].contains(&mark.as_char())))
                .any(is_type),
        }
    }
}

fn is_type(token: &TokenTree) -> bool {
    TYPES.iter().any(|known| is_ident(token, known))
}
