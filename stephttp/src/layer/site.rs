//! One place where the layer was put.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::function::FnOpts;
use crate::provider::Shared;

/// The value of `retries` as long as no function has been seen.
const UNKNOWN: u8 = u8::MAX;

/// One service that the layer wraps: with `Router::layer`, one route's handler for one method.
pub(crate) struct Site {
    provider: Arc<Shared>,
    /// The fewest retries of the functions seen here.
    retries: AtomicU8,
}

impl Site {
    pub(super) fn new(provider: Arc<Shared>) -> Self {
        Self { provider, retries: AtomicU8::new(UNKNOWN) }
    }

    pub(crate) fn provider(&self) -> &Arc<Shared> {
        &self.provider
    }

    /// Notes a function that runs here.
    pub(crate) fn learn(&self, opts: &FnOpts) {
        // Requests share this; write only what is new.
        if opts.retries() < self.retries.load(Ordering::Relaxed) {
            self.retries.fetch_min(opts.retries(), Ordering::Relaxed);
        }
    }

    /// How many retries a re-entry has for sure whose handler has not said which function it is. When no request has
    /// come here since the process began: the fewest that any function has, since asking Inngest for a retry that it
    /// does not have leaves a run hanging for ever.
    pub(crate) fn sure_retries(&self) -> u8 {
        match self.retries.load(Ordering::Relaxed) {
            UNKNOWN => self.provider.least_retries(),
            // Other functions may be under one service, when the layer wraps a whole router.
            seen => seen,
        }
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site").field("retries", &self.retries).finish_non_exhaustive()
    }
}
