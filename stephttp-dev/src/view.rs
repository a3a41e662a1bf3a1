//! `stephttp-dev view`: what happened in a run on any Inngest server.

use std::env;
use std::time::Duration;

use inngest::signature::SigningKey;
use reqwest::StatusCode;
use serde_json::Value;
use stephttp_dev::Timeline;

use crate::options::View;

/// How long the server may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Prints the run's timeline, or draws it into a file.
pub(crate) async fn view(view: &View) -> Result<(), String> {
    let key = view.key_env.as_deref().map(key).transpose()?;
    let server = Server {
        url: view.server.trim_end_matches('/').to_owned(),
        key,
        http: reqwest::Client::builder().timeout(PATIENCE).build().map_err(|error| explain(&error))?,
    };
    if ulid::Ulid::from_string(&view.run).is_err() {
        return Err(format!("`{}` is no run's id: those have 26 digits and letters", view.run));
    }
    let run = server.get(&format!("/api/v2/runs/{}", view.run), &view.run).await?;
    let trace = server.get(&format!("/api/v2/runs/{}/trace", view.run), &view.run).await?;
    let timeline = Timeline::from_server(&run, &trace).map_err(|error| error.to_string())?;
    match &view.svg {
        None => println!("{timeline}"),
        Some(file) => {
            let written = std::fs::write(file, timeline.svg());
            written.map_err(|error| format!("cannot write {}: {error}", file.display()))?;
            println!("wrote {}", file.display());
        }
    }
    Ok(())
}

/// The key in an environment variable.
fn key(name: &str) -> Result<SigningKey, String> {
    let value = env::var(name).map_err(|_| {
        format!("the environment variable {name}, which `--key-env` names, is not set: set it to the server's signing key")
    })?;
    SigningKey::parse(&value).map_err(|error| format!("{name} holds no signing key: {error}"))
}

struct Server {
    url: String,
    key: Option<SigningKey>,
    http: reqwest::Client,
}

impl Server {
    async fn get(&self, path: &str, run: &str) -> Result<Value, String> {
        let mut request = self.http.get(format!("{}{path}?includeOutput=true", self.url));
        if let Some(key) = &self.key {
            request = request.bearer_auth(key.bearer());
        }
        let response = request.send().await.map_err(|error| {
            format!("{} does not answer: {}. Does the server run there?", self.url, explain(&error))
        })?;
        let status = response.status();
        let body = response.text().await.map_err(|error| explain(&error))?;
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if self.key.is_none() => Err(format!(
                "{} wants its signing key ({status}): name the variable that holds it by `--key-env NAME`",
                self.url
            )),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(format!("{} refuses the signing key ({status}): is it another server's?", self.url))
            }
            StatusCode::NOT_FOUND => Err(format!("{} knows no run {run} ({status})", self.url)),
            status if !status.is_success() => {
                let said: String = body.chars().take(200).collect();
                Err(format!("{}{path} is answered {status}: {said}", self.url))
            }
            _ => serde_json::from_str(&body).map_err(|error| {
                format!("{}{path} is answered with no JSON ({error}): is that an Inngest server?", self.url)
            }),
        }
    }
}

/// An error with its causes.
fn explain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
