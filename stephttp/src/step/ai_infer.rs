//! `step.ai_infer`: a call to a model's provider that Inngest makes while this process does
//! nothing.

use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use serde::de::DeserializeOwned;

use super::wait::Wait;
use super::{Inference, Step};
use crate::error::StepError;
use crate::function::{StepId, StepKind};
use crate::journal::Recorded;
use crate::wire::OpCode;

/// The future of [`Step::ai_infer`].
#[must_use = "a step does nothing until it is awaited"]
pub struct AiInferStep<T> {
    wait: Wait,
    inference: Inference,
    output: PhantomData<fn() -> T>,
}

impl Step {
    /// Has Inngest call a model's provider, and gives the provider's response as a `T`.
    ///
    /// Models are slow: like [`sleep`](Self::sleep) it ends this request, and Inngest calls the
    /// endpoint back with the response. A call that fails, or is answered with an error, is tried
    /// again, as often as the endpoint's `retries` say.
    ///
    /// **The API key travels to Inngest** with the operation, and is used there. Where that is not
    /// wanted, call the provider in a [`run`](Self::run). Prompts and responses are stored at
    /// Inngest.
    ///
    /// Inngest keeps numbers as 64-bit floats: in the response, integers beyond ±2^53 have been
    /// rounded, and `1.0` comes as `1`. A body with a number that would be rounded is refused.
    ///
    /// ```
    /// use inngest::step::Inference;
    /// use inngest::{Step, StepError};
    /// use serde::Deserialize;
    /// use serde_json::json;
    ///
    /// #[derive(Deserialize)]
    /// struct Completion {
    ///     choices: Vec<Choice>,
    /// }
    /// # #[derive(Deserialize)] struct Choice { message: Message }
    /// # #[derive(Deserialize)] struct Message { content: String }
    ///
    /// #[inngest::api_fn(id = "summary")]
    /// async fn summary(step: Step) -> Result<String, StepError> {
    ///     let key = std::env::var("OPENAI_API_KEY").unwrap_or_default();
    ///     let body = json!({ "model": "gpt-4o-mini", "messages": [{ "role": "user", "content": "Sum it up: …" }] });
    ///     let answer = step.ai_infer::<Completion>("sum-up", Inference::openai_chat(key, body)).await?;
    ///     Ok(answer.choices.into_iter().map(|choice| choice.message.content).collect())
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let answer = json!({ "choices": [{ "message": { "content": "All is well." } }] });
    /// assert_eq!(summary(Step::detached_with([("sum-up", answer)])).await.unwrap(), "All is well.");
    /// # }
    /// ```
    ///
    /// # Errors
    /// A [`StepError`] when the provider could not be reached or refused (its name is
    /// `AIGatewayError`), and when its response is no `T`. Without anything being asked of Inngest,
    /// when the id or the inference makes no sense (`InvalidInference`).
    ///
    /// # Panics
    /// When the handler has ended or was handed over; see [`Step`].
    ///
    /// # Cancellation
    /// Dropping the future does not stop a call that Inngest has begun: its response is not seen.
    #[doc(alias = "Infer")]
    #[track_caller]
    pub fn ai_infer<T: DeserializeOwned>(
        &self,
        id: impl Into<StepId>,
        inference: Inference,
    ) -> AiInferStep<T> {
        let mut wait = Wait::new(self, id.into(), StepKind::AiInfer, Location::caller());
        if let Some(fault) = inference.fault() {
            wait.misuse("InvalidInference", format!("the call to the model cannot be made: {fault}"));
        }
        AiInferStep { wait, inference, output: PhantomData }
    }
}

impl<T: DeserializeOwned> Future for AiInferStep<T> {
    type Output = Result<T, StepError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { wait, inference, .. } = &mut *self;
        let ask = |key| Recorded::ask(key, OpCode::AiGateway, inference.to_wire());
        Poll::Ready(ready!(wait.poll(cx, ask)).result())
    }
}

impl<T> fmt::Debug for AiInferStep<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AiInferStep").field("wait", &self.wait).field("inference", &self.inference).finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::journal::StepKey;

    #[test]
    fn the_operation_is_the_recorded_one() {
        // As recorded: docs/protocol.md 5.5
        let body = json!({"messages": [{"role": "user", "content": "hi"}], "model": "gpt-x"});
        let inference =
            Inference::openai_chat("sk-test", &body).url("http://127.0.0.1:20315/v1/chat/completions");
        let op = Recorded::ask(StepKey::hidden("ai"), OpCode::AiGateway, inference.to_wire());
        let op = serde_json::to_value(op.to_wire()).unwrap();
        assert_eq!(op["id"], "141a92417f71895e56c4a5da05f3e98fc78e2220");
        assert_eq!(op["op"], "AIGateway");
        assert_eq!(
            op["opts"],
            json!({"type": "step.ai.infer", "url": "http://127.0.0.1:20315/v1/chat/completions",
                "auth_key": "sk-test", "format": "openai-chat", "body": body})
        );
    }

    #[tokio::test]
    async fn the_key_is_in_no_error() {
        let step = Step::detached();
        let error = step.ai_infer::<Value>("ai", Inference::openai_chat("sk-secret", [1])).await.unwrap_err();
        assert_eq!(error.name(), "InvalidInference");
        assert!(!format!("{error:?}").contains("sk-secret"));
    }
}
