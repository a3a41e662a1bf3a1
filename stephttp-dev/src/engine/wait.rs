//! What runs wait for: events, signals, and functions that they have invoked.

use std::collections::{BTreeMap, HashMap};

use super::condition::Condition;

/// Waits by age, so that one event wakes them in the order in which they began.
pub(crate) type WaitKey = u64;

/// A step that waits for something from outside of its run.
#[derive(Debug)]
pub(crate) struct Wait {
    pub(crate) run_id: String,
    /// The step's hashed id.
    pub(crate) hash: String,
    pub(crate) kind: WaitKind,
    /// Whether it races with others of its group.
    pub(crate) race: bool,
    /// The group that it was handed over in.
    pub(crate) group: Option<String>,
}

/// What a step waits for.
#[derive(Debug)]
pub(crate) enum WaitKind {
    Event {
        name: String,
        condition: Option<Condition>,
    },
    Signal(String),
    /// A function's result.
    Invocation,
}

/// All waits.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    next_key: WaitKey,
    open: BTreeMap<WaitKey, Wait>,
    /// Who gets a signal: one wait for each name.
    signals: HashMap<String, WaitKey>,
}

impl Waits {
    /// Begins a wait. For a signal it becomes the one that gets it.
    pub(crate) fn add(&mut self, wait: Wait) {
        let key = self.next_key;
        self.next_key += 1;
        if let WaitKind::Signal(name) = &wait.kind {
            self.signals.insert(name.clone(), key);
        }
        self.open.insert(key, wait);
    }

    /// The wait that gets a signal.
    pub(crate) fn for_signal(&self, name: &str) -> Option<(WaitKey, &Wait)> {
        let key = *self.signals.get(name)?;
        Some((key, self.open.get(&key)?))
    }

    /// All waits, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (WaitKey, &Wait)> {
        self.open.iter().map(|(key, wait)| (*key, wait))
    }

    /// A step's wait.
    pub(crate) fn find(&self, run_id: &str, hash: &str) -> Option<WaitKey> {
        self.iter().find(|(_, wait)| wait.run_id == run_id && wait.hash == hash).map(|(key, _)| key)
    }

    /// Ends a wait; its signal is free again.
    pub(crate) fn take(&mut self, key: WaitKey) -> Option<Wait> {
        let wait = self.open.remove(&key)?;
        self.signals.retain(|_, holder| *holder != key);
        Some(wait)
    }

    /// Drops a run's waits; their signals are free again.
    pub(crate) fn drop_run(&mut self, run_id: &str) {
        self.open.retain(|_, wait| wait.run_id != run_id);
        self.signals.retain(|_, holder| self.open.contains_key(holder));
    }
}
