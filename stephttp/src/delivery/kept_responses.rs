//! What the process keeps of responses that clients have not had all of.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::sync::lock;
use crate::untrusted::Joined;
use crate::wire::limits::STEP_OUTPUT_BYTES;

/// A response of which its client has taken nothing for so long is let go of when there is no room
/// for another.
const STALE: Duration = Duration::from_secs(5);

/// The responses that are kept, as far as they have come. Steps do not wait for the room that these
/// take: a client that reads slowly must not stop others.
#[derive(Debug)]
pub(crate) struct KeptResponses {
    most: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    bytes: usize,
    responses: BTreeMap<u64, Entry>,
    next: u64,
}

#[derive(Debug)]
struct Entry {
    bytes: usize,
    last: Instant,
    content: Arc<Content>,
}

/// What is kept of one response; `None` once it was let go of.
struct Content(Mutex<Option<Joined>>);

/// One response that is kept, until this is dropped.
#[derive(Debug)]
pub(crate) struct KeptResponse {
    number: u64,
    content: Arc<Content>,
}

impl KeptResponses {
    /// `most`: bytes of all of them together. There is room for one, whatever its size.
    pub(crate) fn new(most: usize) -> Self {
        Self { most: most.max(STEP_OUTPUT_BYTES), inner: Mutex::default() }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// Begins to keep a response.
    pub(crate) fn begin(&self) -> KeptResponse {
        let content = Arc::new(Content(Mutex::new(Some(Joined::default()))));
        let mut inner = self.lock();
        let number = inner.next;
        inner.next += 1;
        let entry = Entry { bytes: 0, last: Instant::now(), content: content.clone() };
        inner.responses.insert(number, entry);
        KeptResponse { number, content }
    }

    /// Keeps more of a response. `false`: there is no room, or it was let go of, and nothing of it
    /// is kept.
    pub(crate) fn push(&self, response: &KeptResponse, data: &Bytes) -> bool {
        let mut inner = self.lock();
        if !inner.responses.contains_key(&response.number) {
            return false;
        }
        while inner.bytes + data.len() > self.most {
            let others = inner.responses.iter().filter(|(number, _)| **number != response.number);
            let stalest = others.filter(|(_, other)| other.bytes > 0).min_by_key(|(_, other)| other.last);
            let stalest =
                stalest.filter(|(_, other)| other.last.elapsed() >= STALE).map(|(number, _)| *number);
            // The one that has come last, unless another has come to a halt.
            let number = stalest.unwrap_or(response.number);
            inner.let_go(number);
            if number == response.number {
                return false;
            }
        }
        let inner = &mut *inner;
        let Some(entry) = inner.responses.get_mut(&response.number) else { return false };
        entry.bytes += data.len();
        entry.last = Instant::now();
        inner.bytes += data.len();
        entry.content.with(|content| content.get_or_insert_default().push(data));
        true
    }

    /// What was kept of a response, which counts no longer; `None` when it was let go of.
    pub(crate) fn take(&self, response: &KeptResponse) -> Option<Joined> {
        let content = response.content.with(Option::take);
        self.lock().let_go(response.number);
        content
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }
}

impl Inner {
    fn let_go(&mut self, number: u64) {
        if let Some(entry) = self.responses.remove(&number) {
            self.bytes -= entry.bytes;
            drop(entry.content.with(Option::take));
        }
    }
}

impl Content {
    fn with<T>(&self, change: impl FnOnce(&mut Option<Joined>) -> T) -> T {
        change(&mut lock(&self.0))
    }
}

/// Responses may be secret.
impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_response_that_has_come_to_a_halt_gives_way_to_one_that_comes() {
        let kept = KeptResponses::new(0);
        let half = Bytes::from(vec![b'x'; STEP_OUTPUT_BYTES / 2]);
        let [slow, other, third] = [(); 3].map(|()| kept.begin());
        assert!(kept.push(&slow, &half) && kept.push(&other, &half));
        assert!(!kept.push(&third, &half), "none of them is slow yet");
        assert!(kept.take(&third).is_none());
        tokio::time::advance(STALE).await;
        let fourth = kept.begin();
        assert!(kept.push(&fourth, &half));
        assert!(!kept.push(&slow, &half) && kept.take(&slow).is_none());
        assert_eq!(kept.take(&other).map(|joined| joined.len()), Some(half.len()));
        assert_eq!(
            (kept.bytes(), kept.take(&fourth).map(|joined| joined.len())),
            (half.len(), Some(half.len()))
        );
        assert_eq!(kept.bytes(), 0);
    }
}
