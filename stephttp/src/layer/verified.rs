//! What a verified re-entry carries for the layer inside, and the SDK's own answers for `verify`.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio::time::Instant;

use super::standing;
use crate::app::App;
use crate::exchange::Dispatch;
use crate::journal::{Ending, Memo};
use crate::run::PROOF;
use crate::sync::lock;

/// What the layer inside need not do again.
#[derive(Clone)]
pub(super) struct Verified {
    /// Whose keys it was verified by.
    pub(super) app: Arc<App>,
    pub(super) dispatch: Dispatch,
    pub(super) body: Bytes,
    pub(super) state: ShownState,
}

/// The run's state, as Inngest has shown it before a guard saw the request. Whoever needs it first
/// takes it; clones are the same one.
#[derive(Clone)]
pub(super) struct ShownState(Arc<Mutex<Option<(Memo, Instant)>>>);

impl ShownState {
    /// One that has come now.
    pub(super) fn now(memo: Memo) -> Self {
        Self(Arc::new(Mutex::new(Some((memo, Instant::now())))))
    }

    /// The state. It is fetched again if it was taken, or if guards have taken so long that the run
    /// may have ended since. The error is how the request ends instead.
    pub(super) async fn or_fetch(&self, app: &App, dispatch: &Dispatch, retries: u8) -> Result<Memo, Ending> {
        let shown = lock(&self.0).take();
        match shown.filter(|(_, at)| at.elapsed() < PROOF) {
            Some((memo, _)) => Ok(memo),
            None => standing::state(app, dispatch, retries).await,
        }
    }
}

/// Marks an answer that the SDK has made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ours;
