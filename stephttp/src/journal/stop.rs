//! Why a request must not go on.

/// Why a request must not go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// A step was misused in a way that its own type cannot report; the text is for the developer.
    Misused(String),
    /// A middleware failed, so that the request cannot go on; the text is for the developer.
    Broken(String),
    /// Inngest does not want it.
    Stale(Stale),
}

/// Why Inngest does not want a request to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stale {
    /// Another dispatch has taken its place.
    Superseded,
    /// Its run has ended, or was cancelled.
    Over,
}

impl Stop {
    /// Of two reasons the one with the greater number is told.
    pub(super) fn gravity(&self) -> u8 {
        match self {
            Self::Broken(_) => 0,
            Self::Stale(_) => 1,
            Self::Misused(_) => 2,
        }
    }
}
