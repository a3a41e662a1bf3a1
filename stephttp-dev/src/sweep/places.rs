//! Which places are played.

use std::panic::resume_unwind;

use tokio::task::JoinSet;

use super::place::{Mishap, Place};

/// More places than a story has: something goes round in circles.
const PLACES: usize = 200;

/// Plays the mishaps, each at every `every`-th place until one is not reached; the mishaps beside
/// each other. `play` says whether the mishap has struck. Answers each mishap's first failure, and
/// `None` in its place where a mishap has no end of places.
///
/// With `every` 1 all places are played. With 3, say, `salt` decides which of three are: other
/// places for other stories, and the same each time.
///
/// # Panics
/// When `play` does.
pub async fn every_place<F, E>(
    mishaps: &[Mishap],
    (every, salt): (usize, usize),
    play: impl Fn(Place) -> F + Clone + Send + 'static,
) -> Vec<(Place, Option<E>)>
where
    F: Future<Output = Result<bool, E>> + Send,
    E: Send + 'static,
{
    let mut tasks = JoinSet::new();
    for mishap in mishaps.iter().copied() {
        let first = match mishap {
            Mishap::ReentryAfterEnd => 1,
            _ => 1 + (salt + mishap as usize) % every.max(1),
        };
        let play = play.clone();
        tasks.spawn(async move {
            for nth in (first..=PLACES).step_by(every.max(1)) {
                let place = Place::new(mishap, nth);
                match play(place).await {
                    Err(error) => return Some((place, Some(error))),
                    Ok(struck) if !struck || mishap == Mishap::ReentryAfterEnd => return None,
                    Ok(_) => {}
                }
            }
            Some((Place::new(mishap, PLACES), None))
        });
    }
    let mut failures = Vec::new();
    while let Some(outcome) = tasks.join_next().await {
        match outcome {
            Ok(failure) => failures.extend(failure),
            Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
            Err(_) => {}
        }
    }
    failures.sort_by_key(|(place, _)| *place);
    failures
}

/// The places that a seed gives: two, and up to `most`, where an undisturbed pass has so many of
/// each mishap. The same seed gives the same places.
#[must_use]
pub fn combination(seed: u64, most: usize, counts: &[(Mishap, usize)]) -> Vec<Place> {
    let mut numbers = Numbers(seed);
    let counts: Vec<_> = counts.iter().filter(|(_, count)| *count > 0).collect();
    let mut places = Vec::new();
    if counts.is_empty() {
        return places;
    }
    let wanted = 2 + numbers.below(most.saturating_sub(1).max(1));
    for _ in 0..wanted {
        let (mishap, count) = *counts[numbers.below(counts.len())];
        // A death makes the app do something once more.
        let count = if mishap == Mishap::ReentryAfterEnd { 1 } else { count + 2 };
        let place = Place::new(mishap, 1 + numbers.below(count));
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places.sort();
    places
}

/// Numbers that look random (`SplitMix64`).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from 0, below `end`.
    fn below(&mut self, end: usize) -> usize {
        // Both fit.
        (self.next() % end as u64) as usize
    }
}
