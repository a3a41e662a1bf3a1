//! Runs of which something has been said in the log.

use std::collections::VecDeque;
use std::sync::Mutex;

use crate::sync::lock;
use crate::wire::RunId;

/// How many are remembered.
const MOST: usize = 256;

/// The latest runs of which a thing has been said that is said once for a run.
#[derive(Debug, Default)]
pub(crate) struct RecentRuns(Mutex<VecDeque<RunId>>);

impl RecentRuns {
    /// Whether the run is among them.
    pub(crate) fn contains(&self, run_id: RunId) -> bool {
        lock(&self.0).contains(&run_id)
    }

    /// Whether the run is not among them; it is then.
    pub(crate) fn insert(&self, run_id: RunId) -> bool {
        let mut runs = lock(&self.0);
        if runs.contains(&run_id) {
            return false;
        }
        runs.push_back(run_id);
        if runs.len() > MOST {
            runs.pop_front();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn a_run_is_new_once_and_the_oldest_is_forgotten() {
        let (runs, first) = (RecentRuns::default(), RunId::new(SystemTime::now()));
        assert!(!runs.contains(first));
        assert!(runs.insert(first));
        assert!(runs.contains(first));
        assert!(!runs.insert(first));
        for _ in 1..MOST {
            assert!(runs.insert(RunId::new(SystemTime::now())));
        }
        assert!(!runs.insert(first), "so many are remembered");
        assert!(runs.insert(RunId::new(SystemTime::now())));
        assert!(runs.insert(first), "and no more");
    }
}
