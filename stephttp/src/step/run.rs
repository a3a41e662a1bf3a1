//! `step.run`: a future whose outcome is kept.

mod limits;

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::panic::Location;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use serde_json::value::RawValue;

use super::Storable;
use crate::checkpoint;
use crate::error::{Failure, IntoFailure, Retry, StepError, panic_text};
use crate::function::{StepId, StepKind};
use crate::journal::{Memoized, StepKey};
use crate::run::{Begin, Ended, Executing, HookedStep, Place, Run};
use crate::untrusted::shown;
use crate::wire::{OpError, exact};
use limits::{Cut, Limits};

pin_project! {
    /// The future of [`Step::run`](super::Step::run).
    #[must_use = "a step does nothing until it is awaited"]
    pub struct RunStep<F, T> {
        // None once it was dropped, since its time was over.
        #[pin]
        future: Option<F>,
        run: Arc<Run>,
        place: Place,
        stage: Stage<T>,
        // A function, so that only the step's making demands of the future that it is one, and of
        // its error that it can be a failure: otherwise `.await` would be a second mistake.
        poll: PollFuture<F, T>,
        form: Form<T>,
        limits: Limits,
    }

    impl<F, T> PinnedDrop for RunStep<F, T> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            match this.stage {
                Stage::New(key) => this.run.abandon(key, this.place),
                _ => this.run.forget(this.place),
            }
        }
    }
}

