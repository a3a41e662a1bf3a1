//! What the steps share that wait for Inngest.

use std::panic::Location;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use serde::de::DeserializeOwned;
use tracing::field::display;

use super::Step;
use super::outcome::{Outcomes, StepOutcome};
use crate::error::StepError;
use crate::function::{StepId, StepKind};
use crate::journal::{Memoized, Recorded, StepKey};
use crate::run::{Place, Run};
use crate::untrusted::shown;
use crate::wire::{OpError, exact, limits};

/// One wait, from its call to its end. Dropped before that, it is forgotten.
#[derive(Debug)]
pub(super) struct Wait {
    run: Arc<Run>,
    outcomes: Option<Arc<Outcomes>>,
    /// How long it lasts when nothing comes.
    lasts: Duration,
    /// What the arguments have wrong: Inngest is not asked for such a step. What it has come to in
    /// an earlier request, whose arguments were others, counts all the same.
    fault: Option<Box<OpError>>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// The id makes no sense.
    Misused {
        id: String,
        error: OpError,
    },
    Waiting(StepKey, Place),
    Done,
}

/// How a wait ended.
#[derive(Debug)]
pub(super) enum WaitEnd {
    /// Inngest has stored its outcome, for this run.
    Stored(StepKey, Memoized, Arc<Run>),
    /// There is no Inngest; with what the test says that the step comes to.
    Detached(StepKey, Option<StepOutcome>),
    /// It could not begin.
    Refused(StepError),
}

impl Wait {
    pub(super) fn new(step: &Step, id: StepId, kind: StepKind, caller: &'static Location<'static>) -> Self {
        let stage = match id.fault() {
            Some(fault) => Stage::Misused {
                id: id.as_str().to_owned(),
                error: OpError::own("InvalidStepId", format!("{fault} (at {caller})")),
            },
            None => Stage::Waiting(step.run.claim(id, kind, caller), Place::default()),
        };
        Self {
            run: step.run.clone(),
            outcomes: step.outcomes.clone(),
            lasts: Duration::ZERO,
            fault: None,
            stage,
        }
    }

    /// What the arguments have wrong; the first fault counts.
    pub(super) fn misuse(&mut self, name: &str, fault: impl Into<String>) {
        self.refuse(OpError::new(name, fault));
    }

    fn refuse(&mut self, error: OpError) {
        self.fault.get_or_insert_with(|| Box::new(error));
    }

    /// How long it lasts when nothing comes.
    pub(super) fn lasts(&mut self, timeout: Duration) {
        self.lasts = timeout;
        self.check_timeout(timeout);
    }

    /// Refuses a timeout that Inngest would not take.
    pub(super) fn check_timeout(&mut self, timeout: Duration) {
        if timeout > limits::WAIT {
            let days = timeout.as_secs() / 86_400;
            let fault = format!("the timeout is over {days} days; the most is 366");
            self.refuse(OpError::own("InvalidTimeout", fault));
        }
    }

    /// `op` is what is asked of Inngest; it is called once at most.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        op: impl FnOnce(StepKey) -> Recorded,
    ) -> Poll<WaitEnd> {
        if let Stage::Waiting(key, _) = &self.stage
            && let Some(error) = self.fault.take_if(|_| self.run.memoized(key.hash).is_none())
        {
            self.stage = Stage::Misused { id: key.id.to_string(), error: *error };
        }
        let (key, place) = match &mut self.stage {
            Stage::Waiting(key, place) => (key, place),
            Stage::Misused { id, error } => {
                tracing::error!(run_id = %self.run.id(), function = self.run.log_name(), step = %shown(id), "{}", error.message);
                let refused = self.run.step_error(id.clone(), error.clone());
                self.stage = Stage::Done;
                self.run.note_step_error();
                return Poll::Ready(WaitEnd::Refused(refused));
            }
            Stage::Done => panic!("a step was polled after it had ended"),
        };
        let given = self.outcomes.as_ref().and_then(|outcomes| outcomes.of(key));
        // What a test gives comes at once.
        let lasts = if given.as_ref().is_some_and(StepOutcome::comes) { Duration::ZERO } else { self.lasts };
        let waited = match self.run.poll_wait(key, place, cx.waker(), lasts, || op(key.clone())) {
            Poll::Ready(Some(value)) => WaitEnd::Stored(key.clone(), value, self.run.clone()),
            Poll::Ready(None) => WaitEnd::Detached(key.clone(), given),
            Poll::Pending => return Poll::Pending,
        };
        self.run.forget(place);
        self.stage = Stage::Done;
        Poll::Ready(waited)
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Stage::Waiting(key, place) = &self.stage {
            self.run.abandon(key, place);
        }
    }
}

