//! `step.wait_for_event`: until something happens elsewhere.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::wait::{Wait, WaitEnd, given};
use super::{Step, cel};
use crate::error::StepError;
use crate::event::{self, Event};
use crate::function::{StepId, StepKind};
use crate::journal::{Recorded, StepKey};
use crate::wire::{OpCode, OpOpts, duration, limits};

/// What a wait cannot be begun with.
const INVALID_EXPRESSION: &str = "InvalidExpression";

/// The future of [`Step::wait_for_event`]. Set its options before it is awaited.
#[must_use = "a wait does nothing until it is awaited"]
pub struct WaitForEventStep<T> {
    wait: Wait,
    name: String,
    timeout: Duration,
    conditions: Vec<String>,
    data: PhantomData<fn() -> T>,
}

impl Step {
    /// Waits until an event of a name comes, with data of type `T`; `None` when none came in time.
    ///
    /// `T` is read from the event's data, a JSON object even if none was sent. Where it does not
    /// matter, `T` is [`serde_json::Value`] or [`serde::de::IgnoredAny`]. Inngest keeps its numbers
    /// as 64-bit floats: whoever sent it, integers beyond ±2^53 have been rounded, and `1.0` comes
    /// as `1`. Texts come as they were.
    ///
    /// The process keeps nothing of the wait: like [`sleep`](Self::sleep), it ends this request,
    /// and Inngest calls the endpoint back. Only events that come after the wait has reached
    /// Inngest count. So a step of the run that is awaited beside the wait begins only then, in a
    /// re-entry: an event that it brings about is received. In a sequence, the wait comes after the
    /// step, and such an event is lost: `join!` the two.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use inngest::{Step, StepError};
    /// use serde::Deserialize;
    ///
    /// #[derive(Deserialize)]
    /// struct Settled {
    ///     amount: u64,
    /// }
    ///
    /// #[inngest::api_fn(id = "settle")]
    /// async fn settle(step: Step) -> Result<String, StepError> {
    ///     let settled = step
    ///         .wait_for_event::<Settled>("settlement", "bank/settled")
    ///         .matching("data.order_id", "o-7")
    ///         .filter("async.data.amount > 100")
    ///         .timeout(Duration::from_secs(2 * 86_400))
    ///         .await?;
    ///     Ok(match settled {
    ///         Some(event) => format!("{} settled", event.data.amount),
    ///         None => "not within two days".to_owned(),
    ///     })
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// assert_eq!(settle(Step::detached()).await.unwrap(), "not within two days");
    /// # }
    /// ```
    ///
    /// # Errors
    /// A [`StepError`], without anything being asked of Inngest, when the id, the event's name, the
    /// timeout or a condition makes no sense (its name is `InvalidExpression` for the last). Also
    /// when an event came whose data is no `T`.
    ///
    /// # Panics
    /// When the handler has ended or was handed over; see [`Step`].
    ///
    /// # Cancellation
    /// Dropping the future gives the wait up, as far as this handler goes: what then comes for it
    /// is not seen.
    #[track_caller]
    pub fn wait_for_event<T: DeserializeOwned>(
        &self,
        id: impl Into<StepId>,
        event: impl Into<String>,
    ) -> WaitForEventStep<T> {
        let mut wait = Wait::new(self, id.into(), StepKind::WaitForEvent, Location::caller());
        wait.lasts(limits::WAIT);
        let name = event.into();
        if name.is_empty() {
            wait.misuse("InvalidEventName", "the name of the event to wait for is empty");
        }
        WaitForEventStep { wait, name, timeout: limits::WAIT, conditions: Vec::new(), data: PhantomData }
    }
}

impl<T> WaitForEventStep<T> {
    /// How long to wait: 366 days unless set, which is also the most.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.wait.lasts(timeout);
        self.timeout = timeout;
        self
    }

    /// Waits for an event that has a value at a path, such as `data.order_id`: a text, a number, a
    /// boolean or null.
    ///
    /// The value is given, unlike in Inngest's other SDKs, which compare with the event that
    /// started the run: an endpoint's run was started by an HTTP request.
    ///
    /// A text with a backslash, a control character or both kinds of quotes is refused: Inngest
    /// does not unescape it.
    pub fn matching(mut self, path: &str, value: impl Serialize) -> Self {
        let literal = cel::check_path(path).and_then(|()| cel::literal(value));
        self.condition(literal.map(|literal| format!("async.{path} == {literal}")));
        self
    }

    /// Waits for an event for which a [CEL](https://cel.dev) expression holds, in which the event
    /// is `async`: `async.data.amount > 100`. Several conditions must all hold.
    ///
    /// An expression that Inngest could not compile would leave the run waiting for ever, so that
    /// it is read here first. Refused are also fields that no event has (`async.date`) and what can
    /// be neither true nor false, such as a sum.
    ///
    /// `event` is the request that began the run, as Inngest knows it: `event.data.method`,
    /// `event.data.path`. It has no other data, so that `event.data.order == async.data.order` is
    /// refused: write `.matching("data.order", &order)`.
    ///
    /// Inngest compares a text as it is written, escape sequences included: keep to texts that need
    /// none, and never paste in what a client sent; [`matching`](Self::matching) is for that.
    pub fn filter(mut self, expression: impl Into<String>) -> Self {
        let expression = expression.into();
        self.condition(cel::check(&expression).map(|()| expression));
        self
    }

    /// One more expression that must hold, or what is wrong with it.
    pub(super) fn condition(&mut self, expression: Result<String, String>) {
        match expression {
            Ok(expression) => self.conditions.push(expression),
            Err(fault) => self.wait.misuse(INVALID_EXPRESSION, fault),
        }
    }
}

