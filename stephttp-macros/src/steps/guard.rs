//! Values whose drop does something, held over a step: the handler is dropped while it waits there.
//!
//! Few forms, and such that hardly anything else is meant. Whatever may move the value is taken to
//! do so.

use proc_macro2::{Delimiter, Group, Ident, TokenTree};

use super::{
    Warned,
    branches::is_own_function,
    call::{Call, is_part_of_path},
};
use crate::{
    args::Warning,
    tokens::{as_group, as_ident, is_ident, is_punct},
};

/// What makes a guard of a closure, and does so on whatever way the guard is dropped.
const GUARDS: &[&str] = &["guard", "guard_on_success", "defer"];

/// Macros that do, to the end of their block.
const MACROS: &[&str] = &["defer", "defer_on_success"];

/// Methods without arguments whose future gives a transaction.
const TRANSACTIONS: &[&str] = &["begin", "transaction"];

/// What ends a transaction by a method.
const ENDS: &[&str] = &["commit", "rollback"];

/// Something that happens to a value, in the order of the source.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A step runs in the process, and may be retried.
    Runs,
    /// A step waits at Inngest.
    Waits,
    /// The value is moved, or may be.
    Moved,
    /// It is committed, or rolled back.
    Ended,
}

impl Event {
    fn is_step(self) -> bool {
        self <= Self::Waits
    }
}

/// What begins at `at`, among the statements of a block, and is held over a step that comes later
/// in it.
pub(super) fn held(tokens: &[TokenTree], at: usize, known: &[String]) -> Option<Warned> {
    if let Some((place, end)) = deferred(tokens, at) {
        return over(place, &events(&tokens[end..], None, known));
    }
    let Statement { name, value, end } = Statement::read(tokens, at)?;
    if let Some(place) = guard(value) {
        return over(place, &events(&tokens[end..], Some(&name), known));
    }
    let place = transaction(value)?;
    let events = events(&tokens[end..], Some(&name), known);
    let steps = events.iter().take_while(|event| event.is_step()).count();
    let waits = events[..steps].contains(&Event::Waits);
    (waits && events.get(steps) == Some(&Event::Ended)).then(|| Warned {
        warning: Warning::Transaction,
        place: place.span(),
        by_retries: false,
    })
}

/// What a guard is held over.
fn over(place: &TokenTree, events: &[Event]) -> Option<Warned> {
    let step = events.iter().take_while(|event| event.is_step()).max()?;
    Some(Warned { warning: Warning::Guard, place: place.span(), by_retries: *step == Event::Runs })
}

/// `defer! { .. }`, `scopeguard::defer!(..);`, and where it ends.
fn deferred(tokens: &[TokenTree], at: usize) -> Option<(&TokenTree, usize)> {
    let [name, mark, group, ..] = &tokens[at..] else { return None };
    let is_macro = MACROS.iter().any(|known| is_ident(name, known)) && is_punct(mark, '!');
    let begins = match &tokens[..at] {
        [.., owner, a, b] if is_punct(a, ':') && is_punct(b, ':') => is_ident(owner, "scopeguard"),
        [.., before] => is_punct(before, ';') || as_group(before, Delimiter::Brace).is_some(),
        [] => true,
    };
    (is_macro && begins && matches!(group, TokenTree::Group(_))).then_some((name, at + 3))
}

/// `let name = value;`
struct Statement<'a> {
    name: Ident,
    value: &'a [TokenTree],
    /// Where it ends.
    end: usize,
}

impl<'a> Statement<'a> {
    fn read(tokens: &'a [TokenTree], at: usize) -> Option<Self> {
        if !is_ident(&tokens[at], "let") {
            return None;
        }
        let length = tokens[at..].iter().position(|token| is_punct(token, ';'))?;
        let statement = &tokens[at + 1..at + length];
        let equals = statement.iter().position(|token| is_punct(token, '='))?;
        let pattern = match &statement[..equals] {
            [word, pattern @ ..] if is_ident(word, "mut") => pattern,
            pattern => pattern,
        };
        let name = match pattern {
            [name] => as_ident(name)?,
            [name, colon, ..] if is_punct(colon, ':') => as_ident(name)?,
            _ => return None,
        };
        (name != "_").then(|| Self { name, value: &statement[equals + 1..], end: at + length + 1 })
    }
}

