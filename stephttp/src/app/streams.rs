//! The streams that this process reads for clients, so that those whose connections broke find them
//! again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::SystemTime;

use crate::streaming::{Count, Log};
use crate::sync::lock;
use crate::wire::RunId;

/// Each stays here for as long as somebody feeds it, or reads it.
#[derive(Debug)]
pub(crate) struct Streams {
    /// Tells this process from others, and from those before it.
    process: String,
    next: AtomicU64,
    count: Count,
    open: Mutex<Vec<Open>>,
}

#[derive(Debug)]
struct Open {
    run_id: RunId,
    /// By which its client has the right to it.
    token: String,
    log: Weak<Log>,
}

impl Default for Streams {
    fn default() -> Self {
        // The time and 80 random bits.
        let process = RunId::new(SystemTime::now()).to_string();
        Self { process, next: AtomicU64::new(1), count: Count::default(), open: Mutex::default() }
    }
}

impl Streams {
    /// A new stream of a run, for those who have this token.
    pub(crate) fn open(&self, run_id: RunId, token: &str) -> Arc<Log> {
        let name = format!("{}.{}", self.process, self.next.fetch_add(1, Ordering::Relaxed));
        let log = Arc::new(Log::new(name, self.count.clone()));
        let mut open = lock(&self.open);
        open.retain(|open| open.log.strong_count() > 0);
        open.push(Open { run_id, token: token.to_owned(), log: Arc::downgrade(&log) });
        log
    }

    /// The run's stream that an event is of, and how many it had with that.
    pub(crate) fn find(&self, run_id: RunId, token: &str, event: &str) -> Option<(Arc<Log>, u64)> {
        let (name, number) = event.rsplit_once('-')?;
        if !name.starts_with(&self.process) {
            return None;
        }
        let number = number.parse().ok()?;
        let open = lock(&self.open);
        let mut of_run = open.iter().filter(|open| open.run_id == run_id && open.token == token);
        let log = of_run.find_map(|open| open.log.upgrade().filter(|log| log.name() == name))?;
        Some((log, number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_found_by_its_run_and_an_event_while_it_is_there() {
        let streams = Streams::default();
        let (run, other): (RunId, RunId) =
            ("01M817QB1N98C1FRD955KWQZQ2".parse().unwrap(), "01M817QB1N98C1FRD955KWQZQ3".parse().unwrap());
        let (first, second) = (streams.open(run, "token"), streams.open(run, "token"));
        let event = format!("{}-7", second.name());
        let (found, number) = streams.find(run, "token", &event).unwrap();
        assert!(Arc::ptr_eq(&found, &second));
        assert_eq!(number, 7);
        assert!(streams.find(other, "token", &event).is_none());
        assert!(streams.find(run, "another", &event).is_none());
        for event in ["", "7", "x-7", &format!("{}-x", first.name()), &format!("{}-7", first.name().len())] {
            assert!(streams.find(run, "token", event).is_none(), "{event}");
        }
        assert!(Streams::default().find(run, "token", &event).is_none());
        drop((found, second));
        assert!(streams.find(run, "token", &event).is_none());
    }
}
