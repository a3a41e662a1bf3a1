//! `GET /v1/http/runs/{run_id}/output`: waiting for a run's output, as its client does
//! (docs/protocol.md 9.1).

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Response};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use reqwest::Request;
use url::Url;

use super::call::SDK;
use super::error::Credential;
use super::{ApiClient, ApiError};
use crate::wire::{RunId, headers};

/// Inngest answers after five minutes at the latest, so a connection that says nothing for longer
/// is dead.
const LONGEST_ANSWER: Duration = Duration::from_secs(5 * 60 + 30);

/// The answer's body, as it comes.
pub(crate) type OutputBody = UnsyncBoxBody<Bytes, ApiError>;

impl ApiClient {
    /// Asks once for a run's output. The answer, of whatever status, comes when the run has ended,
    /// or after five minutes.
    ///
    /// The token is all that is shown: it is a client's, so it must be no use that this app has
    /// keys.
    ///
    /// # Cancellation
    /// Dropping the future, or the body, ends the connection.
    pub(crate) async fn ask_for_output(
        &self,
        run_id: RunId,
        token: &str,
    ) -> Result<Response<OutputBody>, ApiError> {
        let url: Url = self.output_url(run_id, token).parse().map_err(|_| {
            // It holds the token, so the error must not show it.
            ApiError::request("the run's output has an address that cannot be asked")
        })?;
        let mut request = Request::new(Method::GET, url.clone());
        request.headers_mut().insert(&SDK, HeaderValue::from_static(headers::SDK_VALUE));
        let of_call = move |error: ApiError| error.of_call(&url, Credential::RunToken, 1, false);
        let response = tokio::time::timeout(LONGEST_ANSWER, self.inner.output_http.execute(request)).await;
        let response: Response<reqwest::Body> = match response {
            Ok(Ok(response)) => response.into(),
            Ok(Err(error)) => return Err(of_call(ApiError::broken(error))),
            Err(_) => return Err(of_call(ApiError::timed_out())),
        };
        Ok(response.map(|body| body.map_err(move |error| of_call(ApiError::broken(error))).boxed_unsync()))
    }
}
