//! What came of a sweep.

use std::collections::BTreeMap;
use std::fmt;

use super::place::Place;
use super::promise::{Breach, Promise};

/// A sweep that has found nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// How often the story was played, the undisturbed pass included.
    pub passes: usize,
}

/// What a sweep has found. Its text is for people: which promises were broken, where, how to play
/// that pass again, and what happened in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report(pub(super) Found);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// The sweep could not be played.
    Setup(String),
    /// The passes that failed; one at least.
    Failures(Vec<Failure>),
}

/// A pass in which a promise was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// What was to go wrong; nothing in the undisturbed pass.
    pub places: Vec<Place>,
    /// What has gone wrong, and what it struck.
    pub struck: BTreeMap<Place, String>,
    /// The promises that were broken.
    pub breaches: Vec<Breach>,
    /// The seed of which the places came, in a random pass.
    pub seed: Option<u64>,
    /// The engine's runs, calls and re-entries.
    pub history: String,
    /// The test's name, where it is known.
    pub(super) test: Option<String>,
}

impl Report {
    pub(super) fn setup(why: impl Into<String>) -> Self {
        Self(Found::Setup(why.into()))
    }

    /// The passes that failed; none if the sweep could not be played at all.
    #[must_use]
    pub fn failures(&self) -> &[Failure] {
        match &self.0 {
            Found::Setup(_) => &[],
            Found::Failures(failures) => failures,
        }
    }

    /// Whether a promise was broken in some pass.
    #[must_use]
    pub fn breaks(&self, promise: Promise) -> bool {
        self.failures().iter().flat_map(|failure| &failure.breaches).any(|breach| breach.promise == promise)
    }
}

impl Failure {
    /// The command that plays this pass again.
    #[must_use]
    pub fn reproduce(&self) -> String {
        let name = self.test.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
        if self.places.is_empty() {
            return format!("cargo test{name}");
        }
        format!("SWEEP_PLACE=\"{}\" cargo test{name}", Place::text_of(&self.places))
    }

    fn headline(&self) -> String {
        let mut broken: Vec<&str> = self.breaches.iter().map(|breach| breach.promise.broken()).collect();
        broken.dedup();
        let place = match self.places.is_empty() {
            true => "undisturbed".to_owned(),
            false => Place::text_of(&self.places),
        };
        format!("{place}: {}", broken.join(", "))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for breach in &self.breaches {
            writeln!(f, "{breach}")?;
        }
        if self.places.is_empty() {
            writeln!(f, "where: in the undisturbed pass; nothing went wrong before")?;
        }
        for place in &self.places {
            match self.struck.get(place) {
                Some(what) => writeln!(f, "where: {place}: {} {what}", place.mishap().sentence())?,
                None => writeln!(f, "where: {place}, which was not reached")?,
            }
        }
        writeln!(f, "again: {}", self.reproduce())?;
        if let Some(seed) = self.seed {
            let name = self.test.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
            writeln!(f, "or:    SWEEP_SEED={seed} cargo test{name}")?;
        }
        f.write_str(&self.history)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Found::Setup(why) => write!(f, "the sweep cannot be played: {why}"),
            Found::Failures(failures) => {
                writeln!(f, "the sweep has found {} pass(es) that fail; the first:", failures.len())?;
                if let Some(first) = failures.first() {
                    writeln!(f, "{first}")?;
                }
                for other in failures.iter().skip(1) {
                    writeln!(f, "\nalso {}\n  again: {}", other.headline(), other.reproduce())?;
                    for breach in &other.breaches {
                        writeln!(f, "  {breach}")?;
                    }
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for Report {}
