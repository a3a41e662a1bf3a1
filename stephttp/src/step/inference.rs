//! A call to a model's provider.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;
use serde_json::value::RawValue;

use super::request_parts::{Headers, check_body, check_url, without_secrets};
use crate::event::{check_depth, check_numbers};
use crate::untrusted::shown;
use crate::wire::{OpOpts, Secret};

const OPENAI: &str = "https://api.openai.com/v1/chat/completions";
const ANTHROPIC: &str = "https://api.anthropic.com/v1/messages";
const GEMINI: &str = "https://generativelanguage.googleapis.com/v1beta/models";

/// A call to a model's provider, for [`Step::ai_infer`](super::Step::ai_infer).
///
/// The body is the provider's own, so that all its options can be used.
///
/// ```
/// use inngest::step::Inference;
/// use serde_json::json;
///
/// let body = json!({ "model": "gpt-4o-mini", "messages": [{ "role": "user", "content": "Hello" }] });
/// let inference = Inference::openai_chat("sk-secret", &body);
/// assert!(!format!("{inference:?}").contains("secret"));
///
/// // Another provider with the same API:
/// let inference = Inference::openai_chat("secret", &body).url("https://llm.example.com/v1/chat/completions");
/// ```
#[derive(Clone)]
#[must_use = "an inference does nothing until a step makes it"]
pub struct Inference {
    /// How the provider is spoken to, in Inngest's words.
    format: &'static str,
    url: String,
    key: Secret<'static>,
    headers: Headers,
    body: Box<RawValue>,
    /// The first thing that makes no sense.
    fault: Option<String>,
}

impl Inference {
    /// A call to the chat completions of `api.openai.com`, or of another provider with that API;
    /// see [`url`](Self::url).
    pub fn openai_chat(api_key: impl Into<String>, body: impl Serialize) -> Self {
        Self::new("openai-chat", OPENAI.to_owned(), api_key.into(), &body)
    }

    /// A call to Anthropic's messages, with the version `2023-06-01` of its API.
    pub fn anthropic(api_key: impl Into<String>, body: impl Serialize) -> Self {
        Self::new("anthropic", ANTHROPIC.to_owned(), api_key.into(), &body)
            .header("anthropic-version", "2023-06-01")
    }

    /// A call to Google's Gemini: `generateContent` of a model such as `gemini-2.0-flash`.
    pub fn gemini(api_key: impl Into<String>, model: &str, body: impl Serialize) -> Self {
        Self::new("gemini", format!("{GEMINI}/{model}:generateContent"), api_key.into(), &body)
    }

    /// Another URL than the provider's own.
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.url = url.into();
        self
    }

    /// Adds a header.
    pub fn header(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        if let Err(fault) = self.headers.add(name.as_ref(), value.as_ref().as_bytes()) {
            self.fault.get_or_insert(fault);
        }
        self
    }

    fn new(format: &'static str, url: String, key: String, body: &impl Serialize) -> Self {
        let (body, fault) = match serde_json::value::to_raw_value(body) {
            Ok(body) if body.get().starts_with('{') => (body, None),
            Ok(_) => (Box::default(), Some("its body is no JSON object".to_owned())),
            Err(error) => (
                Box::default(),
                Some(format!("its body cannot be written as JSON: {}", shown(&error.to_string()))),
            ),
        };
        Self { format, url, key: Secret::new(key), headers: Headers::default(), body, fault }
    }

    /// What makes no sense, in words for the developer.
    pub(super) fn fault(&self) -> Option<String> {
        let fault = self.fault.clone().or_else(|| check_url(&self.url).err());
        let fault = fault.or_else(|| check_body(self.body.get()).err());
        let fault = fault.or_else(|| check_numbers(self.body.get(), "body").err());
        fault.or_else(|| check_depth(self.body.get(), "body").err())
    }

    pub(super) fn to_wire(&self) -> OpOpts<'static> {
        OpOpts {
            url: Some(Cow::Owned(self.url.clone())),
            headers: self.headers.to_wire(),
            auth_key: Some(self.key.clone()),
            format: Some(Cow::Borrowed(self.format)),
            body: Some(Cow::Owned(self.body.clone())),
            step_type: Some(Cow::Borrowed("step.ai.infer")),
            ..OpOpts::default()
        }
    }
}

/// Without the key, the body, and most headers' values.
impl fmt::Debug for Inference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inference")
            .field("format", &self.format)
            .field("url", &without_secrets(&self.url))
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn wire(inference: &Inference) -> Value {
        serde_json::to_value(inference.to_wire()).unwrap()
    }

    #[test]
    fn providers_are_spoken_to_as_inngest_knows_them() {
        let body = json!({"model": "m"});
        let anthropic = wire(&Inference::anthropic("k", &body));
        assert_eq!(anthropic["url"], ANTHROPIC);
        assert_eq!(anthropic["headers"], json!({"anthropic-version": "2023-06-01"}));
        let gemini = wire(&Inference::gemini("k", "gemini-2.0-flash", &body));
        assert_eq!(
            gemini["url"],
            "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.0-flash:generateContent"
        );
        assert_eq!(wire(&Inference::openai_chat("k", &body))["url"], OPENAI);
    }

    #[test]
    fn what_makes_no_sense_is_named_and_the_key_is_not() {
        let good = || Inference::openai_chat("secret", json!({"prompt": "secret"}));
        assert_eq!(good().fault(), None);
        let shown = format!(
            "{:?} {:?}",
            good().header("x-token", "secret").url("https://a/?b=secret"),
            good().to_wire()
        );
        assert!(!shown.contains("secret"), "{shown}");
        let fault = Inference::openai_chat("k", json!({"seed": u64::MAX})).fault().unwrap();
        assert!(fault.contains("18446744073709551615 in `body.seed`"), "{fault}");
        assert!(Inference::openai_chat("k", [1]).fault().unwrap().contains("no JSON object"));
        assert!(good().url("nowhere").fault().unwrap().contains("no absolute URL"));
        assert!(good().header("a b", "c").fault().unwrap().contains("no header's name"));
    }
}
