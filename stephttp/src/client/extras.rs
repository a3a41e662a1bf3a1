//! What a middleware adds to a call, and learns of it.

use std::sync::atomic::{AtomicU32, Ordering};

use http::HeaderMap;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING, UPGRADE};

/// What a middleware adds to a call, and learns of it.
#[derive(Debug)]
pub(crate) struct Extras {
    headers: HeaderMap,
    attempts: AtomicU32,
}

impl Extras {
    /// Of the headers, those that say how the message is framed and where it goes are left out.
    pub(crate) fn new(mut headers: HeaderMap) -> Self {
        for framing in [CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING, UPGRADE] {
            headers.remove(framing);
        }
        Self { headers, attempts: AtomicU32::new(0) }
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    pub(super) fn made(&self, attempts: u32) {
        self.attempts.store(attempts, Ordering::Relaxed);
    }

    /// How many requests were made; 0 before the call has ended.
    pub(crate) fn attempts(&self) -> u32 {
        self.attempts.load(Ordering::Relaxed)
    }
}