enum Stage<T> {
    /// Its id makes no sense.
    Misused(Cow<'static, str>, OpError),
    New(StepKey),
    Backpressure(StepKey, Pin<Box<dyn Future<Output = ()> + Send>>),
    /// Middlewares are at work, before its future or after it.
    Hooks(StepKey, Executing, Box<Hooks<T>>),
    Executing(StepKey, Executing, Option<Box<HookedStep>>),
    /// It waits for its turn to give what it came to.
    Ended(StepKey, Result<T, StepError>),
    /// Only Inngest can bring it forward.
    Outstanding(StepKey),
    Done,
}

struct Hooks<T> {
    work: Pin<Box<dyn Future<Output = Hooked> + Send>>,
    /// What the handler gets, if the step ended well. It need not be `Send`, as the work must.
    value: Option<T>,
}

/// What middlewares have come to.
enum Hooked {
    /// They have been told that the step begins. One may stand in for its code.
    Begun(Box<HookedStep>, Option<Result<Box<RawValue>, Failure>>),
    /// They have been given what it came to, which is stored so.
    Over(Result<Box<RawValue>, Failed>),
}

/// What a step failed with, and whether that can change.
type Failed = (Retry, OpError);

/// How the output is stored and read. As functions, so that only the step's making demands
/// `T: Storable`, and a type that is not is one error instead of a second one at `.await`.
struct Form<T> {
    store: Store<T>,
    /// What is stored of the output after middlewares.
    keep: Keep,
    recall: fn(&Run, &StepKey, &Memoized) -> Result<T, StepError>,
    stand_in: StandIn<T>,
}

type PollFuture<F, T> = fn(Pin<&mut F>, &mut Context<'_>) -> Poll<Result<T, Failure>>;

type Store<T> = fn(&T) -> Result<(Box<RawValue>, T), OpError>;

type StandIn<T> = fn(&StepKey, &RawValue) -> Result<(Box<RawValue>, T), OpError>;

type Keep = fn(Box<RawValue>) -> Box<RawValue>;

impl<F, T> RunStep<F, T> {
    pub(super) fn new<E>(
        run: Arc<Run>,
        id: StepId,
        kind: StepKind,
        make: impl FnOnce(Option<&StepKey>) -> F,
        caller: &'static Location<'static>,
    ) -> Self
    where
        T: Storable,
        E: IntoFailure,
        F: Future<Output = Result<T, E>>,
    {
        let stage = match id.fault() {
            Some(fault) => Stage::Misused(id.into_text(), OpError::own("InvalidStepId", fault)),
            None => Stage::New(run.claim(id, kind, caller)),
        };
        let future = make(if let Stage::New(key) = &stage { Some(key) } else { None });
        Self {
            future: Some(future),
            run,
            place: Place::default(),
            stage,
            poll: |future, cx| future.poll(cx).map_err(IntoFailure::into_failure),
            form: Form { store, keep: exact::stored_as::<T>, recall, stand_in },
            limits: Limits::default(),
        }
    }

    /// Says which id the step had in earlier versions of the program, so that runs in flight find
    /// what it came to then.
    ///
    /// A result that is stored under the new id wins. Of an id that is used several times the same
    /// use is meant: the second `new` takes what the second `old` left.
    ///
    /// ```
    /// # use inngest::{Failure, Step, StepError};
    /// # async fn charge() -> Result<u32, Failure> { Ok(7) }
    /// # async fn handler(step: Step) -> Result<(), StepError> {
    /// let charge = step.run("charge-card", charge()).renamed_from("charge").await?;
    /// # Ok(()) }
    /// ```
    pub fn renamed_from(mut self, old: impl Into<StepId>) -> Self {
        if let Stage::New(key) = &mut self.stage {
            self.run.rename(key, &old.into());
        }
        self
    }
}

impl<F, T> Future for RunStep<F, T> {
    type Output = Result<T, StepError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = ready!(self.as_mut().advance(cx));
        if outcome.is_err() {
            self.project().run.note_step_error();
        }
        Poll::Ready(outcome)
    }
}

impl<F, T> RunStep<F, T> {
    fn advance(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T, StepError>> {
        let mut this = self.project();
        let (run, place) = (&*this.run, this.place);
        loop {
            match std::mem::replace(this.stage, Stage::Done) {
                Stage::Misused(id, error) => return Poll::Ready(Err(refused(run, &id, error))),
                Stage::New(key) => match run.begin_step(&key, place, cx.waker()) {
                    Begin::Memoized(value) => return Poll::Ready((this.form.recall)(run, &key, &value)),
                    Begin::Refused(error) => return Poll::Ready(Err(refused(run, &key.id, error))),
                    Begin::Execute(executing) => {
                        *this.stage = match run.hooked(&key) {
                            None => Stage::Executing(key, executing, None),
                            Some(hooked) => Stage::Hooks(key, executing, Box::new(Hooks::before(hooked))),
                        };
                    }
                    Begin::Backpressure => {
                        *this.stage = Stage::Backpressure(key, Box::pin(checkpoint::make_room(run.clone())));
                    }
                    Begin::Pending => {
                        *this.stage = Stage::New(key);
                        return Poll::Pending;
                    }
                },
                Stage::Backpressure(key, mut room) => {
                    if room.as_mut().poll(cx).is_pending() {
                        *this.stage = Stage::Backpressure(key, room);
                        return Poll::Pending;
                    }
                    *this.stage = Stage::New(key);
                }
                Stage::Hooks(key, mut executing, mut hooks) => {
                    let Poll::Ready(hooked) = hooks.work.as_mut().poll(cx) else {
                        run.still_executing(place, cx.waker(), &mut executing);
                        *this.stage = Stage::Hooks(key, executing, hooks);
                        return Poll::Pending;
                    };
                    let output = match (hooked, hooks.value) {
                        (Hooked::Begun(hooked, None), _) => {
                            *this.stage = Stage::Executing(key, executing, Some(hooked));
                            continue;
                        }
                        (Hooked::Begun(hooked, Some(given)), _) => {
                            this.future.set(None);
                            let output = stood_in(run, &key, given, this.form.stand_in);
                            let hooks = Hooks::after(this.run.clone(), hooked, output, this.form.keep);
                            *this.stage = Stage::Hooks(key, executing, Box::new(hooks));
                            continue;
                        }
                        (Hooked::Over(Ok(json)), Some(value)) => Ok((json, value)),
                        (Hooked::Over(Err(failed)), _) => Err(failed),
                        (Hooked::Over(Ok(_)), None) => unreachable!("a step that ended well has a value"),
                    };
                    *this.stage = settle(run, key, place, &mut executing, this.limits, output);
                }
                Stage::Executing(key, executing, hooked) => {
                    // In a first request a panic goes on: the guard is dropped with `stage`, so the
                    // run does not count on this step. In a re-entry it is an attempt that failed.
                    let in_step = executing.enter();
                    let in_span = hooked.as_ref().map(|hooked| hooked.span.clone().entered());
                    *this.stage = Stage::Executing(key, executing, hooked);
                    let mut attempt = || limits::poll(this.future.as_mut(), *this.poll, this.limits, run, cx);
                    let output = if run.is_reentry() {
                        catch_unwind(AssertUnwindSafe(attempt))
                            .unwrap_or_else(|panic| Poll::Ready(Err(Cut::Panicked(panicked(&*panic)))))
                    } else {
                        attempt()
                    };
                    drop(in_span);
                    drop(in_step);
                    let Stage::Executing(key, mut executing, hooked) =
                        std::mem::replace(this.stage, Stage::Done)
                    else {
                        unreachable!("the stage was set above")
                    };
                    let Poll::Ready(output) = output else {
                        run.still_executing(place, cx.waker(), &mut executing);
                        *this.stage = Stage::Executing(key, executing, hooked);
                        return Poll::Pending;
                    };
                    let output = output
                        .map_err(|cut| cut.failed(&key))
                        .and_then(|output| output_of(run, &key, output, this.form.store));
                    let keep = this.form.keep;
                    *this.stage = match hooked {
                        None => {
                            let output = output.map(|(json, value)| (keep(json), value));
                            settle(run, key, place, &mut executing, this.limits, output)
                        }
                        Some(hooked) => {
                            let hooks = Hooks::after(this.run.clone(), hooked, output, keep);
                            Stage::Hooks(key, executing, Box::new(hooks))
                        }
                    };
                }
                Stage::Ended(key, outcome) => {
                    if run.poll_turn(&key, place, cx.waker()).is_pending() {
                        *this.stage = Stage::Ended(key, outcome);
                        return Poll::Pending;
                    }
                    return Poll::Ready(outcome);
                }
                Stage::Outstanding(key) => {
                    // Notes the waker anew, and panics when the run has gone on without this task.
                    let _ = run.poll_turn(&key, place, cx.waker());
                    *this.stage = Stage::Outstanding(key);
                    return Poll::Pending;
                }
                Stage::Done => panic!("a step was polled after it had ended"),
            }
        }
    }
}

/// An attempt that has ended with a panic.
fn panicked(panic: &(dyn Any + Send)) -> Failed {
    let text = panic_text(panic);
    let message =
        if text.is_empty() { "the step panicked".to_owned() } else { format!("the step panicked: {text}") };
    (Retry::Backoff, OpError::new("Panic", message))
}

/// What a step's future came to: its stored form, and the value for the handler.
fn output_of<T>(
    run: &Run,
    key: &StepKey,
    output: Result<T, Failure>,
    store: Store<T>,
) -> Result<(Box<RawValue>, T), Failed> {
    match output {
        // Decoded from its stored form at once: every later request gets the same value.
        Ok(value) => store(&value).map_err(|error| unkept(run, &key.id, error)),
        Err(failure) => Err((failure.retry(), failure.to_wire())),
    }
}

/// What a step comes to whose code a test has something else stand in for.
fn stood_in<T>(
    run: &Run,
    key: &StepKey,
    given: Result<Box<RawValue>, Failure>,
    stand_in: StandIn<T>,
) -> Result<(Box<RawValue>, T), Failed> {
    match given {
        Ok(json) => stand_in(key, &json).map_err(|error| unkept(run, &key.id, error)),
        Err(failure) => Err((failure.retry(), failure.to_wire())),
    }
}

/// What becomes of a step whose future has ended.
fn settle<T>(
    run: &Run,
    key: StepKey,
    place: &Place,
    executing: &mut Executing,
    limits: &Limits,
    output: Result<(Box<RawValue>, T), Failed>,
) -> Stage<T> {
    let (retry, error) = match output {
        Ok((json, value)) => match run.ended_ok(&key, place, json, executing) {
            Ended::InTurn | Ended::Now => return Stage::Ended(key, Ok(value)),
            Ended::Outstanding => return Stage::Outstanding(key),
            Ended::Refused(error) => unkept(run, &key.id, error),
        },
        Err(failed) => failed,
    };
    let failed = run.step_error(key.id.clone(), error.clone()).shown_in_dev(run.is_dev());
    match run.ended_err(&key, place, (retry, error), limits.retries(), executing) {
        Ended::Outstanding => Stage::Outstanding(key),
        Ended::InTurn | Ended::Now | Ended::Refused(_) => Stage::Ended(key, Err(failed)),
    }
}

/// The output cannot be stored, and trying again would not change it.
fn unkept(run: &Run, id: &str, error: OpError) -> Failed {
    tracing::error!(run_id = %run.id(), function = run.log_name(), step = %shown(id), "{}", error.message);
    (Retry::Never, error)
}

impl<T> Hooks<T> {
    /// Tells middlewares that the step begins.
    fn before(hooked: HookedStep) -> Self {
        let hooked = Box::new(hooked);
        let work = Box::pin(async move {
            hooked.chain.before_step(&hooked.context).await;
            let given = hooked.chain.stands_in(&hooked.context);
            Hooked::Begun(hooked, given)
        });
        Self { work, value: None }
    }

