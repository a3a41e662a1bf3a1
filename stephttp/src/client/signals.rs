//! `POST /v1/signals`: resuming the run that waits for a signal.

use bytes::Bytes;
use http::{Method, StatusCode};

use super::{ApiClient, ApiError, Patience, at, read, uri};
use crate::wire::{Envelope, SignalledRun};

/// What the API says, with 404, when no run waits for a signal. A missing endpoint is a 404, too.
const NOBODY: &str = "No signal found";

impl ApiClient {
    /// Sends a signal. `None` when no run waits for it.
    pub(crate) async fn send_signal(
        &self,
        body: Bytes,
        patience: Patience,
    ) -> Result<Option<SignalledRun>, ApiError> {
        let url = uri(&at(&self.base, "v1/signals"));
        match self.call(Method::POST, &url, Some(body), patience).await {
            Ok(answer) => read::<Envelope<SignalledRun>>(&answer).map(|envelope| Some(envelope.data)),
            Err(ApiError::Status { status: StatusCode::NOT_FOUND, message }) if message == NOBODY => Ok(None),
            Err(error) => Err(error),
        }
    }
}
