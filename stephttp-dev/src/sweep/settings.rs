//! What the environment says of sweeps.

use std::time::Duration;

use super::place::Place;

/// What the environment asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    /// `SWEEP`: for how long random passes are played.
    pub(super) budget: Option<Duration>,
    /// `SWEEP_EVERY`
    pub(super) every: Option<usize>,
    /// `SWEEP_PLACE`: the one pass that is played.
    pub(super) places: Option<Vec<Place>>,
    /// `SWEEP_SEED`: the one random pass that is played.
    pub(super) seed: Option<u64>,
}

impl Asked {
    /// Reads the environment.
    pub(super) fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let wrong = |name: &str, text: &str, what: &str| format!("{name} is `{text}`, and must be {what}");
        let mut asked = Self::default();
        if let Some(text) = variable("SWEEP") {
            let budget = humantime::parse_duration(&text);
            asked.budget = Some(budget.map_err(|_| wrong("SWEEP", &text, "a time, such as `60s` or `5m`"))?);
        }
        if let Some(text) = variable("SWEEP_EVERY") {
            let every = text.parse().ok().filter(|every| *every > 0);
            asked.every = Some(every.ok_or_else(|| wrong("SWEEP_EVERY", &text, "a number from 1"))?);
        }
        if let Some(text) = variable("SWEEP_PLACE") {
            asked.places = Some(Place::list(&text).map_err(|error| format!("SWEEP_PLACE: {error}"))?);
        }
        if let Some(text) = variable("SWEEP_SEED") {
            asked.seed = Some(text.parse().map_err(|_| wrong("SWEEP_SEED", &text, "a number"))?);
        }
        Ok(asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::Mishap;

    #[test]
    fn what_is_asked_for_is_read_and_what_is_not_understood_is_told() {
        let of = |name: &'static str, value: &'static str| {
            Asked::read(move |asked| (asked == name).then(|| value.to_owned()))
        };
        assert_eq!(of("SWEEP", "90s").unwrap().budget, Some(Duration::from_secs(90)));
        assert_eq!(of("SWEEP_SEED", "7").unwrap().seed, Some(7));
        let places = vec![Place::new(Mishap::CallFails, 2), Place::new(Mishap::StateGone, 1)];
        assert_eq!(of("SWEEP_PLACE", "CallFails:2,StateGone:1").unwrap().places, Some(places));
        for (name, value) in
            [("SWEEP", "soon"), ("SWEEP_EVERY", "0"), ("SWEEP_PLACE", "CallFails"), ("SWEEP_SEED", "x")]
        {
            let error = of(name, value).unwrap_err();
            assert!(error.contains(name) && error.contains(value), "{error}");
        }
    }
}
