//! What a verified re-entry carries for the layer inside, and the SDK's own answers for `verify`.

use std::sync::Arc;

use bytes::Bytes;

use crate::app::App;
use crate::exchange::Dispatch;

/// What the layer inside need not do again.
#[derive(Clone)]
pub(super) struct Verified {
    /// Whose keys it was verified by.
    pub(super) app: Arc<App>,
    pub(super) dispatch: Dispatch,
    pub(super) body: Bytes,
}

/// Marks an answer that the SDK has made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ours;
