//! What the steps of a unit test come to that would need Inngest.

use std::collections::HashMap;
use std::fmt;

use serde_json::Value;

use super::Step;
use crate::journal::StepKey;
use crate::wire::OpError;

/// What a step that waits for Inngest comes to in a unit test; see [`Step::detached_with`].
///
/// A [`serde_json::Value`] becomes one: what the step gives.
#[derive(Debug, Clone, PartialEq)]
pub struct StepOutcome(Kind);

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Value(Value),
    Failed { name: String, message: String },
    TimedOut,
}

impl StepOutcome {
    /// The step fails: the handler gets a [`StepError`](crate::StepError) with this name and
    /// message.
    pub fn failed(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self(Kind::Failed { name: name.into(), message: message.into() })
    }

    /// Nothing comes in time: a wait for an event or a signal gives `None`.
    #[must_use]
    pub fn timed_out() -> Self {
        Self(Kind::TimedOut)
    }

    /// Whether anything comes, if only a failure.
    pub(super) fn comes(&self) -> bool {
        self.0 != Kind::TimedOut
    }

    /// The value, `None` for a timeout.
    pub(super) fn into_value(self) -> Result<Option<Value>, OpError> {
        match self.0 {
            Kind::Value(value) => Ok(Some(value)),
            Kind::Failed { name, message } => Err(OpError::new(name, message)),
            Kind::TimedOut => Ok(None),
        }
    }
}

impl From<Value> for StepOutcome {
    fn from(value: Value) -> Self {
        Self(Kind::Value(value))
    }
}

/// The outcomes of a test, by step id; several of one id are for its uses in turn.
#[derive(Default)]
pub(super) struct Outcomes(HashMap<String, Vec<StepOutcome>>);

impl Outcomes {
    pub(super) fn of(&self, key: &StepKey) -> Option<StepOutcome> {
        let index = usize::try_from(key.index).ok()?;
        self.0.get(&*key.id)?.get(index).cloned()
    }
}

impl fmt::Debug for Outcomes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Step {
    /// Like [`detached`](Self::detached), with what the steps come to that need Inngest, by their
    /// ids.
    ///
    /// A value stands for an event's data, a signal's payload, an invoked function's or a model's
    /// result, or, for [`fetch`](Self::fetch), `{"status": 200, "headers": {}, "body":
    /// "text"}`. For failures and timeouts, see [`StepOutcome`]. An id that is used several times
    /// in a run can be given several times, in that order. Steps that [`run`](Self::run) code, and
    /// those that send, do what they do in `detached`.
    ///
    /// ```
    /// use inngest::step::StepOutcome;
    /// use inngest::{Step, StepError};
    /// use serde_json::json;
    ///
    /// async fn approve(step: Step) -> Result<&'static str, StepError> {
    ///     let limit: u64 = step.invoke("limit", "shop-credit-limit").await?;
    ///     let answer = step.wait_for_event::<serde_json::Value>("answer", "shop/order.answered").await?;
    ///     Ok(match answer {
    ///         Some(answer) if answer.data["amount"].as_u64() <= Some(limit) => "approved",
    ///         Some(_) => "too much",
    ///         None => "nobody answered",
    ///     })
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let step = Step::detached_with([("limit", json!(100)), ("answer", json!({"amount": 70}))]);
    /// assert_eq!(approve(step).await.unwrap(), "approved");
    ///
    /// let step = Step::detached_with([("limit", StepOutcome::failed("LimitError", "no such customer"))]);
    /// assert_eq!(approve(step).await.unwrap_err().name(), "LimitError");
    /// # }
    /// ```
    pub fn detached_with<I, K, V>(outcomes: I) -> Self
    where
        I: IntoIterator<Item = (K, V)>,
        K: Into<String>,
        V: Into<StepOutcome>,
    {
        let mut known = Outcomes::default();
        for (id, outcome) in outcomes {
            known.0.entry(id.into()).or_default().push(outcome.into());
        }
        Self::without_server(known)
    }
}
