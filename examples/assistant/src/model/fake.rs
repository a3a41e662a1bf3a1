//! A model for tries and tests: the same question has the same answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use inngest::Failure;

use super::Prompt;

#[derive(Debug, Clone)]
pub(crate) struct Fake {
    pace: Pace,
    /// So many texts break off in the middle.
    failures: Arc<AtomicUsize>,
}

/// When the next token comes.
#[derive(Debug, Clone)]
pub(crate) enum Pace {
    After(Duration),
    /// When a test says so.
    #[cfg(test)]
    Permitted(Arc<tokio::sync::Semaphore>),
}

impl Pace {
    /// As a model writes.
    pub(crate) fn natural() -> Self {
        Self::After(Duration::from_millis(60))
    }

    async fn wait(&self) {
        match self {
            Self::After(pause) => tokio::time::sleep(*pause).await,
            #[cfg(test)]
            Self::Permitted(permits) => permits.acquire().await.unwrap().forget(),
        }
    }
}

impl Fake {
    pub(crate) fn new(pace: Pace, failures: usize) -> Self {
        Self { pace, failures: Arc::new(AtomicUsize::new(failures)) }
    }

    pub(super) fn tokens(self, prompt: Prompt) -> impl Stream<Item = Result<String, Failure>> + Send {
        stream::once(async move { self.begin(&prompt) }).flatten()
    }

    fn begin(self, prompt: &Prompt) -> impl Stream<Item = Result<String, Failure>> + Send + use<> {
        let text = text(prompt);
        let mut tokens: Vec<_> = text.split_inclusive(' ').map(|token| Ok(token.to_owned())).collect();
        let take_one = |failures: usize| failures.checked_sub(1);
        if self.failures.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take_one).is_ok() {
            tokens.truncate(tokens.len() / 2);
            tokens.push(Err(Failure::new("the model broke off in the middle of its text")));
        }
        stream::iter(tokens).then(move |token| {
            let pace = self.pace.clone();
            async move {
                pace.wait().await;
                token
            }
        })
    }
}

fn text(prompt: &Prompt) -> String {
    match prompt.text.split_once("The colleague's remark: ") {
        None => format!(
            "Thank you for your question, “{}”. The short answer is yes, and it takes a day. \
             Write to us again if it takes longer.",
            prompt.text
        ),
        Some((_, remark)) => format!(
            "Thank you for your question. Yes, we will see to it within a day, and tell you when it is done. \
             A colleague would like to add: {remark}"
        ),
    }
}
