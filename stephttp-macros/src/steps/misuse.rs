//! Steps where none can be.

use proc_macro2::{Delimiter, Literal, TokenStream, TokenTree};

use super::{call::Call, place::Place, spawn::Spawner};
use crate::{
    errors::Errors,
    tokens::{as_group, is_ident, is_punct},
};

/// `call` begins at `at`.
pub(super) fn report_call(
    call: &Call<'_>,
    tokens: &[TokenTree],
    at: usize,
    place: &Place,
    errors: &mut Errors,
) {
    if let Some(outer) = &place.in_step {
        errors.on(
            call.name,
            format_args!(
                "a step inside the step {outer}: its result would be kept twice, and a retry of the outer step could \
                 not tell that it has run; call it before that step, and give the outer step its value"
            ),
        );
    }
    if let Some(spawned) = &place.spawned
        && (spawned.later || !call.chain.awaited)
    {
        report_spawn(call.name, &spawned.by, errors);
    }
    if let Some(zero) = call.chain.zero_timeout.as_ref().filter(|_| !call.method.waits) {
        errors.on(
            zero,
            "the step's time limit is zero, within which nothing ends: write how long an attempt may take, or \
             `Duration::MAX` for as long as it likes",
        );
    }
    if is_dropped(call, tokens, at, place) {
        let whole: TokenStream = tokens[at..=call.args_at].iter().cloned().collect();
        errors.on(whole, "this step is never awaited, so it never runs: write `.await` after it");
    }
}

pub(super) fn report_spawn(place: &TokenTree, by: &Spawner, errors: &mut Errors) {
    let unless = if by.is_guess {
        "; if this one starts no task, but polls in the handler what it is given, write `allow(spawn)` in the attribute"
    } else {
        ""
    };
    errors.on(
        place,
        format_args!(
            "a step inside `{}(..)`: the run ends, or is handed over, with the handler and does not know of other \
             tasks; run steps in the handler itself, several at once with `tokio::join!`, and start what needs a task \
             or a thread inside of a step{unless}",
            by.name
        ),
    );
}

/// `step.run(async { .. }, "charge-card")`
pub(super) fn report_swapped(word: &TokenTree, errors: &mut Errors) {
    errors.on(
        word,
        "a step's id comes first: write it before the future, as `step.run(\"charge-card\", async { .. })`",
    );
}

pub(super) fn report_id(literal: &Literal, errors: &mut Errors) {
    errors.on(literal, "a step's id is a text: write one that says what the step does, as \"charge-card\"");
}

/// `step.run(..);` and `let _ = step.run(..);`
fn is_dropped(call: &Call<'_>, tokens: &[TokenTree], at: usize, place: &Place) -> bool {
    let begins_statement = match &tokens[..at] {
        [.., word, underscore, equals] if is_punct(equals, '=') => {
            is_ident(word, "let") && is_ident(underscore, "_")
        }
        [.., before] => is_punct(before, ';') || as_group(before, Delimiter::Brace).is_some(),
        [] => true,
    };
    call.chain.dropped && place.is_block && begins_statement
}
