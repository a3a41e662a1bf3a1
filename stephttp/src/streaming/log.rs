//! What a client is given of a stream, kept for a while: when its connection breaks, it goes on
//! where it was.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};

use crate::sync::lock;

/// Bytes that one log holds at most, but for an event that is longer.
const MOST: usize = 256 * 1024;

/// Bytes that it may hold, however many there are.
const LEAST: usize = 16 * 1024;

/// Bytes that all logs of a process hold, about.
const ALL: usize = 32 * 1024 * 1024;

/// How many logs there are.
#[derive(Debug, Default, Clone)]
pub(crate) struct Count(Arc<AtomicUsize>);

/// Events in the order in which they are told, numbered from 1. The last of them stay for readers
/// that come back.
#[derive(Debug)]
pub(crate) struct Log {
    /// Stands before each event's number in its id.
    name: String,
    count: Count,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    events: VecDeque<Bytes>,
    bytes: usize,
    /// How many were let go of.
    gone: u64,
    is_ended: bool,
    readers: Vec<Reading>,
    next_reader: u64,
    /// The writer waits, for room or for readers to come or go.
    writer: Option<Waker>,
}

#[derive(Debug)]
struct Reading {
    key: u64,
    /// How many events it has had.
    had: u64,
    waker: Option<Waker>,
}

/// One reader's place. Dropped, it reads no more.
#[derive(Debug)]
pub(crate) struct Reader {
    log: Arc<Log>,
    key: u64,
}

/// What a reader had not had is gone: others were faster.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the client reads more slowly than others that read the same, and is cut off")]
pub(crate) struct TooSlow;

impl Log {
    /// An empty log. Its events have the ids `<name>-<number>`.
    pub(crate) fn new(name: String, count: Count) -> Self {
        count.0.fetch_add(1, Ordering::Relaxed);
        Self { name, count, state: Mutex::default() }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    fn most(&self) -> usize {
        (ALL / self.count.0.load(Ordering::Relaxed).max(1)).clamp(LEAST, MOST)
    }

    /// Adds an event when there is room. While anybody reads, what nobody has had is not let go of;
    /// but who has had everything does not wait for another.
    pub(crate) fn poll_append(&self, event: &[u8], cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        let most = self.most();
        while !state.events.is_empty() && state.bytes + event.len() > most {
            let all = state.gone + state.events.len() as u64;
            let first = state.gone;
            let waits = |reader: &Reading| reader.had <= first;
            if state.readers.iter().any(waits) && !state.readers.iter().any(|reader| reader.had == all) {
                state.writer = Some(cx.waker().clone());
                return Poll::Pending;
            }
            state.let_go();
        }
        self.add(state, event);
        Poll::Ready(())
    }

    /// Adds an event, whatever waits.
    pub(crate) fn append(&self, event: &[u8]) {
        self.add(self.lock(), event);
    }

    fn add(&self, mut state: MutexGuard<'_, State>, event: &[u8]) {
        if state.is_ended {
            return;
        }
        let number = state.gone + state.events.len() as u64 + 1;
        let id = format!("id: {}-{number}\n", self.name);
        let mut bytes = BytesMut::with_capacity(id.len() + event.len());
        bytes.extend_from_slice(id.as_bytes());
        bytes.extend_from_slice(event);
        state.bytes += bytes.len();
        state.events.push_back(bytes.freeze());
        wake(state, false);
    }

    /// Nothing more is added.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        state.is_ended = true;
        wake(state, false);
    }

    /// Whether there is room for it when nothing is added any more.
    pub(crate) fn may_stay(&self) -> bool {
        self.count.0.load(Ordering::Relaxed) <= ALL / LEAST && self.lock().bytes <= self.most()
    }

    /// A reader of what comes after so many events. `None`: some of that is gone, or it never was.
    pub(crate) fn read(self: &Arc<Self>, after: u64) -> Option<Reader> {
        let mut state = self.lock();
        if after < state.gone || after > state.gone + state.events.len() as u64 {
            return None;
        }
        let key = state.next_reader;
        state.next_reader += 1;
        state.readers.push(Reading { key, had: after, waker: None });
        wake(state, true);
        Some(Reader { log: self.clone(), key })
    }

