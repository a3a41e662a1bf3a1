//! Bodies of requests that claim to be Inngest's, until that is proven.
//!
//! Whoever has the app's address can send such a request. So its body has the length of one that
//! Inngest could send, goes on coming, and takes its share of the [room](BodyRoom) that all such
//! bodies have together.

mod room;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http_body::Frame;
use http_body_util::BodyExt;
use tokio::time::timeout;

use crate::signature::{Claim, SigningKey, Verification};
use crate::untrusted::Joined;
use crate::wire::limits::REQUEST_BODY_BYTES;
use room::{BodyRoom, FREE, Share};

/// Within which more of a body has to come.
const SILENCE: Duration = Duration::from_secs(10);

/// Within which all of it has to come, and to find room.
const MOST_TIME: Duration = Duration::from_secs(60);

/// Bytes of a body that are hashed before another task has its turn.
const AT_ONCE: usize = 64 * 1024;

/// The bodies that are under way.
#[derive(Debug, Default)]
pub(crate) struct Unverified {
    room: BodyRoom,
    /// The fallback key was right last: most requests are verified with one key only, also while
    /// keys are being rotated.
    fallback_first: AtomicBool,
}

/// What a body's proof is.
pub(crate) enum Proof<'a> {
    /// None is asked for.
    NotNeeded,
    /// One of these keys has made this signature.
    Signature(Claim, [Option<&'a SigningKey>; 2]),
}

/// Why a body is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the body has more than {REQUEST_BODY_BYTES} bytes, which no run's request has")]
    TooLong,
    #[error("the body came too slowly")]
    TooSlow,
    #[error("the bodies of too many unverified requests were under way")]
    Crowded,
    #[error("the body broke off: {0}")]
    BrokeOff(axum::Error),
    #[error("no signing key has made its signature")]
    Unproven,
}

impl Unverified {
    /// Reads a whole body, and proves that it is Inngest's.
    pub(crate) async fn read(&self, body: Body, proof: &Proof<'_>) -> Result<Bytes, Refusal> {
        if body.size_hint().lower() > REQUEST_BODY_BYTES as u64 {
            return Err(Refusal::TooLong);
        }
        timeout(MOST_TIME, self.read_in_time(body, proof)).await.map_err(|_| Refusal::TooSlow)?
    }

    async fn read_in_time(&self, mut body: Body, proof: &Proof<'_>) -> Result<Bytes, Refusal> {
        let fallback_first = self.fallback_first.load(Ordering::Relaxed);
        let [first, second] = match proof {
            Proof::NotNeeded => [None, None],
            Proof::Signature(_, [key, fallback]) if fallback_first => [*fallback, *key],
            Proof::Signature(_, keys) => *keys,
        };
        let mut verification = first.map(Verifying::new);
        let mut share = None;
        let mut whole = Joined::default();
        loop {
            if share.is_none() && !body.is_end_stream() {
                share = match length(&body) {
                    Some(length) if length <= FREE => None,
                    None if whole.len() < FREE => None,
                    length => Some(self.room.take(length.unwrap_or(REQUEST_BODY_BYTES)).await),
                };
            }
            let Some(frame) = next(&mut body, share.as_ref()).await? else { break };
            let Some(data) = frame.data_ref() else { continue };
            if whole.len() + data.len() > REQUEST_BODY_BYTES {
                return Err(Refusal::TooLong);
            }
            whole.push(data);
            if let Some(share) = &share {
                share.came(data.len());
            }
            if let Some(verification) = &mut verification {
                verification.take(data).await;
            }
        }
        let whole = whole.join();
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
}

/// How much of a body is still to come, if that is known.
fn length(body: &Body) -> Option<usize> {
    body.size_hint().exact().map(|length| usize::try_from(length).unwrap_or(usize::MAX))
}

/// The next frame, as long as the body need not give way.
async fn next(body: &mut Body, share: Option<&Share<'_>>) -> Result<Option<Frame<Bytes>>, Refusal> {
    let gives_way = async {
        match share {
            Some(share) => {
                share.awaits();
                share.gives_way().await;
            }
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        () = gives_way => Err(Refusal::Crowded),
        frame = timeout(SILENCE, body.frame()) => {
            frame.map_err(|_| Refusal::TooSlow)?.transpose().map_err(Refusal::BrokeOff)
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
