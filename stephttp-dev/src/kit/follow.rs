//! The answer to a request, and the way from there to the response of its run.

use http::StatusCode;
use reqwest::{Response, Url};
use serde::Deserialize;
use tokio::sync::watch;

use super::shared::Shared;
use crate::client::{self, Answer};

/// What the client of a first request gets. Its body comes by itself, so that nobody has to read it
/// for the run to go on.
#[derive(Debug)]
pub(super) struct First {
    status: StatusCode,
    answer: watch::Receiver<Option<Result<Answer, String>>>,
}

impl First {
    pub(super) fn new(request: String, response: Response) -> Self {
        let status = response.status();
        let (sender, answer) = watch::channel(None);
        tokio::spawn(async move {
            // Nobody may want it any more.
            let _ = sender.send(Some(Answer::read(&request, response).await));
        });
        Self { status, answer }
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// The whole of it; the error says why its body broke off.
    pub(super) async fn answer(&self) -> Result<Answer, String> {
        let ended = || Err("the runtime of the test has ended".to_owned());
        match self.answer.clone().wait_for(Option::is_some).await {
            Ok(answer) => answer.clone().unwrap_or_else(ended),
            Err(_) => ended(),
        }
    }

    /// Where the answer sends its client for the run's output: by a redirect, or by a token, as
    /// [`AsyncResponse`](inngest::AsyncResponse) has it. `None` if it is the response itself, or
    /// leads elsewhere.
    pub(super) fn output_url(shared: &Shared, run_id: &str, answer: &Answer) -> Option<Url> {
        #[derive(Deserialize)]
        struct Token {
            url: String,
        }
        if let Some(url) = led(shared, run_id, answer) {
            return Some(url);
        }
        let token: Token = serde_json::from_slice(answer.bytes()).ok()?;
        is_output(shared, run_id, answer.url()?.join(&token.url).ok()?)
    }

    /// The same, for a client that follows redirects and nothing else.
    pub(super) fn redirected(shared: &Shared, run_id: &str, answer: &Answer) -> Option<Url> {
        led(shared, run_id, answer).filter(|_| answer.status().is_redirection())
    }
}

/// Where an answer leads for the run's output.
fn led(shared: &Shared, run_id: &str, answer: &Answer) -> Option<Url> {
    is_output(shared, run_id, answer.location()?)
}

/// A location, if it is that of the run's output: at the app's own route, or at the engine.
fn is_output(shared: &Shared, run_id: &str, url: Url) -> Option<Url> {
    let origin = url.origin().ascii_serialization();
    let is_ours = origin == shared.origin || origin == shared.engine.url();
    (is_ours && url.path().contains(run_id)).then_some(url)
}

/// Waits for a run's output as a client does, over any number of processes that die.
pub(super) async fn output(shared: &Shared, run_id: &str, request: &str, url: Url) -> Result<Answer, String> {
    let ask = |url| shared.client.get(url);
    client::output(request, url, usize::MAX, ask, |answer| led(shared, run_id, answer)).await
}
