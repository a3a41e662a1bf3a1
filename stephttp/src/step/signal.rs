//! `step.wait_for_signal` and `step.send_signal`: one run resumes another, by name.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Step;
use super::sending::{BoxFuture, Sending, extras, failure, limited};
use super::wait::Wait;
use crate::client::{ApiError, Patience};
use crate::error::{Failure, StepError};
use crate::event::check_depth;
use crate::function::{StepId, StepKind};
use crate::journal::{Recorded, StepKey};
use crate::middleware::{Chain, StepContext};
use crate::untrusted::shown;
use crate::wire::{OpCode, OpOpts, ReceivedSignal, RunId, SignalRequest, duration, exact, limits};

/// What becomes of two waits for the same signal, in two runs or in one: a wait that lost a
/// `select!` still counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SignalConflict {
    /// The earlier waits on. Inngest fails the later *run*, whose handler is not called again: its
    /// client gets the error.
    #[default]
    Fail,
    /// The later takes the signal over. The earlier is left waiting for its timeout.
    Replace,
}

/// The future of [`Step::wait_for_signal`]. Set its options before it is awaited.
#[must_use = "a wait does nothing until it is awaited"]
pub struct WaitForSignalStep<T> {
    wait: Wait,
    signal: String,
    timeout: Duration,
    conflict: SignalConflict,
    data: PhantomData<fn() -> T>,
}

/// The future of [`Step::send_signal`].
#[must_use = "a step does nothing until it is awaited"]
pub struct SendSignalStep {
    sending: Sending<Sent>,
}

/// What is stored, in the shape of Inngest's JS SDK: `{"runId":"01…"}`, or `{}` when nobody waited.
#[derive(Debug, Serialize, Deserialize)]
struct Sent {
    #[serde(rename = "runId", default, skip_serializing_if = "Option::is_none")]
    run_id: Option<String>,
}

impl Step {
    /// Waits until a signal is sent, and gives its payload as a `T`; `None` when it was not sent in
    /// time.
    ///
    /// A signal resumes the one run that waits for its name: put into the name what it is about,
    /// such as `approval/{order_id}`. One that is sent before the wait has reached Inngest is lost.
    /// A step that is awaited beside the wait begins only after that, in a re-entry.
    ///
    /// A signal is sent with [`send_signal`](Self::send_signal), or with Inngest's API by anyone
    /// who has the signing key. Inngest keeps numbers as 64-bit floats: of what others send,
    /// integers beyond ±2^53 are rounded, and `1.0` comes as `1`.
    ///
    /// ```
    /// use inngest::step::SignalConflict;
    /// use inngest::{Step, StepError};
    ///
    /// #[inngest::api_fn(id = "approve")]
    /// async fn approve(step: Step) -> Result<String, StepError> {
    ///     let by = step
    ///         .wait_for_signal::<String>("approval", "approval/o-7")
    ///         .timeout(std::time::Duration::from_secs(86_400))
    ///         .on_conflict(SignalConflict::Replace)
    ///         .await?;
    ///     Ok(by.map_or("nobody approved".to_owned(), |by| format!("approved by {by}")))
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let step = Step::detached_with([("approval", serde_json::json!("Ada"))]);
    /// assert_eq!(approve(step).await.unwrap(), "approved by Ada");
    /// # }
    /// ```
    ///
    /// # Errors
    /// A [`StepError`] when a payload came that is no `T`, and, without anything being asked of
    /// Inngest, when the id, the signal's name or the timeout makes no sense. That another run
    /// waits for the signal already is no error here; see [`SignalConflict`].
    ///
    /// # Panics
    /// When the handler has ended or was handed over; see [`Step`].
    ///
    /// # Cancellation
    /// Dropping the future gives the wait up, as far as this handler goes: what then comes for it
    /// is not seen.
    #[track_caller]
    pub fn wait_for_signal<T: DeserializeOwned>(
        &self,
        id: impl Into<StepId>,
        signal: impl Into<String>,
    ) -> WaitForSignalStep<T> {
        let mut wait = Wait::new(self, id.into(), StepKind::WaitForSignal, Location::caller());
        let signal = signal.into();
        if signal.is_empty() {
            wait.misuse("InvalidSignal", "the name of the signal to wait for is empty");
        }
        wait.lasts(limits::WAIT);
        let conflict = SignalConflict::default();
        WaitForSignalStep { wait, signal, timeout: limits::WAIT, conflict, data: PhantomData }
    }

