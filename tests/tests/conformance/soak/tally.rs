//! What is wrong with many runs, and what they took.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::inngest::Inngest;
use crate::meter::Counts;

/// How long a server may take to show a run as it is.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often it is asked meanwhile.
const PAUSE: Duration = Duration::from_millis(100);

/// What is wrong.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) twice: usize,
    pub(super) never: usize,
    pub(super) answers: usize,
    pub(super) statuses: usize,
    /// The server has ended the run, and does not show it (docs/protocol.md 9.5).
    pub(super) lagging: usize,
    /// How often each mistake was made.
    mistakes: BTreeMap<String, usize>,
}

impl Tally {
    pub(super) fn note(&mut self, mistake: &str) {
        *self.mistakes.entry(mistake.to_owned()).or_default() += 1;
    }

    pub(super) fn note_answer(&mut self, mistake: &str) {
        self.answers += 1;
        self.note(mistake);
    }

    /// Waits until a run is completed.
    pub(super) async fn note_status(&mut self, inngest: &Inngest, run: &str) {
        if let Inngest::Dev(engine) = inngest {
            engine.wait_for_end(run).await;
        }
        let until = Instant::now() + PATIENCE;
        loop {
            let seen = inngest.look(run).await;
            let status = seen.as_ref().map_or_else(Clone::clone, |seen| seen.status.clone());
            if status == "COMPLETED" {
                return;
            }
            if Instant::now() > until {
                let known = inngest.known(run).await;
                if seen.is_ok_and(|seen| known.excuses(Some("COMPLETED"), &seen)) {
                    self.lagging += 1;
                } else {
                    self.statuses += 1;
                    self.note(&format!("a run is `{status}`"));
                }
                return;
            }
            sleep(PAUSE).await;
        }
    }

    /// Each of these must have happened once.
    pub(super) fn note_effects(&mut self, expected: &[String], did: &[String]) {
        for effect in expected {
            match did.iter().filter(|known| *known == effect).count() {
                0 => {
                    self.never += 1;
                    self.note(&format!("`{effect}` has never happened"));
                }
                1 => {}
                n => {
                    self.twice += 1;
                    self.note(&format!("`{effect}` has happened {n} times"));
                }
            }
        }
    }

    /// What the engine holds against the app.
    pub(super) fn note_violations(&mut self, inngest: &Inngest) {
        if let Inngest::Dev(engine) = inngest {
            engine.violations().iter().for_each(|violation| self.note(&violation.to_string()));
        }
    }

    /// Says what came of it; the error says what is wrong.
    pub(super) fn end(self, summary: &str) -> Result<(), String> {
        let summary = format!("{summary}: {self}");
        eprintln!("{summary}");
        let mistakes: Vec<String> =
            self.mistakes.iter().map(|(mistake, times)| format!("  {times} × {mistake}")).collect();
        if mistakes.is_empty() { Ok(()) } else { Err(format!("{summary}\n{}", mistakes.join("\n"))) }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { twice, never, answers, statuses, lagging, mistakes: _ } = self;
        write!(
            f,
            "{twice} effects twice, {never} never; {answers} clients with a wrong answer; {statuses} runs not COMPLETED \
             ({lagging} more are over, and not shown so)"
        )
    }
}

/// What runs took.
#[derive(Debug, Default)]
pub(super) struct Costs {
    times: Vec<Duration>,
    calls: Vec<usize>,
    reentries: Vec<usize>,
}

impl Costs {
    pub(super) fn note(&mut self, time: Duration, counts: Counts) {
        self.times.push(time);
        self.calls.push(counts.calls);
        self.reentries.push(counts.reentries);
    }
}

impl fmt::Display for Costs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [median, most] =
            [50, 90].map(|percent| of(&self.times, percent).unwrap_or_default().as_secs_f64());
        let [calls, reentries] = [&self.calls, &self.reentries].map(|all| of(all, 50).unwrap_or_default());
        write!(
            f,
            "a run takes {median:.2} s (median; 90 % take {most:.2} s at most), {calls} calls and {reentries} re-entries \
             (medians)"
        )
    }
}

/// The value that so many percent do not exceed.
fn of<T: Copy + Ord>(values: &[T], percent: usize) -> Option<T> {
    let mut values = values.to_vec();
    values.sort_unstable();
    values.get((values.len() * percent).div_ceil(100).saturating_sub(1)).copied()
}
