//! A model behind an API of chat completions, as many offer it, streamed.

use futures_util::{Stream, TryStreamExt, stream};
use inngest::Failure;
use narrator::BoxError;
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use serde::Deserialize;
use serde_json::json;

use super::Prompt;
use crate::sse::Events;

#[derive(Debug, Clone)]
pub(crate) struct Api {
    client: Client,
    url: Url,
    model: String,
    key: Option<String>,
}

/// A piece of the text, as the API sends it.
#[derive(Debug, Deserialize)]
struct Chunk {
    choices: Vec<Choice>,
}

#[derive(Debug, Deserialize)]
struct Choice {
    delta: Delta,
}

#[derive(Debug, Deserialize)]
struct Delta {
    content: Option<String>,
}

impl Api {
    /// `url` is what comes before `/chat/completions`, such as `https://api.openai.com/v1`.
    pub(crate) fn new(url: &str, model: String, key: Option<String>) -> Result<Self, BoxError> {
        let url = Url::parse(&format!("{}/chat/completions", url.trim_end_matches('/')))?;
        Ok(Self { client: Client::new(), url, model, key })
    }

    pub(super) fn tokens(
        &self,
        prompt: &Prompt,
    ) -> impl Stream<Item = Result<String, Failure>> + Send + use<> {
        let messages = json!([
            { "role": "system", "content": prompt.task },
            { "role": "user", "content": prompt.text },
        ]);
        let body = json!({ "model": self.model, "messages": messages, "stream": true });
        let mut request = self.client.post(self.url.clone()).json(&body);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key);
        }
        stream::once(begin(request)).map_ok(pieces).try_flatten()
    }
}

async fn begin(request: RequestBuilder) -> Result<Response, Failure> {
    let response = request.send().await?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let is_final = status.is_client_error()
        && ![StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS].contains(&status);
    let why = format!("the model's API answers {status}");
    Err(if is_final { Failure::non_retriable(why) } else { Failure::new(why) })
}

fn pieces(response: Response) -> impl Stream<Item = Result<String, Failure>> + Send {
    stream::try_unfold(Events::of(response), |mut events| async move {
        while let Some(event) = events.next().await? {
            if event.data == "[DONE]" {
                return Ok(None);
            }
            let chunk: Chunk = serde_json::from_str(&event.data)?;
            let text: String = chunk.choices.into_iter().filter_map(|choice| choice.delta.content).collect();
            if !text.is_empty() {
                return Ok(Some((text, events)));
            }
        }
        // Half a text is none.
        Err(Failure::new("the model's response broke off"))
    })
}