    /// Sends a signal, and gives the id of the run that waited for it; `None` when none did, and
    /// the signal is lost.
    ///
    /// Whoever waits with [`wait_for_signal`](Self::wait_for_signal) gets the data as they are.
    /// Data with a number that Inngest would not keep as it is written (an integer beyond ±2^53; a
    /// float without a fraction, `1.0`, since it would come as `1`) are sent as a text, and a
    /// program with another SDK gets `{"stephttp:json": "…"}`, with the JSON in that text. To send
    /// it such numbers, send texts. All other data are sent as they are.
    ///
    /// The call is made by this process, with the signing key. It is a step like
    /// [`run`](Self::run): once its end is saved, the signal is not sent again. When the process
    /// dies before that, or an answer is lost on its way, the step sends it again, and gives `None`
    /// although the first one had resumed a run.
    ///
    /// ```
    /// # use inngest::{Step, StepError};
    /// async fn approve(step: &Step, order: &str, by: &str) -> Result<bool, StepError> {
    ///     let resumed = step.send_signal("approve", format!("approval/{order}"), by).await?;
    ///     Ok(resumed.is_some())
    /// }
    /// ```
    ///
    /// # Errors
    /// A [`StepError`] at once, without a retry, when the signal's name is empty, when its data
    /// cannot be written as JSON, and when the API refuses it. When the API cannot be reached, or
    /// is overloaded, the step is retried. Also as [`run`](Self::run).
    ///
    /// # Panics
    /// When the handler has ended or was handed over; see [`Step`].
    ///
    /// # Cancellation
    /// Dropping the future may leave the signal sent or not.
    #[track_caller]
    pub fn send_signal(
        &self,
        id: impl Into<StepId>,
        signal: impl Into<String>,
        data: impl Serialize,
    ) -> SendSignalStep {
        let body = request(&signal.into(), &data);
        let app = self.run.app().cloned();
        let call = |_: u32, hooked: Option<(Chain, Arc<StepContext>)>| -> BoxFuture<_> {
            Box::pin(async move {
                let body = body.map_err(|fault| Failure::from(InvalidSignal(fault)).no_retry())?;
                let Some(app) = app else { return Ok(Sent { run_id: None }) };
                let extras = hooked.as_ref().map(extras);
                let sent = app.client().send_signal(body, Patience::Waited, extras.as_ref()).await;
                let sent = sent.map_err(failure)?;
                let run_id = sent.map(|sent| sent.run_id);
                if run_id.as_ref().is_some_and(|run_id| run_id.parse::<RunId>().is_err()) {
                    return Err(failure(ApiError::answer("its `run_id` is no run id")));
                }
                Ok(Sent { run_id })
            })
        };
        SendSignalStep { sending: self.sending(id.into(), call, StepKind::SendSignal, Location::caller()) }
    }
}

/// A signal makes no sense. The name is what the handler sees as the error's.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct InvalidSignal(String);

fn request(signal: &str, data: &impl Serialize) -> Result<Bytes, String> {
    if signal.is_empty() {
        return Err("the name of the signal to send is empty".to_owned());
    }
    let (name, fault) = (shown(signal), |error: serde_json::Error| shown(&error.to_string()).to_string());
    let data = serde_json::value::to_raw_value(data).map_err(|error| {
        format!("the data of the signal `{name}` cannot be written as JSON: {}", fault(error))
    })?;
    check_depth(data.get(), "data")
        .map_err(|problem| format!("the signal `{name}` cannot be sent: {problem}"))?;
    let request = SignalRequest { signal: Cow::Borrowed(signal), data: Cow::Owned(exact::stored(data)) };
    serde_json::to_vec(&request).map(Bytes::from).map_err(fault)
}

impl<T> WaitForSignalStep<T> {
    /// How long to wait: 366 days unless set, which is also the most.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.wait.lasts(timeout);
        self.timeout = timeout;
        self
    }

    /// What happens if another run waits for the signal already; [`SignalConflict::Fail`] unless
    /// set.
    pub fn on_conflict(mut self, conflict: SignalConflict) -> Self {
        self.conflict = conflict;
        self
    }
}

fn ask(key: StepKey, signal: &str, timeout: Duration, conflict: SignalConflict) -> Recorded {
    let conflict = match conflict {
        SignalConflict::Fail => "fail",
        SignalConflict::Replace => "replace",
    };
    let opts = OpOpts {
        signal: Some(Cow::Owned(signal.to_owned())),
        timeout: Some(Cow::Owned(duration::format(timeout))),
        conflict: Some(Cow::Borrowed(conflict)),
        ..OpOpts::default()
    };
    Recorded::ask(key, OpCode::WaitForSignal, opts).lasting(timeout)
}