    /// Gives middlewares what the step came to.
    fn after(
        run: Arc<Run>,
        hooked: Box<HookedStep>,
        output: Result<(Box<RawValue>, T), Failed>,
        keep: Keep,
    ) -> Self {
        let (json, value) = match output {
            Ok((json, value)) => (Ok(json), Some(value)),
            Err(failed) => (Err(failed), None),
        };
        let work = Box::pin(async move {
            let HookedStep { chain, context, .. } = *hooked;
            let output = match json {
                Ok(json) => match chain.transform_step_output(&context, json).await.map(keep) {
                    Ok(stored) => match run.refuses_output(&stored) {
                        Some(error) => Err(unkept(&run, context.id(), error)),
                        None => Ok(stored),
                    },
                    Err(failure) => Err((failure.retry(), failure.to_wire())),
                },
                Err(failed) => Err(failed),
            };
            let error = output.as_ref().err().map(|(_, error)| run.step_error(context.id(), error.clone()));
            chain.after_step(&context, error.as_ref().map_or(Ok(()), Err)).await;
            Hooked::Over(output)
        });
        Self { work, value }
    }
}

/// A value's stored form, and the value that comes out of it.
fn store<T: Storable>(value: &T) -> Result<(Box<RawValue>, T), OpError> {
    let json = serde_json::value::to_raw_value(value).map_err(|error| {
        let message = format!(
            "the step's output, a `{}`, cannot be written as JSON: {}",
            std::any::type_name::<T>(),
            shown(&error.to_string())
        );
        OpError::new("StepOutputNotSerializable", message)
    })?;
    let value = serde_json::from_str(json.get()).map_err(|error| {
        let message = format!(
            "the step's output, a `{}`, cannot be read back from the JSON it was written as: {}. The step has run, and is \
             not run again: have it return what `serde_json` reads as it writes it, at most 127 levels deep, or the JSON as \
             a `String`",
            std::any::type_name::<T>(),
            shown(&error.to_string())
        );
        OpError::new("StepOutputNotDeserializable", message)
    })?;
    Ok((json, value))
}

/// A test's value, in the place of what the step's code gives.
fn stand_in<T: Storable>(key: &StepKey, json: &RawValue) -> Result<(Box<RawValue>, T), OpError> {
    let value = serde_json::from_str(json.get()).map_err(|error| {
        let message = format!(
            "the mock of the step `{}` gives what cannot be read as the step's output, a `{}`: {}. It gives {}",
            shown(&key.id),
            std::any::type_name::<T>(),
            shown(&error.to_string()),
            shown(json.get())
        );
        OpError::new("MockMismatch", message)
    })?;
    store(&value)
}

/// Of what earlier versions of this crate have stored, and other programs.
const ROUNDED: &str = ", or it holds a number that was rounded: Inngest keeps numbers as 64-bit floats, of which this \
                       version of stephttp stores a text where they would change";

/// An earlier request's outcome.
fn recall<T: Storable>(run: &Run, key: &StepKey, memoized: &Memoized) -> Result<T, StepError> {
    match memoized.outcome::<T>() {
        Ok(outcome) => {
            outcome.map_err(|error| run.step_error(key.id.clone(), error).shown_in_dev(run.is_dev()))
        }
        Err(error) => {
            run.observe_unreadable(key, std::any::type_name::<T>(), &error);
            let message = format!(
                "the stored output cannot be read as `{}`: {}. The step's type has changed while the run was in \
                 flight{}",
                std::any::type_name::<T>(),
                shown(&error.to_string()),
                exact::if_rounded(memoized.as_json(), ROUNDED)
            );
            Err(refused(run, &key.id, OpError::new("StepOutputNotDeserializable", message)))
        }
    }
}

fn refused(run: &Run, id: &str, error: OpError) -> StepError {
    tracing::error!(run_id = %run.id(), function = run.log_name(), step = %shown(id), "{}", error.message);
    run.step_error(id, error).shown_in_dev(run.is_dev())
}

impl<F, T> fmt::Debug for RunStep<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, stage) = match &self.stage {
            Stage::Misused(id, _) => (&**id, "misused"),
            Stage::New(key) => (&*key.id, "new"),
            Stage::Backpressure(key, _) => (&*key.id, "waiting for room"),
            Stage::Hooks(key, ..) | Stage::Executing(key, ..) => (&*key.id, "executing"),
            Stage::Ended(key, _) => (&*key.id, "ended"),
            Stage::Outstanding(key) => (&*key.id, "waiting for Inngest"),
            Stage::Done => ("", "done"),
        };
        f.debug_struct("RunStep").field("id", &id).field("stage", &stage).finish_non_exhaustive()
    }
}
