//! `step.invoke`: another function's result.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::Step;
use super::wait::Wait;
use crate::error::StepError;
use crate::event;
use crate::function::{StepId, StepKind};
use crate::journal::{Recorded, StepKey};
use crate::untrusted::shown;
use crate::wire::limits::EVENT_BYTES;
use crate::wire::{OpCode, OpOpts, duration};

/// The future of [`Step::invoke`]. Set its options before it is awaited.
#[must_use = "a step does nothing until it is awaited"]
pub struct InvokeStep<T> {
    wait: Wait,
    function: String,
    /// An event without a name.
    payload: Payload,
    timeout: Option<Duration>,
    output: PhantomData<fn() -> T>,
}

type Payload = BTreeMap<String, Box<RawValue>>;

impl Step {
    /// Calls another Inngest function, and waits for its result.
    ///
    /// The function's id has its app's id in front: `"billing-charge"` for the function `charge` of
    /// the app `billing`. It may be written with any of Inngest's SDKs. The process keeps nothing
    /// of the wait: like [`sleep`](Self::sleep), it ends this request, and Inngest calls the
    /// endpoint back.
    ///
    /// Inngest keeps the numbers of the result as 64-bit floats: integers beyond ±2^53 have been
    /// rounded, and `1.0` comes as `1`. Have the function return such numbers as text.
    ///
    /// Functions that are triggered by events can be invoked, durable endpoints cannot: Inngest
    /// calls an invoked endpoint at its origin without path, method and body. To run another
    /// endpoint, call it over HTTP in a [`run`](Self::run) or with [`fetch`](Self::fetch).
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use inngest::{Step, StepError};
    /// use serde::Deserialize;
    ///
    /// #[derive(Deserialize)]
    /// struct Score {
    ///     points: u32,
    /// }
    ///
    /// #[inngest::api_fn(id = "apply")]
    /// async fn apply(step: Step) -> Result<String, StepError> {
    ///     let score = step
    ///         .invoke::<Score>("score", "risk-score-customer")
    ///         .data(serde_json::json!({ "customer": "c-1" }))
    ///         .timeout(Duration::from_secs(600))
    ///         .await?;
    ///     Ok(if score.points > 500 { "accepted" } else { "declined" }.to_owned())
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let step = Step::detached_with([("score", serde_json::json!({ "points": 700 }))]);
    /// assert_eq!(apply(step).await.unwrap(), "accepted");
    /// # }
    /// ```
    ///
    /// # Errors
    /// The function's own error when it failed, which its own retries decide. A [`StepError`] when
    /// it does not exist, does not end in time (named `InngestInvokeTimeoutError`), or returns what
    /// is no `T`; and, without anything being asked of Inngest, when the id, the function's id, the
    /// data or the timeout makes no sense.
    ///
    /// # Panics
    /// When the handler has ended or was handed over; see [`Step`].
    ///
    /// # Cancellation
    /// Dropping the future does not stop a function that was invoked: its result is not seen.
    #[track_caller]
    pub fn invoke<T: DeserializeOwned>(
        &self,
        id: impl Into<StepId>,
        function_id: impl Into<String>,
    ) -> InvokeStep<T> {
        let mut wait = Wait::new(self, id.into(), StepKind::Invoke, Location::caller());
        let function = function_id.into();
        if function.trim().is_empty() {
            wait.misuse("InvalidFunctionId", "the id of the function to invoke is empty");
        }
        // The server crashes without a payload.
        let nothing = serde_json::value::to_raw_value(&Payload::new()).unwrap_or_default();
        let payload = Payload::from([("data".to_owned(), nothing)]);
        InvokeStep { wait, function, payload, timeout: None, output: PhantomData }
    }
}

impl<T> InvokeStep<T> {
    /// What the function gets as its event's data: JSON's object. Empty unless set.
    ///
    /// As in an [`Event`](crate::Event), a number that Inngest would round is refused.
    pub fn data(self, data: impl Serialize) -> Self {
        self.part("data", data)
    }

    /// Whom the call is about: JSON's object.
    pub fn user(self, user: impl Serialize) -> Self {
        self.part("user", user)
    }

