//! Events on their way to whoever reads them, bounded in bytes.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use crate::sync::lock;

/// Whole events, in the order in which they were pushed.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    /// Bytes that wait at most, besides what is pushed whatever waits.
    room: usize,
}

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    /// How long each event is.
    events: VecDeque<usize>,
    /// Nothing more will be pushed.
    is_closed: bool,
    /// Nobody reads, so that everything is let go of at once.
    is_unread: bool,
    reader: Option<Waker>,
    /// Those that wait for room.
    writers: Vec<Waker>,
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pushed {
    Taken,
    /// There is no room for it.
    Full,
    /// Nobody will read it.
    Unread,
}

impl State {
    fn note_writer(&mut self, cx: &Context<'_>) {
        if !self.writers.iter().any(|writer| writer.will_wake(cx.waker())) {
            self.writers.push(cx.waker().clone());
        }
    }
}

impl Queue {
    pub(crate) fn new(room: usize) -> Self {
        Self { state: Mutex::default(), room }
    }

    /// Takes an event if there is room for it. One that is larger than all the room is taken when
    /// nothing else waits.
    pub(crate) fn push(&self, event: &[u8]) -> Pushed {
        self.add(event, |state, room| state.bytes.is_empty() || state.bytes.len() + event.len() <= room)
    }

    /// Takes an event that must not be lost, whatever waits.
    pub(crate) fn push_always(&self, event: &[u8]) -> Pushed {
        self.add(event, |_, _| true)
    }

    fn add(&self, event: &[u8], has_room: impl FnOnce(&State, usize) -> bool) -> Pushed {
        let mut state = self.lock();
        if state.is_unread || state.is_closed {
            return Pushed::Unread;
        }
        if !has_room(&state, self.room) {
            return Pushed::Full;
        }
        state.bytes.extend_from_slice(event);
        state.events.push_back(event.len());
        let reader = state.reader.take();
        drop(state);
        reader.into_iter().for_each(Waker::wake);
        Pushed::Taken
    }

    /// Waits until there is room for an event of a length, or nobody reads.
    pub(crate) fn poll_room(&self, length: usize, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        let waits = state.bytes.len();
        if state.is_unread || state.is_closed || waits == 0 || waits + length <= self.room {
            return Poll::Ready(());
        }
        state.note_writer(cx);
        Poll::Pending
    }

    /// The next events, whole, of so many bytes together at most, or one that is longer. `None` at
    /// the end.
    pub(crate) fn poll_take(&self, most: usize, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut state = self.lock();
        if state.events.is_empty() {
            if state.is_closed || state.is_unread {
                return Poll::Ready(None);
            }
            state.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let mut length = 0;
        while let Some(event) = state.events.front().copied() {
            if length > 0 && length + event > most {
                break;
            }
            length += event;
            state.events.pop_front();
        }
        let rest = state.bytes.split_off(length);
        let taken = std::mem::replace(&mut state.bytes, rest);
        let writers = std::mem::take(&mut state.writers);
        drop(state);
        writers.into_iter().for_each(Waker::wake);
        Poll::Ready(Some(taken.into()))
    }

    /// Waits until there is something to read. `false`: there will be nothing.
    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<bool> {
        let mut state = self.lock();
        if !state.events.is_empty() {
            return Poll::Ready(true);
        }
        if state.is_closed || state.is_unread {
            return Poll::Ready(false);
        }
        state.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Waits until nobody reads any more. Its waker is kept as those are that wait for room.
    pub(crate) fn poll_unread(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.is_unread {
            return Poll::Ready(());
        }
        state.note_writer(cx);
        Poll::Pending
    }

    /// The writer's end: what waits is still read.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        let reader = state.reader.take();
        let writers = std::mem::take(&mut state.writers);
        drop(state);
        reader.into_iter().chain(writers).for_each(Waker::wake);
    }

    /// The reader's end.
    pub(crate) fn hang_up(&self) {
        let mut state = self.lock();
        state.is_unread = true;
        (state.bytes, state.events) = Default::default();
        let reader = state.reader.take();
        let writers = std::mem::take(&mut state.writers);
        drop(state);
        reader.into_iter().chain(writers).for_each(Waker::wake);
    }

    /// Whether nobody reads any more.
    pub(crate) fn is_unread(&self) -> bool {
        self.lock().is_unread
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;

    use super::*;

    fn take(queue: &Queue, most: usize) -> Poll<Option<Bytes>> {
        queue.poll_take(most, &mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn events_stay_whole_and_in_order() {
        let queue = Queue::new(100);
        for event in ["one.", "two.", "three."] {
            assert_eq!(queue.push(event.as_bytes()), Pushed::Taken);
        }
        assert_eq!(take(&queue, 9), Poll::Ready(Some("one.two.".into())));
        assert_eq!(take(&queue, 1), Poll::Ready(Some("three.".into())), "longer than was asked for");
        assert_eq!(take(&queue, 9), Poll::Pending);
        queue.push(b"last");
        queue.close();
        assert_eq!(queue.push(b"late"), Pushed::Unread);
        assert_eq!(take(&queue, 9), Poll::Ready(Some("last".into())));
        assert_eq!(take(&queue, 9), Poll::Ready(None));
    }

    #[test]
    fn what_waits_is_bounded() {
        let queue = Queue::new(6);
        assert_eq!(queue.push(b"longer than the room"), Pushed::Taken);
        assert_eq!(queue.push(b"1"), Pushed::Full);
        assert_eq!(queue.push_always(b"2"), Pushed::Taken);
        assert!(take(&queue, 100).is_ready());
        assert_eq!(queue.push(b"123"), Pushed::Taken);
        assert_eq!(queue.push(b"456"), Pushed::Taken);
        assert_eq!(queue.push(b"7"), Pushed::Full);
    }

    #[tokio::test]
    async fn who_waits_for_room_goes_on_when_something_is_read_or_nobody_reads() {
        let queue = Queue::new(3);
        for end in [true, false] {
            queue.push(b"123");
            let mut room = pin!(poll_fn(|cx| queue.poll_room(1, cx)));
            let mut cx = Context::from_waker(Waker::noop());
            assert!(room.as_mut().poll(&mut cx).is_pending());
            if end {
                assert!(take(&queue, 3).is_ready());
            } else {
                queue.hang_up();
            }
            room.await;
        }
        assert_eq!(queue.push(b"1"), Pushed::Unread);
        assert_eq!(take(&queue, 3), Poll::Ready(None));
    }
}
