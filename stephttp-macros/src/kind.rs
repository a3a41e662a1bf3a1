//! Which of the two attributes it is.

use std::fmt;

/// What an attribute makes of a function.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `#[api_fn]`
    Handler,
    /// `#[step_fn]`
    Helper,
}

/// In a sentence, after "a".
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Handler => "handler",
            Kind::Helper => "helper",
        })
    }
}
