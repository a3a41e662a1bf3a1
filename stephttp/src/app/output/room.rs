//! How much of outputs the process holds at once.
//!
//! What is passed on as it comes is not counted: it never fills more than a few buffers. What has
//! to be read whole is: what middlewares restore, and what Inngest says in place of a response. Who
//! needs little does not wait behind who needs much, and the clients of one run have no more than a
//! part of it.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::held::{Held, HeldBody};
use crate::sync::lock;
use crate::wire::RunId;

/// Bytes for all requests together.
const BYTES: usize = 32 * 1024 * 1024;
/// Outputs that the clients of one run may hold at once.
const OF_ONE_RUN: usize = 2;
/// Bytes that everyone may hold: most outputs have fewer, and never wait.
pub(crate) const SMALL: usize = 64 * 1024;
/// Bytes that are given to the connection at once. It holds up to sixteen such frames.
pub(crate) const FRAME: usize = 4 * 1024;

/// How long room is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often clients are looked at meanwhile that take their outputs too slowly.
const TICK: Duration = Duration::from_millis(500);

/// The room of one provider.
#[derive(Debug, Default)]
pub(crate) struct OutputRoom(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    usage: Mutex<Usage>,
    /// Something was given back.
    freed: Notify,
}

#[derive(Debug, Default)]
struct Usage {
    bytes: usize,
    /// The runs of which something is held, with how often; as many as have a seat.
    runs: HashMap<RunId, usize>,
    held: Vec<Weak<Held>>,
}

/// Others hold it all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

/// What is missing for an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lack {
    /// The run's clients hold as much as they may.
    OfRun(RunId),
    OfRoom,
}

/// Room that is taken, until this is dropped.
#[derive(Debug, Default)]
pub(crate) struct Taken(Option<Seat>);

#[derive(Debug)]
struct Seat {
    room: Arc<Inner>,
    run_id: RunId,
    bytes: usize,
}

impl OutputRoom {
    /// Takes room for so many bytes of a run's output, as soon as there is.
    pub(crate) async fn take(&self, run_id: RunId, bytes: usize) -> Result<Taken, Full> {
        if bytes <= SMALL {
            return Ok(Taken::default());
        }
        // More than there is counts as all.
        let bytes = bytes.min(BYTES);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut freed = pin!(self.0.freed.notified());
            freed.as_mut().enable();
            match Seat::take(&self.0, run_id, bytes) {
                Ok(seat) => return Ok(Taken(Some(seat))),
                Err(_) if Instant::now() >= deadline => return Err(Full),
                Err(_) => {}
            }
            if timeout_at(deadline.min(Instant::now() + TICK), freed).await.is_err() {
                self.cut_off_slow_clients(|| self.0.usage().lack(run_id, bytes));
            }
        }
    }

    /// Makes the room that is taken be for so many bytes. Who holds something does not wait for
    /// more: two that wait for each other would wait in vain.
    pub(crate) fn adjust(&self, run_id: RunId, taken: &mut Taken, bytes: usize) -> Result<(), Full> {
        if bytes <= SMALL {
            *taken = Taken::default();
            return Ok(());
        }
        let bytes = bytes.min(BYTES);
        let mut adjust = || match &mut taken.0 {
            Some(seat) => seat.resize(bytes),
            None => Seat::take(&self.0, run_id, bytes).map(|seat| taken.0 = Some(seat)),
        };
        if adjust().is_ok() {
            return Ok(());
        }
        self.cut_off_slow_clients(|| adjust().err());
        adjust().map_err(|_| Full)
    }

    /// Bytes as a body, which gives the room back when the client has had it.
    pub(crate) fn body(&self, run_id: RunId, bytes: Bytes, taken: Taken) -> Body {
        if taken.0.is_none() {
            return Body::from(bytes);
        }
        let held = Held::new(run_id, bytes, taken);
        let mut usage = self.0.usage();
        usage.held.retain(|held| held.strong_count() > 0);
        usage.held.push(Arc::downgrade(&held));
        drop(usage);
        Body::new(HeldBody(held))
    }

    /// Cuts off clients that take their outputs too slowly, the one that holds most first, until
    /// nothing is missing.
    fn cut_off_slow_clients(&self, mut lack: impl FnMut() -> Option<Lack>) {
        // What is let go of takes the lock to give its room back.
        let held: Vec<_> = self.0.usage().held.iter().filter_map(Weak::upgrade).collect();
        let mut slow: Vec<_> =
            held.iter().filter_map(|held| Some((held.held_by_a_slow_client()?, held))).collect();
        slow.sort_by_key(|(bytes, _)| Reverse(*bytes));
        for (_, held) in slow {
            match lack() {
                None => return,
                Some(Lack::OfRun(run_id)) if held.run_id() != run_id => {}
                Some(_) => held.cut_off(),
            }
        }
    }
}