impl WaitEnd {
    /// As the result of something that Inngest did: `{"data": …}` or `{"error": …}`.
    pub(super) fn result<T: DeserializeOwned>(self) -> Result<T, StepError> {
        match self {
            Self::Refused(error) => Err(error),
            Self::Stored(key, value, run) => match value.result() {
                Ok(outcome) => outcome.map_err(|error| given_by(&run, run.step_error(key.id, error))),
                Err(error) => Err(given_by(&run, unreadable::<T>(Some(&run), &key, &error, value.as_json()))),
            },
            Self::Detached(key, outcome) => given(&key, outcome)?.ok_or_else(|| {
                let message =
                    "it needs Inngest; in a unit test, give it an outcome with `Step::detached_with`";
                StepError::new(key.id, OpError::new("DetachedError", message))
            }),
        }
    }

    /// As what came, or `None` when nothing came in time. `decode` reads the stored value.
    pub(super) fn arrival<T: DeserializeOwned>(
        self,
        decode: impl FnOnce(&Memoized) -> Result<Option<Result<T, OpError>>, serde_json::Error>,
    ) -> Result<Option<T>, StepError> {
        match self {
            Self::Refused(error) => Err(error),
            Self::Stored(key, value, run) => match decode(&value) {
                Ok(outcome) => {
                    outcome.transpose().map_err(|error| given_by(&run, run.step_error(key.id, error)))
                }
                Err(error) => Err(given_by(&run, unreadable::<T>(Some(&run), &key, &error, value.as_json()))),
            },
            Self::Detached(key, outcome) => given(&key, outcome),
        }
    }
}

/// An error as a run's handler is given it.
fn given_by(run: &Run, error: StepError) -> StepError {
    run.note_step_error();
    error.shown_in_dev(run.is_dev())
}

/// What a test says. A timeout, like no outcome at all, is `None`.
pub(super) fn given<T: DeserializeOwned>(
    key: &StepKey,
    outcome: Option<StepOutcome>,
) -> Result<Option<T>, StepError> {
    let value = outcome.map(StepOutcome::into_value).transpose();
    let value = value.map_err(|error| StepError::new(key.id.clone(), error))?.flatten();
    value.map(serde_json::from_value).transpose().map_err(|error| unreadable::<T>(None, key, &error, ""))
}

const ROUNDED: &str = ". It may hold a number that was rounded: Inngest keeps numbers as 64-bit floats, so what is beyond \
                       ±2^53 has to be sent as text";

/// `json` is what came.
fn unreadable<T>(run: Option<&Run>, key: &StepKey, error: &serde_json::Error, json: &str) -> StepError {
    if let Some(run) = run {
        run.observe_unreadable(key, std::any::type_name::<T>(), error);
    }
    let rounded = exact::if_rounded(json, ROUNDED);
    // It holds texts of what came.
    let error = error.to_string();
    let message =
        format!("what came cannot be read as `{}`: {}{rounded}", std::any::type_name::<T>(), shown(&error));
    let (run_id, function) = run.map(|run| (display(run.id()), run.log_name())).unzip();
    tracing::error!(run_id, function = function.flatten(), step = %shown(&key.id), "{message}");
    let error = OpError::new("StepOutputNotDeserializable", message);
    match run {
        Some(run) => run.step_error(key.id.clone(), error),
        None => StepError::new(key.id.clone(), error),
    }
}

