//! What goes wrong, and where.

use std::fmt;
use std::str::FromStr;

/// What goes wrong in a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Mishap {
    /// The process dies after a step's code has run, and before its result is saved.
    DeathAfterEffect,
    /// The process dies when its call arrives at Inngest; the call is lost.
    DeathBeforeCall,
    /// The process dies when Inngest has processed its call; the answer is lost.
    DeathAfterCall,
    /// Inngest answers the call with a 500, and does not process it.
    CallFails,
    /// The call's connection is closed before Inngest has processed the call.
    CallCutBefore,
    /// The call's connection is closed after Inngest has processed the call: the answer is lost.
    CallCutAfter,
    /// The app asks for the run's state, and Inngest shows an empty one, as it does while it ends a
    /// run.
    StateEmpty,
    /// The app asks for the run's state, and Inngest says that it is gone (410), as it does when it
    /// cannot load the state at the moment.
    StateGone,
    /// Inngest makes a re-entry once more after it has taken the re-entry's answer.
    DispatchRepeated,
    /// Inngest makes a re-entry once more after the run has ended. There is one place.
    ReentryAfterEnd,
}

impl Mishap {
    /// All mishaps.
    pub const ALL: [Self; 10] = [
        Self::DeathAfterEffect,
        Self::DeathBeforeCall,
        Self::DeathAfterCall,
        Self::CallFails,
        Self::CallCutBefore,
        Self::CallCutAfter,
        Self::StateEmpty,
        Self::StateGone,
        Self::DispatchRepeated,
        Self::ReentryAfterEnd,
    ];

    /// Whether the process dies of it.
    #[must_use]
    pub fn is_death(self) -> bool {
        matches!(self, Self::DeathAfterEffect | Self::DeathBeforeCall | Self::DeathAfterCall)
    }

    /// Its name, as in [`Place`]'s text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DeathAfterEffect => "DeathAfterEffect",
            Self::DeathBeforeCall => "DeathBeforeCall",
            Self::DeathAfterCall => "DeathAfterCall",
            Self::CallFails => "CallFails",
            Self::CallCutBefore => "CallCutBefore",
            Self::CallCutAfter => "CallCutAfter",
            Self::StateEmpty => "StateEmpty",
            Self::StateGone => "StateGone",
            Self::DispatchRepeated => "DispatchRepeated",
            Self::ReentryAfterEnd => "ReentryAfterEnd",
        }
    }

    /// What has happened, for people.
    pub(super) fn sentence(self) -> &'static str {
        match self {
            Self::DeathAfterEffect => "the process died after the code of",
            Self::DeathBeforeCall => "the process died, and its call was lost, of",
            Self::DeathAfterCall => "the process died after Inngest had processed",
            Self::CallFails => "Inngest answered with a 500 to",
            Self::CallCutBefore => "the connection was closed before Inngest had processed",
            Self::CallCutAfter => "the answer was lost to",
            Self::StateEmpty => "Inngest showed an empty state to",
            Self::StateGone => "Inngest answered 410 to",
            Self::DispatchRepeated => "Inngest repeated the re-entry of",
            Self::ReentryAfterEnd => "Inngest re-entered, after its end,",
        }
    }
}

impl fmt::Display for Mishap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A mishap and its place: the n-th step that has run, the n-th call or the n-th re-entry of the
/// pass, from 1.
///
/// ```
/// use stephttp_dev::sweep::{Mishap, Place};
///
/// let place: Place = "DeathAfterCall:7".parse()?;
/// assert_eq!(place, Place::new(Mishap::DeathAfterCall, 7));
/// assert_eq!(place.to_string(), "DeathAfterCall:7");
/// # Ok::<(), stephttp_dev::sweep::NoPlace>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    mishap: Mishap,
    nth: usize,
}

impl Place {
    /// The n-th place of a mishap.
    #[must_use]
    pub fn new(mishap: Mishap, nth: usize) -> Self {
        Self { mishap, nth }
    }

    /// What goes wrong.
    #[must_use]
    pub fn mishap(self) -> Mishap {
        self.mishap
    }

    /// Its number, from 1.
    #[must_use]
    pub fn nth(self) -> usize {
        self.nth
    }

    /// Reads several places with commas between them, as in `SWEEP_PLACE`.
    ///
    /// # Errors
    /// When one of them is none.
    pub fn list(text: &str) -> Result<Vec<Self>, NoPlace> {
        text.split(',').map(str::parse).collect()
    }

    /// Several places, as [`list`](Self::list) reads them.
    #[must_use]
    pub fn text_of(places: &[Self]) -> String {
        places.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.mishap, self.nth)
    }
}

/// A text that is no [`Place`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoPlace(String);

impl fmt::Display for NoPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = Mishap::ALL.iter().map(|mishap| mishap.as_str()).collect();
        let (text, names) = (&self.0, names.join(", "));
        write!(f, "`{text}` is no place of a mishap: write `DeathAfterCall:7`, say. The mishaps are {names}")
    }
}

impl std::error::Error for NoPlace {}

impl FromStr for Place {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let place = || {
            let (name, nth) = text.trim().split_once(':')?;
            let mishap = *Mishap::ALL.iter().find(|mishap| mishap.as_str() == name)?;
            let nth = nth.parse().ok().filter(|nth| *nth > 0)?;
            Some(Self { mishap, nth })
        };
        place().ok_or_else(|| NoPlace(text.to_owned()))
    }
}