/// `scopeguard::guard(..)`, `guard(value, |value| ..)`: the function's name.
fn guard(value: &[TokenTree]) -> Option<&TokenTree> {
    let [path @ .., name, args] = value else { return None };
    let args = as_group(args, Delimiter::Parenthesis)?;
    if !GUARDS.iter().any(|known| is_ident(name, known)) {
        return None;
    }
    let is_known = match path {
        [] => gives_closure(args),
        [.., owner, a, b] if is_punct(a, ':') && is_punct(b, ':') => {
            is_ident(owner, "scopeguard") || (is_ident(owner, "defer") && gives_closure(args))
        }
        _ => false,
    };
    is_known.then_some(name)
}

/// `(value, |value| ..)`, `(move || ..)`
fn gives_closure(args: &Group) -> bool {
    let args: Vec<TokenTree> = args.stream().into_iter().collect();
    let Some(closure) = args.iter().position(|token| is_punct(token, '|')) else { return false };
    let before = match &args[..closure] {
        [before @ .., word] if is_ident(word, "move") => before,
        before => before,
    };
    before.last().is_none_or(|before| is_punct(before, ','))
}

/// `pool.begin().await?`: the method's name.
fn transaction(value: &[TokenTree]) -> Option<&TokenTree> {
    let awaits = value.iter().position(|token| is_ident(token, "await"))?;
    let [receiver @ .., dot, method, args, _] = &value[..awaits] else { return None };
    let takes_nothing = as_group(args, Delimiter::Parenthesis)?.stream().is_empty();
    let is_method = is_punct(dot, '.') && TRANSACTIONS.iter().any(|known| is_ident(method, known));
    let is_all = !value[awaits + 1..].iter().any(|token| is_ident(token, "await"));
    (takes_nothing && is_method && is_all && !receiver.is_empty()).then_some(method)
}

/// Where some tokens stand, as far as steps and the value go.
#[derive(Clone, Copy, Default)]
struct Around {
    /// In `join!` and the like, which poll what they are given.
    in_macro: bool,
    /// In a function of its own: its steps run when somebody polls it.
    is_later: bool,
    /// What it mentions is moved into it.
    moves: bool,
}

/// What happens to the value of this name from here to the end of the block, and what steps there
/// are.
fn events(tokens: &[TokenTree], name: Option<&Ident>, known: &[String]) -> Vec<Event> {
    let mut events = Vec::new();
    collect(tokens, name, known, Around::default(), &mut events);
    events
}

fn collect(
    tokens: &[TokenTree],
    name: Option<&Ident>,
    known: &[String],
    mut around: Around,
    events: &mut Vec<Event>,
) {
    let moves = around.moves;
    let mut at = 0;
    while at < tokens.len() {
        let call = Call::read(tokens, at, known);
        let group_at = call.as_ref().map_or(at, |call| call.args_at);
        match &tokens[group_at] {
            TokenTree::Group(group) => {
                let before = &tokens[..group_at];
                let inner = Around {
                    in_macro: around.in_macro || before.last().is_some_and(|mark| is_punct(mark, '!')),
                    is_later: around.is_later || call.is_some() || is_own_function(tokens, group_at),
                    moves: around.moves,
                };
                let inside: Vec<TokenTree> = group.stream().into_iter().collect();
                collect(&inside, name, known, inner, events);
            }
            token if is_ident(token, "move") => around.moves = true,
            token if is_punct(token, ';') => around.moves = moves,
            token if name.is_some_and(|name| as_ident(token).is_some_and(|token| token == *name)) => {
                events.extend(if around.moves { Some(Event::Moved) } else { use_of(tokens, at) });
            }
            _ => {}
        }
        if let Some(call) = call {
            let is_polled = around.in_macro || (call.chain.awaited && !around.is_later);
            let step = if call.method.waits {
                Some(Event::Waits)
            } else {
                (!call.chain.has_no_retries()).then_some(Event::Runs)
            };
            events.extend(step.filter(|_| is_polled));
        }
        at = group_at + 1;
    }
}

/// What becomes of a value by its use at `at`.
fn use_of(tokens: &[TokenTree], at: usize) -> Option<Event> {
    let before = &tokens[..at];
    if is_part_of_path(before) {
        return None;
    }
    match &tokens[at + 1..] {
        [dot, method, ..] if is_punct(dot, '.') => {
            return ENDS.iter().any(|end| is_ident(method, end)).then_some(Event::Ended);
        }
        _ => {}
    }
    let is_borrowed = match before {
        [.., and, word] if is_ident(word, "mut") => is_punct(and, '&'),
        [.., mark] => is_punct(mark, '&') || is_punct(mark, '*'),
        [] => false,
    };
    (!is_borrowed).then_some(Event::Moved)
}
