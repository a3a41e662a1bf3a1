//! Who listens to what a run publishes.

use std::time::Duration;

use inngest::{Failure, Provider};
use serde_json::Value;

use crate::client::{HTTP, explain};
use crate::stage::Effects;

/// How long a message may be on its way.
const PATIENCE: Duration = Duration::from_secs(20);

impl Effects {
    /// Somebody begins to listen to a topic of a channel, with a token of the app's.
    pub(crate) async fn listens(
        &self,
        inngest: &Provider,
        channel: &str,
        topic: &str,
    ) -> Result<(), Failure> {
        self.does("listens").await?;
        let token = inngest.realtime().token(channel, [topic]).await.map_err(Failure::new)?;
        let failed = |error: reqwest::Error| Failure::new(explain(&error));
        let response = HTTP.get(token.url()).send().await.map_err(failed)?;
        let mut response = response.error_for_status().map_err(failed)?;
        let (effects, about) = (self.clone(), [channel, topic].map(str::to_owned));
        tokio::spawn(async move {
            let mut text = String::new();
            while let Ok(Some(chunk)) = response.chunk().await {
                text += &String::from_utf8_lossy(&chunk);
                while let Some((event, rest)) = text.split_once("\n\n") {
                    if let Some(message) = event.strip_prefix("data: ") {
                        effects.hear(heard(message, &about));
                    }
                    text = rest.to_owned();
                }
            }
        });
        Ok(())
    }

    /// What was heard in this run, up to this message, which has to come.
    pub(crate) async fn heard_until(&self, end: &str) -> Result<Vec<Value>, Failure> {
        let heard = tokio::time::timeout(PATIENCE, self.hears(|data| data == end)).await;
        heard.map_err(|_| Failure::non_retriable(format!("`{end}` was not heard")))
    }
}

/// A message's data, if it is one about this.
fn heard(message: &str, [channel, topic]: &[String; 2]) -> Value {
    let message: Value = serde_json::from_str(message).unwrap_or_default();
    let is_about =
        message["kind"] == "data" && message["channel"] == **channel && message["topic"] == **topic;
    if is_about { message["data"].clone() } else { Value::String(format!("something else: {message}")) }
}
