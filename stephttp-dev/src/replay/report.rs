//! What replays have come to.

use std::fmt;

/// Recordings that the app's code holds to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Replayed {
    /// How many recordings there are.
    pub recordings: usize,
    /// In how many states of them the app was re-entered.
    pub states: usize,
    /// What is not the same, and strands no run.
    pub notes: Vec<ReplayNote>,
}

/// Something of a recorded run that is not the same any more, and strands no run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplayNote {
    /// The recording's file, or `recording 1` and so on.
    pub recording: String,
    /// What it is.
    pub message: String,
}

/// Where the app's code does otherwise than a recorded run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplayProblem {
    /// The recording's file, or `recording 1` and so on.
    pub recording: String,
    /// The function's id.
    pub function: String,
    /// How many of the run's steps were stored.
    pub stored: usize,
    /// The last of them.
    pub after: Option<String>,
    /// What is wrong, and what to do.
    pub message: String,
}

/// Where the app's code does otherwise than recorded runs: they would be stranded, or would not do
/// what they did. `Display` has all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplayReport {
    /// Why nothing could be replayed at all, if so.
    pub failure: Option<String>,
    /// What is wrong, by recording.
    pub problems: Vec<ReplayProblem>,
    /// How many recordings the code holds to.
    pub held: usize,
    /// What is not the same, and strands no run.
    pub notes: Vec<ReplayNote>,
}

impl ReplayReport {
    pub(super) fn failure(why: String) -> Self {
        Self { failure: Some(why), problems: Vec::new(), held: 0, notes: Vec::new() }
    }
}

impl std::error::Error for ReplayReport {}

impl fmt::Display for ReplayReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(failure) = &self.failure {
            return write!(f, "nothing could be replayed: {failure}");
        }
        let mut names: Vec<&str> = self.problems.iter().map(|problem| problem.recording.as_str()).collect();
        names.dedup();
        write!(f, "the code does not hold to {} of {} recorded runs", names.len(), names.len() + self.held)?;
        let mut last = None;
        for problem in &self.problems {
            let place = (&problem.recording, problem.stored);
            if last != Some(place) {
                write!(f, "\n\n{} (function `{}`), ", problem.recording, problem.function)?;
                match &problem.after {
                    None => f.write_str("with no step stored:")?,
                    Some(after) => {
                        write!(f, "with {} stored, the last of them `{after}`:", steps(problem.stored))?;
                    }
                }
                last = Some(place);
            }
            write!(f, "\n  - {}", problem.message)?;
        }
        for note in &self.notes {
            write!(f, "\n\nnote: {}: {}", note.recording, note.message)?;
        }
        f.write_str("\n\nRecord the runs again if none like them are in flight any more.")
    }
}

fn steps(n: usize) -> String {
    if n == 1 { "1 step".to_owned() } else { format!("{n} steps") }
}
