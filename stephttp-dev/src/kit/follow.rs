//! The answer to a request, and the way from there to the response of its run.

use std::time::Duration;

use bytes::Bytes;
use http::header::LOCATION;
use http::{HeaderMap, StatusCode};
use reqwest::{Response, Url};
use serde::Deserialize;
use tokio::sync::watch;

use super::response::Answer;
use super::shared::Shared;
use crate::text::explain;

/// How soon an output that is not there yet is asked for again.
const AGAIN: Duration = Duration::from_millis(20);

/// The header that a run's own response has at both output routes.
const RUN_ID: &str = "x-run-id";

/// What the client of a first request gets. Its body comes by itself, so that nobody has to read it
/// for the run to go on.
#[derive(Debug)]
pub(super) struct First {
    url: Url,
    status: StatusCode,
    headers: HeaderMap,
    body: watch::Receiver<Option<Result<Bytes, String>>>,
}

impl First {
    pub(super) fn new(response: Response) -> Self {
        let (url, status, headers) = (response.url().clone(), response.status(), response.headers().clone());
        let (sender, body) = watch::channel(None);
        tokio::spawn(async move {
            let body = response.bytes().await.map_err(|error| explain(&error));
            // Nobody may want it any more.
            let _ = sender.send(Some(body));
        });
        Self { url, status, headers, body }
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// The whole of it; the error says why its body broke off.
    pub(super) async fn answer(&self) -> Result<Answer, String> {
        let mut body = self.body.clone();
        let body = match body.wait_for(Option::is_some).await {
            Ok(body) => body.clone().unwrap_or_else(|| Ok(Bytes::new()))?,
            Err(_) => return Err("the runtime of the test has ended".to_owned()),
        };
        Ok(Answer { status: self.status, headers: self.headers.clone(), body })
    }

    /// Where the answer sends its client for the run's output: by a redirect, or by a token, as
    /// [`AsyncResponse`](inngest::AsyncResponse) has it. `None` if it is the response itself, or
    /// leads elsewhere.
    pub(super) fn output_url(&self, shared: &Shared, run_id: &str, answer: &Answer) -> Option<Url> {
        #[derive(Deserialize)]
        struct Token {
            url: String,
        }
        if let Some(url) = redirected(shared, run_id, &self.url, answer) {
            return Some(url);
        }
        let token: Token = serde_json::from_slice(&answer.body).ok()?;
        output_at(shared, run_id, &self.url, &token.url)
    }

    /// The same, for a client that follows redirects and nothing else.
    pub(super) fn redirected(&self, shared: &Shared, run_id: &str, answer: &Answer) -> Option<Url> {
        redirected(shared, run_id, &self.url, answer).filter(|_| answer.status.is_redirection())
    }
}

fn redirected(shared: &Shared, run_id: &str, from: &Url, answer: &Answer) -> Option<Url> {
    output_at(shared, run_id, from, answer.headers.get(LOCATION)?.to_str().ok()?)
}

/// A location, if it is that of the run's output: at the app's own route, or at the engine.
fn output_at(shared: &Shared, run_id: &str, from: &Url, location: &str) -> Option<Url> {
    let url = from.join(location).ok()?;
    let origin = url.origin().ascii_serialization();
    let is_ours = origin == shared.origin || origin == shared.engine.url();
    (is_ours && url.path().contains(run_id)).then_some(url)
}

/// Waits for a run's output as a client does: it goes where it is sent, and asks again when the
/// route has nothing yet, or the process that it waited at has died.
pub(super) async fn output(shared: &Shared, run_id: &str, mut url: Url) -> Answer {
    loop {
        if let Ok(answer) = ask(shared, &url).await {
            if answer.headers.contains_key(RUN_ID) {
                return answer;
            }
            // Everything else is the route's own answer.
            if let Some(next) = redirected(shared, run_id, &url, &answer) {
                url = next;
            } else if answer.status != StatusCode::SERVICE_UNAVAILABLE {
                return answer;
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn ask(shared: &Shared, url: &Url) -> Result<Answer, reqwest::Error> {
    let response = shared.client.get(url.clone()).send().await?;
    let (status, headers) = (response.status(), response.headers().clone());
    Ok(Answer { status, headers, body: response.bytes().await? })
}