impl<T: DeserializeOwned> Future for WaitForSignalStep<T> {
    type Output = Result<Option<T>, StepError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { wait, signal, timeout, conflict, .. } = &mut *self;
        let waited = ready!(wait.poll(cx, |key| ask(key, signal, *timeout, *conflict)));
        Poll::Ready(waited.arrival(|value| {
            if value.is_null() {
                return Ok(None);
            }
            value.outcome::<ReceivedSignal<T>>().map(|received| Some(received.map(|received| received.data)))
        }))
    }
}

limited!(SendSignalStep);

impl Future for SendSignalStep {
    type Output = Result<Option<RunId>, StepError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // It was checked before it was stored.
        Pin::new(&mut self.sending).poll(cx).map_ok(|sent| sent.run_id.and_then(|run_id| run_id.parse().ok()))
    }
}

impl<T> fmt::Debug for WaitForSignalStep<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitForSignalStep")
            .field("wait", &self.wait)
            .field("signal", &self.signal)
            .field("timeout", &self.timeout)
            .field("conflict", &self.conflict)
            .finish()
    }
}

impl fmt::Debug for SendSignalStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendSignalStep").field("sending", &self.sending).finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn wait() -> WaitForSignalStep<Value> {
        Step::detached().wait_for_signal("sig", "sig-js")
    }

    fn op(step: &WaitForSignalStep<Value>) -> Value {
        let op = ask(StepKey::hidden("sig"), &step.signal, step.timeout, step.conflict);
        serde_json::to_value(op.to_wire()).unwrap()
    }

    #[test]
    fn the_operation_is_the_recorded_one() {
        // As recorded: docs/protocol.md 5.4
        let op = op(&wait().timeout(Duration::from_secs(30)).on_conflict(SignalConflict::Replace));
        assert_eq!(op["id"], "b3ed2cf313e7546085c3c50622143ff31e467d23");
        assert_eq!(op["op"], "WaitForSignal");
        assert_eq!(op["opts"], json!({"signal": "sig-js", "timeout": "30s", "conflict": "replace"}));
        assert_eq!(self::op(&wait().timeout(Duration::from_secs(2)))["opts"]["conflict"], "fail");
        assert_eq!(self::op(&wait())["opts"]["timeout"], "31622400s");
    }

    #[test]
    fn the_request_and_the_stored_value_are_the_recorded_ones() {
        assert_eq!(request("sig-js", &json!({"s": 1})).unwrap(), r#"{"signal":"sig-js","data":{"s":1}}"#);
        // As recorded: docs/protocol.md 5.4
        assert_eq!(serde_json::to_string(&Sent { run_id: None }).unwrap(), "{}");
        let received: ReceivedSignal<Value> =
            serde_json::from_value(json!({"data": {"s": 1}, "signal": "sig-js"})).unwrap();
        assert_eq!(received.data, json!({"s": 1}));

        let large = request("sig", &u64::MAX).unwrap();
        assert_eq!(large, r#"{"signal":"sig","data":{"stephttp:json":"18446744073709551615"}}"#);
        let received: ReceivedSignal<u64> =
            serde_json::from_str(r#"{"data":{"stephttp:json":"18446744073709551615"},"signal":"sig"}"#)
                .unwrap();
        assert_eq!(received.data, u64::MAX);
    }

    #[tokio::test]
    async fn without_a_server_nothing_comes_and_nobody_waits() {
        let step = Step::detached();
        assert_eq!(wait().await.unwrap(), None);
        assert_eq!(step.send_signal("send", "a", 1).await.unwrap(), None);
        let error = step.send_signal("send", "", 1).await.unwrap_err();
        assert_eq!((error.step_id(), error.name()), ("send", "InvalidSignal"));
        let error = step.wait_for_signal::<Value>("sig", "").await.unwrap_err();
        assert_eq!(error.name(), "InvalidSignal");
        let step =
            Step::detached_with([("sig", crate::step::StepOutcome::timed_out()), ("sig", json!(7).into())]);
        assert_eq!(step.wait_for_signal::<u8>("sig", "a").await.unwrap(), None);
        assert_eq!(step.wait_for_signal::<u8>("sig", "a").await.unwrap(), Some(7));
    }
}