    /// Waits until somebody reads, or nobody.
    pub(crate) fn poll_read(&self, by_anybody: bool, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.readers.is_empty() != by_anybody {
            return Poll::Ready(());
        }
        state.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.count.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl State {
    /// Lets go of the first event.
    fn let_go(&mut self) {
        if let Some(event) = self.events.pop_front() {
            self.bytes -= event.len();
            self.gone += 1;
        }
    }
}

/// Wakes the writer, or all readers.
fn wake(mut state: MutexGuard<'_, State>, writer: bool) {
    let wakers: Vec<Waker> = if writer {
        state.writer.take().into_iter().collect()
    } else {
        state.readers.iter_mut().filter_map(|reader| reader.waker.take()).collect()
    };
    drop(state);
    wakers.into_iter().for_each(Waker::wake);
}

impl Reader {
    /// The next events, whole, of so many bytes together at most, or one that is longer. `None` at
    /// the end.
    pub(crate) fn poll_next(
        &self,
        most: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, TooSlow>>> {
        let mut state = self.log.lock();
        let State { events, gone, readers, is_ended, .. } = &mut *state;
        let Some(reading) = readers.iter_mut().find(|reading| reading.key == self.key) else {
            return Poll::Ready(None);
        };
        let Some(skip) = reading.had.checked_sub(*gone) else { return Poll::Ready(Some(Err(TooSlow))) };
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        let mut taken = BytesMut::new();
        for event in events.iter().skip(skip) {
            if !taken.is_empty() && taken.len() + event.len() > most {
                break;
            }
            taken.extend_from_slice(event);
            reading.had += 1;
        }
        if !taken.is_empty() {
            wake(state, true);
            return Poll::Ready(Some(Ok(taken.freeze())));
        }
        if *is_ended {
            return Poll::Ready(None);
        }
        reading.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut state = self.log.lock();
        state.readers.retain(|reading| reading.key != self.key);
        wake(state, true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> Arc<Log> {
        Arc::new(Log::new("log".to_owned(), Count::default()))
    }

    fn append(log: &Log, event: &str) -> Poll<()> {
        log.poll_append(event.as_bytes(), &mut Context::from_waker(Waker::noop()))
    }

    fn next(reader: &Reader) -> Poll<Option<Result<String, TooSlow>>> {
        let next = reader.poll_next(MOST, &mut Context::from_waker(Waker::noop()));
        next.map(|next| next.map(|next| next.map(|bytes| String::from_utf8(bytes.into()).unwrap())))
    }

    fn read(text: &str) -> Poll<Option<Result<String, TooSlow>>> {
        Poll::Ready(Some(Ok(text.to_owned())))
    }

    #[test]
    fn who_comes_back_goes_on_where_it_was() {
        let log = log();
        let reader = log.read(0).unwrap();
        assert_eq!(next(&reader), Poll::Pending);
        assert!(append(&log, "a\n").is_ready());
        assert!(append(&log, "b\n").is_ready());
        assert_eq!(next(&reader), read("id: log-1\na\nid: log-2\nb\n"));
        drop(reader);
        assert!(append(&log, "c\n").is_ready());
        log.end();
        assert!(append(&log, "late").is_ready());
        // Each of two at once has all of it.
        for after in [1, 1, 2] {
            let again = log.read(after).unwrap();
            let expected = if after == 1 { "id: log-2\nb\nid: log-3\nc\n" } else { "id: log-3\nc\n" };
            assert_eq!((next(&again), next(&again)), (read(expected), Poll::Ready(None)));
        }
        assert!(log.read(4).is_none());
    }

    #[test]
    fn what_was_read_is_let_go_of_and_what_was_not_is_waited_for() {
        let log = log();
        let large = "x".repeat(MOST / 2 - 100);
        let reader = log.read(0).unwrap();
        assert!(append(&log, &large).is_ready());
        assert!(append(&log, &large).is_ready());
        assert!(append(&log, &large).is_pending());
        assert!(next(&reader).is_ready());
        assert!(append(&log, &large).is_ready());
        assert!(log.lock().bytes <= MOST && log.may_stay());
        assert!(log.read(0).is_none(), "it is gone");
        // Nobody reads: what is new counts.
        drop(reader);
        assert!(append(&log, &large).is_ready());
        assert!(log.read(2).is_some());
    }

    #[test]
    fn a_slow_reader_does_not_hold_up_another() {
        let log = log();
        let (slow, fast) = (log.read(0).unwrap(), log.read(0).unwrap());
        let large = "x".repeat(MOST - 100);
        assert!(append(&log, &large).is_ready());
        assert!(append(&log, &large).is_pending());
        assert!(next(&fast).is_ready());
        assert!(append(&log, &large).is_ready());
        assert_eq!(next(&slow), Poll::Ready(Some(Err(TooSlow))));
    }

    #[test]
    fn many_logs_hold_less_each() {
        let count = Count::default();
        let logs: Vec<_> = (0..ALL / LEAST).map(|_| Log::new(String::new(), count.clone())).collect();
        assert_eq!(logs[0].most(), LEAST);
        assert!(logs[0].may_stay());
        let one_more = Log::new(String::new(), count.clone());
        assert!(!one_more.may_stay());
        drop(one_more);
        drop(logs);
        assert_eq!(Log::new(String::new(), count).most(), MOST);
    }
}