fn ask(key: StepKey, name: &str, timeout: Duration, conditions: &[String]) -> Recorded {
    let expression = match conditions {
        [] => None,
        [one] => Some(one.clone()),
        several => Some(format!("({})", several.join(") && ("))),
    };
    let opts = OpOpts {
        event: Some(Cow::Owned(name.to_owned())),
        expression: expression.map(Cow::Owned),
        timeout: Some(Cow::Owned(duration::format(timeout))),
        ..OpOpts::default()
    };
    Recorded::ask(key, OpCode::WaitForEvent, opts).lasting(timeout)
}

impl<T: DeserializeOwned> Future for WaitForEventStep<T> {
    type Output = Result<Option<Event<T>>, StepError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { wait, name, timeout, conditions, .. } = &mut *self;
        Poll::Ready(match ready!(wait.poll(cx, |key| ask(key, name, *timeout, conditions))) {
            WaitEnd::Detached(key, outcome) => {
                given(&key, outcome).map(|data| data.map(|data| Event::new(std::mem::take(name), data)))
            }
            // Bare, without a wrapper: it has a `data` of its own.
            waited => waited.arrival(|value| event::read(value.as_json()).map(|event| event.map(Ok))),
        })
    }
}

impl<T> fmt::Debug for WaitForEventStep<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitForEventStep")
            .field("wait", &self.wait)
            .field("event", &self.name)
            .field("timeout", &self.timeout)
            .field("conditions", &self.conditions)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn wait() -> WaitForEventStep<Value> {
        Step::detached().wait_for_event("wait", "test/ev-js")
    }

    fn op(step: &WaitForEventStep<Value>) -> Value {
        let op = ask(StepKey::hidden("wait"), &step.name, step.timeout, &step.conditions);
        serde_json::to_value(op.to_wire()).unwrap()
    }

    #[test]
    fn the_operation_is_the_recorded_one() {
        // As recorded: docs/protocol.md 5.4. JS has the name elsewhere.
        let step = wait().timeout(Duration::from_secs(30)).matching("data.id", "abc");
        assert_eq!(
            op(&step),
            json!({"id": "daaad336276d15594d0e765f96c17cd746bf4971", "op": "WaitForEvent", "name": "wait",
                "displayName": "wait", "userland": {"id": "wait"},
                "opts": {"event": "test/ev-js", "timeout": "30s", "if": "async.data.id == \"abc\""}})
        );
    }

    #[test]
    fn conditions_are_joined_and_the_timeout_has_a_default() {
        let op = op(&wait().matching("data.n", 7).filter("async.data.a || async.data.b"));
        assert_eq!(op["opts"]["if"], "(async.data.n == 7) && (async.data.a || async.data.b)");
        assert_eq!(op["opts"]["timeout"], "31622400s");
        assert!(self::op(&wait())["opts"].get("if").is_none());
    }

    #[tokio::test]
    async fn what_makes_no_sense_is_an_error_at_once() {
        let error = wait().filter("async.data.id = 1").await.unwrap_err();
        assert_eq!((error.step_id(), error.name()), ("wait", "InvalidExpression"));
        assert!(error.message().contains("`async.data.id = 1`"), "{error}");
        let error = wait().filter("event.data.order == async.data.order").await.unwrap_err();
        assert_eq!(error.name(), "InvalidExpression");
        assert!(error.message().contains(".matching(\"data.order\", &order)"), "{error}");
        let error = wait().matching("order_id", 1).await.unwrap_err();
        assert_eq!(error.name(), "InvalidExpression");
        let error = wait().timeout(limits::WAIT + Duration::from_nanos(1)).await.unwrap_err();
        assert!(error.message().contains("366 days"), "{error}");
        assert!(wait().timeout(limits::WAIT).await.unwrap().is_none());
        let error = Step::detached().wait_for_event::<Value>("wait", "").await.unwrap_err();
        assert_eq!(error.name(), "InvalidEventName");
        let error = Step::detached().wait_for_event::<Value>("", "a").await.unwrap_err();
        assert_eq!(error.name(), "InvalidStepId");
    }

    #[tokio::test]
    async fn a_tests_outcomes_come_in_turn() {
        let step = Step::detached_with([("wait", json!({"n": 1})), ("wait", json!({"n": 2}))]);
        for n in [Some(1), Some(2), None] {
            let event = step.wait_for_event::<Value>("wait", "a").await.unwrap();
            assert_eq!(
                event.map(|event| (event.name, event.data)),
                n.map(|n| ("a".to_owned(), json!({"n": n})))
            );
        }
        let step = Step::detached_with([("wait", json!("text"))]);
        let error = step.wait_for_event::<u8>("wait", "a").await.unwrap_err();
        assert!(error.message().contains("`u8`"), "{error}");
    }
}
