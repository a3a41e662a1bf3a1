//! Values that are others each time a handler runs.

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