impl Inner {
    fn usage(&self) -> MutexGuard<'_, Usage> {
        lock(&self.usage)
    }
}

impl Usage {
    fn lack(&self, run_id: RunId, bytes: usize) -> Option<Lack> {
        if self.runs.get(&run_id).is_some_and(|count| *count >= OF_ONE_RUN) {
            return Some(Lack::OfRun(run_id));
        }
        (self.bytes + bytes > BYTES).then_some(Lack::OfRoom)
    }
}

impl Taken {
    pub(crate) fn bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |seat| seat.bytes)
    }
}

impl Seat {
    fn take(room: &Arc<Inner>, run_id: RunId, bytes: usize) -> Result<Self, Lack> {
        let mut usage = room.usage();
        if let Some(lack) = usage.lack(run_id, bytes) {
            return Err(lack);
        }
        usage.bytes += bytes;
        *usage.runs.entry(run_id).or_default() += 1;
        drop(usage);
        Ok(Self { room: room.clone(), run_id, bytes })
    }

    fn resize(&mut self, bytes: usize) -> Result<(), Lack> {
        let mut usage = self.room.usage();
        let used = usage.bytes - self.bytes + bytes;
        if used > BYTES {
            return Err(Lack::OfRoom);
        }
        usage.bytes = used;
        drop(usage);
        if bytes < self.bytes {
            self.room.freed.notify_waiters();
        }
        self.bytes = bytes;
        Ok(())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut usage = self.room.usage();
        usage.bytes -= self.bytes;
        if let Some(count) = usage.runs.get_mut(&self.run_id) {
            *count -= 1;
            if *count == 0 {
                usage.runs.remove(&self.run_id);
            }
        }
        drop(usage);
        self.room.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use http_body_util::BodyExt;
    use tokio::time::sleep;

    use super::*;

    const HALF: usize = BYTES / 2;

    fn run() -> RunId {
        RunId::new(SystemTime::now())
    }

    /// A body of so many bytes that is held, of which the client has taken the beginning.
    async fn hold(room: &OutputRoom, run_id: RunId, bytes: usize) -> Body {
        let taken = room.take(run_id, bytes).await.unwrap();
        let mut body = room.body(run_id, Bytes::from(vec![b'x'; bytes]), taken);
        body.frame().await.unwrap().unwrap();
        body
    }

    #[tokio::test(start_paused = true)]
    async fn who_finds_no_room_waits_for_it_and_not_for_ever() {
        let room = OutputRoom::default();
        let first = room.take(run(), HALF).await.unwrap();
        let second = room.take(run(), HALF).await.unwrap();
        assert!(room.take(run(), SMALL).await.is_ok(), "small ones never wait");
        let begun = Instant::now();
        assert_eq!(room.take(run(), SMALL + 1).await.unwrap_err(), Full);
        assert_eq!(begun.elapsed(), PATIENCE);
        drop(second);
        drop(room.take(run(), HALF).await.unwrap());
        let (third, ()) = tokio::join!(room.take(run(), BYTES), async { drop(first) });
        // More than there is counts as all.
        drop(third.unwrap());
        drop(room.take(run(), 2 * BYTES).await.unwrap());
        let usage = room.0.usage();
        assert_eq!((usage.bytes, usage.runs.len()), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn who_needs_much_keeps_nobody_waiting_who_needs_little() {
        let room = OutputRoom::default();
        let _first = room.take(run(), HALF + 1).await.unwrap();
        let much = room.take(run(), HALF);
        let little = async {
            tokio::task::yield_now().await;
            let begun = Instant::now();
            room.take(run(), HALF / 2).await.unwrap();
            begun.elapsed()
        };
        let (much, waited) = tokio::join!(much, little);
        assert_eq!((much.unwrap_err(), waited), (Full, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn the_clients_of_a_run_wait_for_each_other_and_others_do_not() {
        let (room, run_id) = (OutputRoom::default(), run());
        let first = room.take(run_id, 2 * SMALL).await.unwrap();
        let _second = room.take(run_id, 2 * SMALL).await.unwrap();
        assert_eq!(room.take(run_id, 2 * SMALL).await.unwrap_err(), Full);
        assert!(room.take(run_id, SMALL).await.is_ok());
        let begun = Instant::now();
        drop(hold(&room, run(), BYTES - 4 * SMALL).await);
        assert_eq!(begun.elapsed(), Duration::ZERO);
        let (third, ()) = tokio::join!(room.take(run_id, 2 * SMALL), async { drop(first) });
        third.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn who_holds_something_does_not_wait_for_more() {
        let room = OutputRoom::default();
        let run_id = run();
        let mut taken = room.take(run_id, HALF).await.unwrap();
        let other = room.take(run(), HALF - 1).await.unwrap();
        let begun = Instant::now();
        assert_eq!(room.adjust(run_id, &mut taken, HALF + 2), Err(Full));
        room.adjust(run_id, &mut taken, HALF + 1).unwrap();
        room.adjust(run_id, &mut taken, SMALL).unwrap();
        assert_eq!((begun.elapsed(), room.0.usage().bytes), (Duration::ZERO, HALF - 1));
        room.adjust(run_id, &mut taken, HALF).unwrap();
        drop((taken, other));
        assert_eq!(room.0.usage().bytes, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_holds_its_room_until_it_was_taken() {
        let (room, run_id) = (OutputRoom::default(), run());
        let content = Bytes::from(vec![b'x'; HALF + 7]);
        let mut taken = room.take(run_id, BYTES).await.unwrap();
        room.adjust(run_id, &mut taken, content.len()).unwrap();
        let body = room.body(run_id, content.clone(), taken);
        assert_eq!(http_body::Body::size_hint(&body).exact(), Some(HALF as u64 + 7));
        assert_eq!(room.0.usage().lack(run(), HALF), Some(Lack::OfRoom));
        assert!(body.collect().await.unwrap().to_bytes() == content);
        room.take(run(), BYTES).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn clients_that_take_too_little_are_cut_off_when_others_wait_and_the_largest_first() {
        let room = OutputRoom::default();
        let run_id = run();
        let mut small = hold(&room, run_id, BYTES / 4).await;
        let mut large = hold(&room, run(), BYTES / 2).await;
        let mut other = hold(&room, run(), BYTES / 4).await;
        sleep(Duration::from_secs(60)).await;
        // Nobody has waited.
        large.frame().await.unwrap().unwrap();
        sleep(Duration::from_secs(60)).await;
        let next = hold(&room, run(), BYTES / 4).await;
        assert!(large.frame().await.unwrap().is_err());
        small.frame().await.unwrap().unwrap();
        other.frame().await.unwrap().unwrap();
        assert!(next.collect().await.is_ok());
        // Of one run it is its own clients that make place.
        let mut second = hold(&room, run_id, 2 * SMALL).await;
        sleep(Duration::from_secs(60)).await;
        drop(hold(&room, run_id, 2 * SMALL).await);
        assert!(small.frame().await.unwrap().is_err());
        second.frame().await.unwrap().unwrap();
        other.frame().await.unwrap().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_with_a_slow_link_keeps_its_output() {
        let room = OutputRoom::default();
        let mut body = hold(&room, run(), BYTES).await;
        let taking = async {
            for _ in 0..400 {
                sleep(Duration::from_millis(125)).await;
                body.frame().await.unwrap().unwrap();
            }
        };
        let waiting = async {
            for _ in 0..9 {
                assert_eq!(room.take(run(), HALF).await.unwrap_err(), Full);
            }
        };
        tokio::join!(taking, waiting);
    }
}