    /// How long to wait for the function's end: a year unless set; 366 days are the most. The
    /// function goes on after that.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.wait.check_timeout(timeout);
        self.timeout = Some(timeout);
        self
    }

    fn part(mut self, part: &str, value: impl Serialize) -> Self {
        match event::object(&value, part) {
            // Null stands for no data.
            Ok(value) if value.get() == "null" => {}
            Ok(value) => {
                let bytes = value.get().len();
                if bytes > EVENT_BYTES {
                    self.refuse(&format!(
                        "its {part} has {bytes} bytes as JSON, but at most {EVENT_BYTES} (3 MiB) are allowed"
                    ));
                }
                self.payload.insert(part.to_owned(), value);
            }
            Err(fault) => self.refuse(&fault),
        }
        self
    }

    fn refuse(&mut self, fault: &str) {
        let fault = format!("the function `{}` cannot be invoked: {fault}", shown(&self.function));
        self.wait.misuse("InvalidPayload", fault);
    }
}

fn ask(key: StepKey, function: &str, payload: &Payload, timeout: Option<Duration>) -> Recorded {
    let opts = OpOpts {
        function_id: Some(Cow::Owned(function.to_owned())),
        // A map of JSON values: this cannot fail.
        payload: Some(Cow::Owned(serde_json::value::to_raw_value(payload).unwrap_or_default())),
        timeout: timeout.map(|timeout| Cow::Owned(duration::format(timeout))),
        ..OpOpts::default()
    };
    let op = Recorded::ask(key, OpCode::InvokeFunction, opts);
    if let Some(timeout) = timeout { op.lasting(timeout) } else { op }
}

impl<T: DeserializeOwned> Future for InvokeStep<T> {
    type Output = Result<T, StepError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { wait, function, payload, timeout, .. } = &mut *self;
        Poll::Ready(ready!(wait.poll(cx, |key| ask(key, function, payload, *timeout))).result())
    }
}

impl<T> fmt::Debug for InvokeStep<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InvokeStep")
            .field("wait", &self.wait)
            .field("function", &self.function)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn op(step: &InvokeStep<Value>) -> Value {
        let op = ask(StepKey::hidden("inv"), &step.function, &step.payload, step.timeout);
        serde_json::to_value(op.to_wire()).unwrap()
    }

    fn invoke() -> InvokeStep<Value> {
        Step::detached().invoke("inv", "demo-app-fn-ok")
    }

    #[test]
    fn the_operation_is_the_recorded_one() {
        // As recorded: docs/protocol.md 5.6
        let op = op(&invoke().data(json!({"in": 1})).timeout(Duration::from_secs(20)));
        assert_eq!(op["id"], "a22c81f9e58d3e183314100cda7df50c66582b16");
        assert_eq!(op["op"], "InvokeFunction");
        assert_eq!(
            op["opts"],
            json!({"payload": {"data": {"in": 1}}, "function_id": "demo-app-fn-ok", "timeout": "20s"})
        );
        assert_eq!(
            self::op(&invoke())["opts"],
            json!({"payload": {"data": {}}, "function_id": "demo-app-fn-ok"})
        );
        let with_user = self::op(&invoke().data(()).user(json!({"id": "u"})));
        assert_eq!(with_user["opts"]["payload"], json!({"data": {}, "user": {"id": "u"}}));
    }

    #[tokio::test]
    async fn what_makes_no_sense_is_an_error_at_once() {
        for (step, name) in [
            (Step::detached().invoke::<Value>("inv", " "), "InvalidFunctionId"),
            (invoke().data([1]), "InvalidPayload"),
            (invoke().data(json!({"x": "x".repeat(3 << 20)})), "InvalidPayload"),
            (invoke().user("Ada"), "InvalidPayload"),
            (invoke().data(json!({"n": u64::MAX})), "InvalidPayload"),
            (invoke().timeout(Duration::from_secs(367 * 86_400)), "InvalidTimeout"),
            (invoke(), "DetachedError"),
        ] {
            assert_eq!(step.await.unwrap_err().name(), name);
        }
    }
}
