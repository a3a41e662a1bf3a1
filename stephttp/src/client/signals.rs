//! `POST /v1/signals`: resuming the run that waits for a signal.

use bytes::Bytes;
use http::StatusCode;

use super::call::Call;
use super::extras::Extras;
use super::{ApiClient, ApiError, Patience, at};
use crate::wire::{Envelope, SignalledRun};

/// What the API says, with 404, when no run waits for a signal. A missing endpoint is a 404, too.
const NOBODY: &str = "No signal found";

impl ApiClient {
    /// Sends a signal. `None` when no run waits for it.
    pub(crate) async fn send_signal(
        &self,
        body: Bytes,
        patience: Patience,
        extras: Option<&Extras>,
    ) -> Result<Option<SignalledRun>, ApiError> {
        let url = at(&self.inner.base, "v1/signals");
        match self.read::<Envelope<SignalledRun>>(Call::post(&url, body).extras(extras), patience).await {
            Ok(envelope) => Ok(Some(envelope.data)),
            Err(error) if error.is(StatusCode::NOT_FOUND) && error.message() == NOBODY => Ok(None),
            Err(error) => Err(error),
        }
    }
}
