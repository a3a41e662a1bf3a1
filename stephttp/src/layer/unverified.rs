//! Bodies of requests that claim to be Inngest's, until that is proven.
//!
//! Whoever has the app's address can send such a request. So its body has the length of one that Inngest could send, comes within
//! a time, and takes its share of what all such bodies may take together. Where there is no room for another, the one that has
//! been under way for longest gives way: Inngest sends a body at once, and has its proof before.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::sync::Notify;

use crate::signature::{Claim, SigningKey, Verification};
use crate::wire::limits::REQUEST_BODY_BYTES;

/// Bytes of all unverified bodies together.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// How long one may take to come.
const MOST_TIME: Duration = Duration::from_secs(10);

/// Bytes of a body that are hashed before another task has its turn.
const AT_ONCE: usize = 64 * 1024;

/// The bodies that are under way.
#[derive(Debug, Default)]
pub(crate) struct Unverified {
    inner: Mutex<Inner>,
    /// The fallback key was right last: most requests are verified with one key only, also while keys are being rotated.
    fallback_first: AtomicBool,
}

#[derive(Debug, Default)]
struct Inner {
    bytes: usize,
    /// In the order in which they came.
    bodies: BTreeMap<u64, UnderWay>,
    next: u64,
}

#[derive(Debug)]
struct UnderWay {
    bytes: usize,
    gives_way: Arc<Notify>,
}

/// What a body's proof is.
pub(super) enum Proof<'a> {
    /// None is asked for.
    NotNeeded,
    /// One of these keys has made this signature.
    Signature(Claim, [Option<&'a SigningKey>; 2]),
}

/// Why a body is refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("it has more than {REQUEST_BODY_BYTES} bytes, which no run's request has")]
    TooLong,
    #[error("it did not come within {MOST_TIME:?}")]
    TooSlow,
    #[error("too many such bodies were under way")]
    Crowded,
    #[error("it broke off: {0}")]
    BrokeOff(axum::Error),
    #[error("no signing key has made its signature")]
    Unproven,
}

impl Unverified {
    /// Reads a whole body, and proves that it is Inngest's.
    pub(super) async fn read(&self, body: Body, proof: &Proof<'_>) -> Result<Bytes, Refusal> {
        if body.size_hint().lower() > REQUEST_BODY_BYTES as u64 {
            return Err(Refusal::TooLong);
        }
        let share = self.begin();
        let gives_way = share.gives_way.clone();
        tokio::select! {
            biased;
            () = gives_way.notified() => Err(Refusal::Crowded),
            read = tokio::time::timeout(MOST_TIME, self.read_within(share, body, proof)) => read.map_err(|_| Refusal::TooSlow)?,
        }
    }

    async fn read_within(
        &self,
        mut share: Share<'_>,
        mut body: Body,
        proof: &Proof<'_>,
    ) -> Result<Bytes, Refusal> {
        let fallback_first = self.fallback_first.load(Ordering::Relaxed);
        let [first, second] = match proof {
            Proof::NotNeeded => [None, None],
            Proof::Signature(_, [key, fallback]) if fallback_first => [*fallback, *key],
            Proof::Signature(_, keys) => *keys,
        };
        let mut verification = first.map(Verifying::new);
        let mut whole = Whole::default();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(Refusal::BrokeOff)?;
            let Some(data) = frame.data_ref() else { continue };
            if whole.len() + data.len() > REQUEST_BODY_BYTES {
                return Err(Refusal::TooLong);
            }
            if let Some(verification) = &mut verification {
                verification.take(data).await;
            }
            whole.push(data);
            share.grow_to(whole.capacity());
        }
        let whole = whole.into_bytes();
        let Proof::Signature(claim, _) = proof else { return Ok(whole) };
        if verification.is_some_and(|verification| verification.code.proves(claim)) {
            return Ok(whole);
        }
        let Some(second) = second else { return Err(Refusal::Unproven) };
        let mut verification = Verifying::new(second);
        verification.take(&whole).await;
        if !verification.code.proves(claim) {
            return Err(Refusal::Unproven);
        }
        self.fallback_first.store(!fallback_first, Ordering::Relaxed);
        Ok(whole)
    }

    fn begin(&self) -> Share<'_> {
        let gives_way = Arc::new(Notify::new());
        let mut inner = self.lock();
        let number = inner.next;
        inner.next += 1;
        inner.bodies.insert(number, UnderWay { bytes: 0, gives_way: gives_way.clone() });
        Share { unverified: self, number, gives_way }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one body takes, until it is dropped.
struct Share<'a> {
    unverified: &'a Unverified,
    number: u64,
    gives_way: Arc<Notify>,
}

impl Share<'_> {
    fn grow_to(&mut self, bytes: usize) {
        let mut inner = self.unverified.lock();
        // It has to give way already, and is about to be dropped.
        let Some(body) = inner.bodies.get_mut(&self.number) else { return };
        let more = bytes - std::mem::replace(&mut body.bytes, bytes);
        inner.bytes += more;
        while inner.bytes > MOST_BYTES
            && let Some((_, oldest)) = inner.bodies.pop_first()
        {
            inner.bytes -= oldest.bytes;
            oldest.gives_way.notify_one();
        }
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        let mut inner = self.unverified.lock();
        if let Some(body) = inner.bodies.remove(&self.number) {
            inner.bytes -= body.bytes;
        }
    }
}

/// A body that is being verified, without holding the thread for long.
struct Verifying {
    code: Verification,
    /// Bytes since others have had their turn.
    hashed: usize,
}

impl Verifying {
    fn new(key: &SigningKey) -> Self {
        Self { code: key.verification(), hashed: 0 }
    }

    async fn take(&mut self, data: &[u8]) {
        for part in data.chunks(AT_ONCE) {
            self.code.update(part);
            self.hashed += part.len();
            if self.hashed >= AT_ONCE {
                self.hashed = 0;
                tokio::task::yield_now().await;
            }
        }
    }
}

/// A body as it comes: one frame is kept as it is, more are copied together.
#[derive(Default)]
struct Whole {
    first: Bytes,
    joined: BytesMut,
}

impl Whole {
    fn push(&mut self, data: &Bytes) {
        if self.len() == 0 {
            self.first = data.clone();
            return;
        }
        if self.joined.is_empty() {
            self.joined.extend_from_slice(&std::mem::take(&mut self.first));
        }
        self.joined.extend_from_slice(data);
    }

    fn len(&self) -> usize {
        self.first.len().max(self.joined.len())
    }

    /// The bytes that it takes.
    fn capacity(&self) -> usize {
        self.first.len().max(self.joined.capacity())
    }

    fn into_bytes(self) -> Bytes {
        if self.joined.is_empty() { self.first } else { self.joined.freeze() }
    }
}
