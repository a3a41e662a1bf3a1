//! The memory that unverified bodies have together.
//!
//! A body is read once there is room for all of it, and waits unread until then. While one waits,
//! those that come slowly give way: Inngest sends a body at once. So neither a burst of genuine
//! call backs nor strangers who send little by little keep a genuine one from being read. Most
//! bodies are short: they have room of their own.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use crate::sync::lock;

/// Bytes of all long bodies together.
const LONG: usize = 14 * 1024 * 1024;

/// Bytes of all short bodies together, and of the longest of them.
const SHORT: usize = 2 * 1024 * 1024;
const LONGEST_SHORT: usize = 256 * 1024;

/// Bytes that a body has without taking room: its connection has buffers as large.
pub(super) const FREE: usize = 16 * 1024;

/// Bytes a second below which a body is slow.
const PACE: u128 = 128 * 1024;

/// For how long a body's pace is looked at.
const LOOKED_AT: Duration = Duration::from_secs(1);

/// A body is slow, too, of which nothing has come for so long.
const PAUSE: Duration = Duration::from_millis(250);

/// How soon it is looked again for slow ones.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Room for all bodies of a provider.
#[derive(Debug)]
pub(super) struct BodyRoom {
    short: Pool,
    long: Pool,
}

#[derive(Debug)]
struct Pool {
    most: usize,
    taken: Mutex<Taken>,
    /// There may be room again.
    freed: Notify,
}

#[derive(Debug, Default)]
struct Taken {
    bytes: usize,
    bodies: BTreeMap<u64, Arrival>,
    next: u64,
}

/// How one body comes.
#[derive(Debug)]
struct Arrival {
    bytes: usize,
    /// What has come of it since then.
    come: usize,
    since: Instant,
    /// Since when its sender has not sent more; `None` while what has come is being verified.
    awaited: Option<Instant>,
    gives_way: Arc<Notify>,
}

/// Room for one body, until this is dropped.
pub(super) struct Share<'a> {
    pool: &'a Pool,
    number: u64,
    gives_way: Arc<Notify>,
}

impl Default for BodyRoom {
    fn default() -> Self {
        Self { short: Pool::of(SHORT), long: Pool::of(LONG) }
    }
}

impl BodyRoom {
    /// Waits until there is room for so many bytes.
    pub(super) async fn take(&self, bytes: usize) -> Share<'_> {
        let pool = if bytes <= LONGEST_SHORT { &self.short } else { &self.long };
        pool.take(bytes).await
    }
}

impl Pool {
    fn of(most: usize) -> Self {
        Self { most, taken: Mutex::default(), freed: Notify::new() }
    }

    async fn take(&self, bytes: usize) -> Share<'_> {
        loop {
            let mut freed = pin!(self.freed.notified());
            freed.as_mut().enable();
            let place = self.lock().take(bytes, self.most);
            if let Some((number, gives_way)) = place {
                return Share { pool: self, number, gives_way };
            }
            tokio::select! {
                () = freed => {}
                () = sleep(LOOK_AGAIN) => {}
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        lock(&self.taken)
    }
}

impl Share<'_> {
    /// More of the body is awaited.
    pub(super) fn awaits(&self) {
        self.change(|arrival| arrival.awaited = Some(Instant::now()));
    }

    /// More of the body has come.
    pub(super) fn came(&self, bytes: usize) {
        self.change(|arrival| arrival.came(bytes));
    }

    fn change(&self, change: impl FnOnce(&mut Arrival)) {
        if let Some(arrival) = self.pool.lock().bodies.get_mut(&self.number) {
            change(arrival);
        }
    }

    /// Waits until it has to give way.
    pub(super) async fn gives_way(&self) {
        self.gives_way.notified().await;
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.pool.lock().give_back(self.number);
        self.pool.freed.notify_waiters();
    }
}

impl Taken {
    /// A place, if there is one now, or there is one without those that are slow.
    fn take(&mut self, bytes: usize, most: usize) -> Option<(u64, Arc<Notify>)> {
        while self.bytes + bytes > most {
            let slow = self.bodies.iter().filter(|(_, arrival)| arrival.is_slow());
            let (number, _) = slow.max_by_key(|(_, arrival)| arrival.bytes)?;
            let number = *number;
            if let Some(arrival) = self.give_back(number) {
                arrival.gives_way.notify_one();
            }
        }
        let (number, gives_way, now) = (self.next, Arc::new(Notify::new()), Instant::now());
        self.next += 1;
        self.bytes += bytes;
        let arrival = Arrival { bytes, come: 0, since: now, awaited: None, gives_way: gives_way.clone() };
        self.bodies.insert(number, arrival);
        Some((number, gives_way))
    }

    fn give_back(&mut self, number: u64) -> Option<Arrival> {
        let arrival = self.bodies.remove(&number)?;
        self.bytes -= arrival.bytes;
        Some(arrival)
    }
}

impl Arrival {
    fn came(&mut self, bytes: usize) {
        self.awaited = None;
        if self.since.elapsed() >= LOOKED_AT {
            (self.come, self.since) = (0, Instant::now());
        }
        self.come += bytes;
    }

    fn is_slow(&self) -> bool {
        let Some(awaited) = self.awaited else { return false };
        let elapsed = self.since.elapsed();
        let lags = elapsed >= PAUSE && (self.come as u128) * 1_000 < PACE * elapsed.as_millis();
        lags || awaited.elapsed() >= PAUSE
    }
}
