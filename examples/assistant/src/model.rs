//! Who writes: a language model behind an API, or a fake of one.

mod api;
mod fake;

use std::env;

use futures_util::stream::BoxStream;
use inngest::Failure;
use narrator::BoxError;

pub(crate) use self::api::Api;
pub(crate) use self::fake::{Fake, Pace};

/// What a model is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Prompt {
    /// Who the model is to be.
    task: String,
    text: String,
}

#[derive(Debug, Clone)]
pub(crate) enum Model {
    Api(Api),
    Fake(Fake),
}

impl Prompt {
    pub(crate) fn draft(question: &str) -> Self {
        let task = "You answer a customer's question. Draft an answer of three sentences.";
        Self { task: task.to_owned(), text: question.to_owned() }
    }

    pub(crate) fn answer(question: &str, draft: &str, remark: &str) -> Self {
        let task = "You answer a customer's question. Write the answer: your draft, changed as a colleague has said.";
        let text = format!("Question: {question}\n\nDraft: {draft}\n\nThe colleague's remark: {remark}");
        Self { task: task.to_owned(), text }
    }
}

impl Model {
    /// The one that the environment names, or the fake.
    pub(crate) fn from_env() -> Result<Self, BoxError> {
        let var = |name| env::var(name).ok().filter(|value| !value.trim().is_empty());
        let Some(url) = var("ASSISTANT_MODEL_URL") else {
            let failures = var("ASSISTANT_FAILURES").map_or(Ok(1), |failures| failures.parse())?;
            return Ok(Self::Fake(Fake::new(Pace::natural(), failures)));
        };
        let model = var("ASSISTANT_MODEL").ok_or("ASSISTANT_MODEL_URL is set, and ASSISTANT_MODEL is not")?;
        Ok(Self::Api(Api::new(&url, model, var("ASSISTANT_MODEL_KEY"))?))
    }

    /// The model's text, in the pieces in which it comes. Nothing is asked before the first one is
    /// wanted.
    pub(crate) fn tokens(&self, prompt: Prompt) -> BoxStream<'static, Result<String, Failure>> {
        match self {
            Self::Api(api) => Box::pin(api.tokens(&prompt)),
            Self::Fake(fake) => Box::pin(fake.clone().tokens(prompt)),
        }
    }
}
