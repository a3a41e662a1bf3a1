//! An Inngest server whose runs are read over HTTP.

use std::time::Duration;

use bytes::Bytes;
use inngest::signature::SigningKey;
use reqwest::{Client, StatusCode};

use crate::text::{cut, explain};

/// How long a call may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How much of an answer is in a message, in characters.
const SHOWN: usize = 200;

/// A server, and the key by which it is asked.
pub(crate) struct Remote {
    client: Client,
    pub(crate) url: String,
    pub(crate) bearer: Option<String>,
}

impl Remote {
    /// A server by its URL. A dev server has no key.
    pub(crate) fn new(url: &str, signing_key: Option<&str>) -> Result<Self, String> {
        let key = signing_key.map(SigningKey::parse).transpose();
        let key = key.map_err(|error| format!("the signing key is none: {error}"))?;
        let client = Client::builder().timeout(TIMEOUT).build();
        let client = client.map_err(|error| format!("no HTTP client can be made: {}", explain(&error)))?;
        let bearer = key.as_ref().map(SigningKey::bearer);
        Ok(Self { client, url: url.trim_end_matches('/').to_owned(), bearer })
    }

    /// A run with its output; `None` when the server does not know it.
    pub(crate) async fn run(&self, run_id: &str) -> Result<Option<Bytes>, String> {
        self.get(&format!("/api/v2/runs/{run_id}?includeOutput=true")).await
    }

    /// A run's trace with all outputs; `None` when the server does not know it.
    pub(crate) async fn trace(&self, run_id: &str) -> Result<Option<Bytes>, String> {
        self.get(&format!("/api/v2/runs/{run_id}/trace?includeOutput=true")).await
    }

    /// An answer's body; `None` when there is no such thing.
    pub(crate) async fn get(&self, path: &str) -> Result<Option<Bytes>, String> {
        let mut request = self.client.get(format!("{}{path}", self.url));
        if let Some(bearer) = &self.bearer {
            request = request.bearer_auth(bearer);
        }
        let url = &self.url;
        // Without the URL, which the message has.
        let failed = |error: reqwest::Error| explain(&error.without_url());
        let response = request.send().await.map_err(|error| {
            format!("{url} does not answer: {}. Does the server run there?", failed(error))
        })?;
        let status = response.status();
        let body = response
            .bytes()
            .await
            .map_err(|error| format!("the answer to {url}{path} broke off: {}", failed(error)))?;
        match status {
            StatusCode::GONE | StatusCode::NOT_FOUND => Ok(None),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if self.bearer.is_none() => Err(format!(
                "{url} wants its signing key ({status}): give it. The command reads the key from the variable that \
                 `--key-env NAME` names"
            )),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(format!("{url} refuses the signing key ({status}): is it another server's?"))
            }
            status if status.is_success() => Ok(Some(body)),
            status => {
                let said = cut(&String::from_utf8_lossy(&body), SHOWN);
                Err(format!("{url}{path} is answered {status}: {said}"))
            }
        }
    }
}

/// Refuses what cannot be a run's id.
pub(crate) fn check_run_id(run_id: &str) -> Result<(), String> {
    match ulid::Ulid::from_string(run_id) {
        Ok(_) => Ok(()),
        Err(_) => Err(format!("`{run_id}` is no run's id: those have 26 digits and letters")),
    }
}
