//! A run's stream, as one request writes it: what a handler tells the run's client before its
//! response. No HTTP here.
//!
//! - [`RunStream`]: the events of a request, in order, and which steps are provisional;
//! - [`Queue`]: where they wait to be read;
//! - [`Log`]: what a client is given after the hand-over, so that it can come back for more.
//!
//! What a re-entry publishes holds comments, which clients skip, and whoever passes it on does not:
//!
//! | Comment | Says |
//! |---|---|
//! | `:begin <hash>` | a step begins: what comes of it from here on is a whole, not a rest |
//! | `:by <name>` | what follows is of the re-entry with this name: of two that are under way at once, as when a process has died whose last bytes are still on their way, each has its own text |
//! | `:torn` | what came before in this name may lack something |
//!
//! The wire is [`wire::realtime`](crate::wire::realtime).

mod log;
mod queue;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock};
use std::task::{Context, Poll};
use std::time::SystemTime;

use bytes::Bytes;
use serde_json::value::RawValue;

pub(crate) use self::log::{Count, Log, Reader};
pub(crate) use self::queue::Pushed;
use self::queue::Queue;
use crate::sync::lock;
use crate::wire::realtime::{Commit, Metadata, RedirectInfo, Response, Resume, Rollback, SseEvent, Stream};
use crate::wire::{RunId, StepHash};

/// Bytes that wait to be read, at most: what is pushed then is dropped.
pub(crate) const ROOM: usize = 256 * 1024;

/// Bytes of one push as JSON, at most: its event has no more than
/// [`EVENT_BYTES`](crate::wire::realtime::EVENT_BYTES), within which another request's part cannot
/// come.
pub(crate) const PUSH_BYTES: usize = 15 * 1024;

/// Bytes of text in one event of a pipe, at most: escaped, they still fit into
/// [`EVENT_BYTES`](crate::wire::realtime::EVENT_BYTES).
const PIECE_BYTES: usize = 2 * 1024;

/// What stands before a step's hash in the comment that says that it begins.
pub(crate) const BEGIN: &str = ":begin ";

/// What stands before a re-entry's name in the comment that says whose events follow.
pub(crate) const BY: &str = ":by ";

/// The comment that says that something may be missing.
pub(crate) const TORN: &str = ":torn";

/// As much of a text's beginning as fits into one event.
pub(crate) fn piece(text: &str) -> &str {
    let mut length = text.len().min(PIECE_BYTES);
    while !text.is_char_boundary(length) {
        length -= 1;
    }
    &text[..length]
}

/// Which request of the run writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writer {
    /// The client's own, whose response the stream is.
    First,
    /// One that Inngest has made. `repeats`: another may have begun the same steps before, and left
    /// what they had streamed provisional for ever.
    Reentry { repeats: bool },
}

/// The stream of a run whose client has asked for one, as a request of the run writes it.
#[derive(Debug)]
pub(crate) struct RunStream {
    run_id: RunId,
    writer: Writer,
    /// Tells this request from others of its run.
    name: RunId,
    queue: Queue,
    /// The handler has something for the client, so that the response begins.
    has_begun: AtomicBool,
    steps: Mutex<Steps>,
    /// How often what was sent may not have arrived.
    torn: AtomicU32,
    dropped: AtomicU64,
    /// Bytes that were read.
    taken: AtomicU64,
    /// The run's last event, once it is written.
    response: OnceLock<Bytes>,
}

/// The steps that have streamed something in this request.
#[derive(Debug, Default)]
struct Steps {
    /// What they have streamed is provisional.
    open: Vec<StepHash>,
    /// A first request has told that they ended well.
    committed: Vec<StepHash>,
    /// It has been said that they begin.
    begun: Vec<StepHash>,
    /// What they have piped, by its hash; `None` of several texts.
    piped: Vec<(StepHash, Option<StepHash>)>,
}

