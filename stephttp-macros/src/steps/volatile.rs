//! Values that are others each time a handler runs, and pauses that it makes each time.

use proc_macro2::{Delimiter, TokenTree};

use super::{Warned, call::is_part_of_path};
use crate::{
    args::Warning,
    tokens::{as_group, is_ident, is_punct, turbofish},
};

/// The last two words of a path. Few, and of such names that hardly anything else is meant.
const CALLS: &[(&str, &str, Warning)] = &[
    ("SystemTime", "now", Warning::Clock),
    ("Instant", "now", Warning::Clock),
    ("Utc", "now", Warning::Clock),
    ("Local", "now", Warning::Clock),
    ("OffsetDateTime", "now_utc", Warning::Clock),
    ("Timestamp", "now", Warning::Clock),
    ("Zoned", "now", Warning::Clock),
    ("Uuid", "new_v4", Warning::Random),
    ("Uuid", "now_v7", Warning::Random),
    ("Ulid", "new", Warning::Random),
    ("rand", "random", Warning::Random),
    ("rand", "random_range", Warning::Random),
    ("rand", "rng", Warning::Random),
    ("rand", "thread_rng", Warning::Random),
];

/// A call such as `SystemTime::now()`, at its last word.
pub(super) fn read(tokens: &[TokenTree], at: usize) -> Option<Warned> {
    let [owner, a, b, function, rest @ ..] = &tokens[at..] else { return None };
    if !is_punct(a, ':') || !is_punct(b, ':') {
        return None;
    }
    let (.., warning) = CALLS.iter().find(|(of, name, _)| is_ident(owner, of) && is_ident(function, name))?;
    // `my::rand::random` is somebody's own; `chrono::Utc::now` is not.
    if is_ident(owner, "rand") && is_part_of_path(&tokens[..at]) && at > 2 {
        return None;
    }
    let called = rest.get(turbofish(rest)).and_then(|args| as_group(args, Delimiter::Parenthesis));
    called.map(|_| Warned { warning: *warning, place: function.span(), by_retries: false })
}

/// `tokio::time::sleep(..).await` and its like, at the function's name.
pub(super) fn pause(tokens: &[TokenTree], at: usize) -> Option<Warned> {
    let name = &tokens[at];
    if !is_ident(name, "sleep") && !is_ident(name, "sleep_until") {
        return None;
    }
    let [args, after @ ..] = &tokens[at + 1..] else { return None };
    // One of the program's own takes more, its `Step` say.
    let args = as_group(args, Delimiter::Parenthesis)?;
    let takes_one = !args.stream().into_iter().any(|token| is_punct(&token, ','));
    let awaited = matches!(after, [dot, word, ..] if is_punct(dot, '.') && is_ident(word, "await"));
    let pauses = match &tokens[..at] {
        [.., owner, a, b] if is_punct(a, ':') && is_punct(b, ':') => {
            is_ident(owner, "thread") || (awaited && (is_ident(owner, "time") || is_ident(owner, "task")))
        }
        before => awaited && !is_part_of_path(before),
    };
    (pauses && takes_one).then(|| Warned { warning: Warning::Sleep, place: name.span(), by_retries: false })
}
