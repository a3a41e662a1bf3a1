//! How much of outputs the process holds at once.
//!
//! What is passed on as it comes is not counted: it never fills more than a few buffers. What has to be read whole is: what
//! middlewares restore, and what Inngest says in place of a response.

use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep};

/// Bytes for all requests together.
const BYTES: usize = 32 * 1024 * 1024;
/// Bytes that everyone may hold: most outputs have fewer, and never wait.
pub(super) const SMALL: usize = 64 * 1024;
/// Bytes that are given to the connection at once. It holds up to sixteen such frames.
pub(super) const FRAME: usize = 8 * 1024;

/// How long room is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// For how long a client may take its output while others wait for room.
const LONGEST_HOLD: Duration = Duration::from_secs(60);
/// How often that is looked at.
const TICK: Duration = Duration::from_millis(500);

/// The room of one provider.
#[derive(Debug)]
pub(crate) struct Room {
    bytes: Arc<Semaphore>,
    held: Mutex<Vec<Weak<Held>>>,
}

impl Default for Room {
    fn default() -> Self {
        Self { bytes: Arc::new(Semaphore::new(BYTES)), held: Mutex::default() }
    }
}

/// Others hold it all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

/// Room that is taken, until this is dropped.
#[derive(Debug, Default)]
pub(super) struct Taken(Option<OwnedSemaphorePermit>);

impl Room {
    /// Takes room for so many bytes, as soon as there is; they are served in turn.
    pub(super) async fn take(&self, bytes: usize) -> Result<Taken, Full> {
        if bytes <= SMALL {
            return Ok(Taken::default());
        }
        let permits = u32::try_from(bytes.min(BYTES)).unwrap_or(u32::MAX);
        let mut permit = pin!(self.bytes.clone().acquire_many_owned(permits));
        let deadline = Instant::now() + PATIENCE;
        loop {
            tokio::select! {
                biased;
                // Never closed.
                permit = &mut permit => return permit.map(|permit| Taken(Some(permit))).map_err(|_| Full),
                () = sleep(TICK) => {}
            }
            if Instant::now() >= deadline {
                return Err(Full);
            }
            self.cut_off_slow_clients();
        }
    }

    /// Makes the room that is taken be for so many bytes.
    pub(super) async fn adjust(&self, taken: &mut Taken, bytes: usize) -> Result<(), Full> {
        let has = taken.bytes();
        if bytes <= SMALL {
            *taken = Taken::default();
        } else if let Some(permit) = &mut taken.0
            && bytes < has
        {
            drop(permit.split(has - bytes));
        } else if bytes > has {
            // Before more is waited for: two that wait for each other would wait in vain.
            *taken = Taken::default();
            *taken = self.take(bytes).await?;
        }
        Ok(())
    }

    /// Bytes as a body, which gives the room back when the client has had it.
    pub(super) fn body(&self, bytes: Bytes, taken: Taken) -> Body {
        if taken.0.is_none() {
            return Body::from(bytes);
        }
        let held = Arc::new(Held { content: Mutex::new(Some((bytes, taken))), since: Instant::now() });
        let mut known = lock(&self.held);
        known.retain(|held| held.strong_count() > 0);
        known.push(Arc::downgrade(&held));
        drop(known);
        Body::new(HeldBody(held))
    }

    fn cut_off_slow_clients(&self) {
        lock(&self.held).retain(|held| {
            let Some(held) = held.upgrade() else { return false };
            let is_slow = held.since.elapsed() >= LONGEST_HOLD;
            if is_slow {
                held.content().take();
            }
            !is_slow
        });
    }
}

impl Taken {
    fn bytes(&self) -> usize {
        self.0.as_ref().map_or(SMALL, OwnedSemaphorePermit::num_permits)
    }
}

/// A body that is held for its client.
#[derive(Debug)]
struct Held {
    /// `None` when the client has taken too long.
    content: Mutex<Option<(Bytes, Taken)>>,
    since: Instant,
}

impl Held {
    fn content(&self) -> MutexGuard<'_, Option<(Bytes, Taken)>> {
        lock(&self.content)
    }
}

struct HeldBody(Arc<Held>);

impl HttpBody for HeldBody {
    type Data = Bytes;
    type Error = TooSlow;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, TooSlow>>> {
        let mut content = self.0.content();
        let Some((bytes, _)) = &mut *content else { return Poll::Ready(Some(Err(TooSlow))) };
        if bytes.is_empty() {
            return Poll::Ready(None);
        }
        // A copy: a part of the whole would hold the whole, as long as the connection holds the part.
        let frame = Bytes::copy_from_slice(&bytes.split_to(bytes.len().min(FRAME)));
        Poll::Ready(Some(Ok(Frame::data(frame))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.content().as_ref().is_some_and(|(bytes, _)| bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &*self.0.content() {
            Some((bytes, _)) => SizeHint::with_exact(bytes.len() as u64),
            None => SizeHint::default(),
        }
    }
}

/// The client has not taken its output in time, and others wait for room.
#[derive(Debug, thiserror::Error)]
#[error("the client has not taken the output in time, and others wait")]
struct TooSlow;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    const HALF: usize = BYTES / 2;

    #[tokio::test(start_paused = true)]
    async fn who_finds_no_room_waits_for_it_and_not_for_ever() {
        let room = Room::default();
        let first = room.take(HALF).await.unwrap();
        let second = room.take(HALF).await.unwrap();
        assert!(room.take(SMALL).await.is_ok(), "small ones never wait");
        assert_eq!(room.take(SMALL + 1).await.unwrap_err(), Full);
        drop(second);
        drop(room.take(HALF).await.unwrap());
        let (third, ()) = tokio::join!(room.take(BYTES), async { drop(first) });
        // More than there is counts as all.
        drop(third.unwrap());
        drop(room.take(2 * BYTES).await.unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_holds_its_room_until_it_was_taken() {
        let room = Room::default();
        let content = Bytes::from(vec![b'x'; HALF + 7]);
        let mut taken = room.take(BYTES).await.unwrap();
        room.adjust(&mut taken, content.len()).await.unwrap();
        let body = room.body(content.clone(), taken);
        assert_eq!(body.size_hint().exact(), Some(HALF as u64 + 7));
        assert_eq!(room.take(HALF).await.unwrap_err(), Full);
        assert!(body.collect().await.unwrap().to_bytes() == content);
        room.take(BYTES).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_too_long_is_cut_off_when_others_wait() {
        let room = Room::default();
        let hold = async || {
            let taken = room.take(BYTES).await.unwrap();
            room.body(Bytes::from(vec![b'x'; BYTES]), taken)
        };
        let mut slow = hold().await;
        slow.frame().await.unwrap().unwrap();
        sleep(2 * LONGEST_HOLD).await;
        // Nobody has waited.
        slow.frame().await.unwrap().unwrap();
        let next = hold().await;
        assert!(slow.frame().await.unwrap().is_err());
        assert!(next.collect().await.is_ok());
    }
}