impl RunStream {
    pub(crate) fn new(run_id: RunId, writer: Writer) -> Self {
        let stream = Self {
            run_id,
            writer,
            // The time and 80 random bits.
            name: RunId::new(SystemTime::now()),
            queue: Queue::new(ROOM),
            has_begun: AtomicBool::new(false),
            steps: Mutex::default(),
            torn: AtomicU32::new(0),
            dropped: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            response: OnceLock::new(),
        };
        if writer == Writer::First {
            stream.write(&stream.metadata());
        }
        stream
    }

    /// What each part of the stream begins with.
    fn metadata(&self) -> Metadata<'static> {
        Metadata::new(self.run_id.to_string())
    }

    /// The same, written. `is_torn`: the part before it may not have arrived.
    pub(crate) fn part_head(&self, is_torn: bool) -> Bytes {
        let mut head = written(&self.metadata());
        if is_torn {
            head.extend_from_slice(format!("{}{TORN}\n\n", self.by()).as_bytes());
        }
        head.into()
    }

    /// Says whose events follow.
    pub(crate) fn by(&self) -> String {
        format!("{BY}{}\n\n", self.name)
    }

    /// Something for the client, of a step or of none. It does not wait.
    ///
    /// `false`: it is the first since the last step's end that finds no room.
    pub(crate) fn push(&self, step: Option<StepHash>, data: &RawValue) -> bool {
        let event = self.begin(step, data);
        let pushed = self.queue.push(&event);
        self.note(pushed);
        pushed != Pushed::Full || self.dropped.fetch_add(1, Ordering::Relaxed) > 0
    }

    /// The same, which waits for room. What nobody reads needs none.
    pub(crate) fn poll_push(
        &self,
        step: Option<StepHash>,
        data: &RawValue,
        cx: &mut Context<'_>,
    ) -> Poll<Pushed> {
        let event = self.begin(step, data);
        loop {
            match self.queue.push(&event) {
                Pushed::Full => std::task::ready!(self.queue.poll_room(event.len(), cx)),
                pushed => {
                    self.note(pushed);
                    return Poll::Ready(pushed);
                }
            }
        }
    }

    fn begin(&self, step: Option<StepHash>, data: &RawValue) -> Vec<u8> {
        if let Some(step) = step {
            let mut steps = self.lock();
            if !steps.open.contains(&step) {
                steps.open.push(step);
            }
            if let Writer::Reentry { repeats } = self.writer
                && !steps.begun.contains(&step)
            {
                steps.begun.push(step);
                if repeats {
                    // A rollback of nothing does no harm.
                    self.write(&Rollback::new(step));
                }
                let _ = self.queue.push_always(format!("{BEGIN}{step}\n\n").as_bytes());
            }
        }
        written(&Stream::new(data).of_step(step))
    }

    fn note(&self, pushed: Pushed) {
        if pushed == Pushed::Taken {
            self.has_begun.store(true, Ordering::Release);
        }
    }

    /// How many pushes have found no room; counts anew.
    pub(crate) fn take_dropped(&self) -> u64 {
        self.dropped.swap(0, Ordering::Relaxed)
    }

    /// A step's code has ended here: what it has streamed is final, or void. In a re-entry only
    /// those are told of that have streamed something: others make no part of the stream.
    pub(crate) fn step_ended(&self, step: StepHash, well: bool) {
        let mut steps = self.lock();
        let count = steps.open.len();
        steps.open.retain(|open| *open != step);
        steps.piped.retain(|(piped, _)| *piped != step);
        let has_streamed = steps.open.len() < count;
        if self.writer == Writer::First || has_streamed {
            if well {
                if self.writer == Writer::First {
                    steps.committed.push(step);
                }
                self.write(&Commit::new(step));
            } else {
                self.write(&Rollback::new(step));
            }
        }
    }

    /// The steps of which a first request has told that they ended well.
    pub(crate) fn committed(&self) -> Vec<StepHash> {
        self.lock().committed.clone()
    }

    /// A step has piped a whole text, whoever reads.
    pub(crate) fn note_piped(&self, step: StepHash, text: &str) {
        let hash = StepHash::of(text);
        let piped = &mut self.lock().piped;
        match piped.iter_mut().find(|(piped, _)| *piped == step) {
            Some((_, text)) => *text = None,
            None => piped.push((step, Some(hash))),
        }
    }

    /// The hash of the one text that a step has piped.
    pub(crate) fn piped(&self, step: StepHash) -> Option<StepHash> {
        self.lock().piped.iter().find(|(piped, _)| *piped == step).and_then(|(_, text)| *text)
    }

    /// A step's code is dropped before its end. Nobody is told of one that has streamed nothing.
    pub(crate) fn step_dropped(&self, step: StepHash) {
        self.lock().piped.retain(|(piped, _)| *piped != step);
        if self.lock().open.contains(&step) {
            self.step_ended(step, false);
        }
    }

    /// Where the stream goes on when this response ends.
    pub(crate) fn redirect(&self, url: &str) {
        self.write(&RedirectInfo::new(self.run_id.to_string(), url));
    }

    /// Where a client may come back whose connection breaks.
    pub(crate) fn resume(&self, url: &str) {
        self.write(&Resume::new(self.run_id.to_string(), url));
    }

    /// The run's end. Nothing follows it.
    pub(crate) fn respond(&self, response: &Response<'_>) {
        let written: Bytes = written(response).into();
        let _ = self.queue.push_always(&written);
        let _ = self.response.set(written);
        self.queue.close();
    }

    /// The run's end, if it has been written.
    pub(crate) fn response(&self) -> Option<Bytes> {
        self.response.get().cloned()
    }

    /// The end of this request's part.
    pub(crate) fn close(&self) {
        self.queue.close();
    }

    /// Events that were written elsewhere, in another request's part. Waits for room.
    pub(crate) fn poll_forward(&self, events: &[u8], cx: &mut Context<'_>) -> Poll<Pushed> {
        loop {
            match self.queue.push(events) {
                Pushed::Full => std::task::ready!(self.queue.poll_room(events.len(), cx)),
                pushed => return Poll::Ready(pushed),
            }
        }
    }

    /// Whole events, of so many bytes at most; `None` at the part's end.
    pub(crate) fn poll_take(&self, most: usize, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let events = std::task::ready!(self.queue.poll_take(most, cx));
        let length = events.as_ref().map_or(0, Bytes::len);
        self.taken.fetch_add(length as u64, Ordering::Relaxed);
        Poll::Ready(events)
    }

    /// Bytes that were read so far.
    pub(crate) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Waits until there is something to read. `false`: there will be nothing.
    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<bool> {
        self.queue.poll_readable(cx)
    }

    /// Waits until nobody reads any more.
    pub(crate) fn poll_unread(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.queue.poll_unread(cx)
    }

    /// Nobody reads any more.
    pub(crate) fn hang_up(&self) {
        self.queue.hang_up();
    }

    /// Whether somebody may read what is pushed.
    pub(crate) fn is_read(&self) -> bool {
        !self.queue.is_unread()
    }

    /// Whether the handler has something for the client.
    pub(crate) fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::Acquire)
    }

    /// What was sent last may not have arrived: the steps that go on are rolled back, and those
    /// that know what they have streamed do it again.
    pub(crate) fn tear(&self) {
        let steps = self.lock();
        self.torn.fetch_add(1, Ordering::AcqRel);
        for step in &steps.open {
            self.write(&Rollback::new(*step));
        }
    }

    /// How often what was sent may not have arrived.
    pub(crate) fn torn(&self) -> u32 {
        self.torn.load(Ordering::Acquire)
    }

    fn write(&self, event: &impl SseEvent) {
        // What becomes of it when nobody reads is nobody's matter.
        let _ = self.queue.push_always(&written(event));
    }

    fn lock(&self) -> MutexGuard<'_, Steps> {
        lock(&self.steps)
    }
}

fn written(event: &impl SseEvent) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128);
    // Texts, hashes and JSON that was written before: this cannot fail.
    let _ = event.write(&mut bytes);
    bytes
}