#[cfg(test)]
mod tests {
    use std::marker::PhantomPinned;
    use std::rc::Rc;

    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::*;
    use crate::Event;
    use crate::journal::Memo;
    use crate::step::{FetchRequest, Inference};

    /// A value as a re-entry finds it.
    fn stored(value: &Value) -> WaitEnd {
        let key = StepKey::hidden("x");
        let json = json!({ key.hash.to_string(): value }).to_string();
        let value = Memo::parse(json.into()).unwrap().get(key.hash).unwrap();
        WaitEnd::Stored(key, value, Arc::new(Run::detached()))
    }

    fn event(value: &Value) -> Result<Option<Event>, StepError> {
        stored(value).arrival(|value| value.bare::<Event>().map(|event| event.map(Ok)))
    }

    #[test]
    fn an_event_is_bare_whatever_its_data_look_like() {
        for data in [json!({"id": "abc"}), json!({"data": 1}), json!({"error": {"message": "m"}}), json!({})]
        {
            let value =
                json!({"data": data, "id": "01M8", "name": "a", "ts": 1_795_337_946_848_u64, "user": {}});
            assert_eq!(event(&value).unwrap().unwrap().data, data);
        }
        assert_eq!(event(&Value::Null).unwrap(), None);
        let error = event(&json!({"data": {}})).unwrap_err();
        assert!(error.message().contains("`name`"), "{error}");
    }

    #[test]
    fn results_and_errors_are_unwrapped() {
        assert_eq!(stored(&json!({"data": {"out": 1}})).result::<Value>().unwrap(), json!({"out": 1}));
        assert_eq!(stored(&json!({"data": null})).result::<Option<u8>>().unwrap(), None);
        // As recorded: docs/protocol.md 5.5 and 5.6
        for (error, name, message) in [
            (
                json!({"error": "NonRetriableError", "message": "fn bad", "name": "Error", "stack": "s"}),
                "Error",
                "fn bad",
            ),
            (json!({"message": "could not find", "name": "Error"}), "Error", "could not find"),
            (
                json!({"message": "private IP range", "name": "GatewayError"}),
                "GatewayError",
                "private IP range",
            ),
        ] {
            let error = stored(&json!({ "error": error })).result::<u8>().unwrap_err();
            assert_eq!((error.step_id(), error.name(), error.message()), ("x", name, message));
        }
        let error = stored(&json!({"data": "text"})).result::<u8>().unwrap_err();
        assert!(error.message().contains("`u8`") && !error.message().contains("rounded"), "{error}");
        let error = stored(&json!({"data": 18_446_744_073_709_552_000.0})).result::<u64>().unwrap_err();
        assert!(error.message().contains("rounded"), "{error}");
        // Nothing of what others give is a form of this crate's.
        let data = json!({"stephttp:json": "1"});
        assert_eq!(stored(&json!({"data": data})).result::<Value>().unwrap(), data);
    }

    /// Neither `Send` nor `Sync` nor `Unpin`.
    #[derive(Debug, Deserialize)]
    #[serde(from = "u8")]
    #[expect(dead_code)]
    struct Awkward(Rc<u8>, PhantomPinned);

    impl From<u8> for Awkward {
        fn from(n: u8) -> Self {
            Self(Rc::new(n), PhantomPinned)
        }
    }

    #[test]
    fn every_tools_future_can_wait_in_any_handler() {
        fn good(_: &(impl Future + Send + Unpin + std::fmt::Debug)) {}
        let step = Step::detached();
        good(&step.wait_for_event::<Awkward>("a", "b"));
        good(&step.send_event("a", Event::new("b", ())));
        good(&step.send_events("a", vec![Event::new("b", ())]));
        good(&step.invoke::<Awkward>("a", "b"));
        good(&step.wait_for_signal::<Awkward>("a", "b"));
        good(&step.send_signal("a", "b", Rc::<str>::from("c").to_string()));
        good(&step.fetch("a", FetchRequest::get("https://b")));
        good(&step.ai_infer::<Awkward>("a", Inference::gemini("b", "c", serde_json::json!({}))));
        good(&step.sleep("a", Duration::ZERO));
    }
}
