//! The one door through which the attribute's expansion reaches the runtime. Not for use by hand:
//! it changes without notice, and the two crates are pinned to each other.

pub mod async_response;
pub mod block;
mod body;
pub mod probe;

pub use inventory;

pub use self::body::{Entered, body};
pub use self::probe::Probe;
use crate::error::StepError;
use crate::event;
use crate::function::{ApiFn, Helper, Registration, StepId, StepKind, StepMeta};
use crate::run;
use crate::step::Step;
use crate::wire::StepHash;

/// Tells the request's run which function it is in.
pub fn enter<F: ApiFn>(step: &Step) -> Entered {
    Entered(step.enter(&const { F::OPTS }, const { waits(F::STEPS) }))
}

/// Tells the run of the request that is being handled, if there is one, which function it is in:
/// one without a `Step`. Only [`Track::Always`](crate::function::Track::Always) makes it a run that
/// is recorded.
pub fn enter_without_step<F: ApiFn>() -> Entered {
    run::enter_current(&const { F::OPTS });
    Entered(None)
}

/// Whether one of these steps waits at Inngest.
const fn waits(steps: &[StepMeta]) -> bool {
    let mut n = 0;
    while n < steps.len() {
        if steps[n].kind().waits() {
            return true;
        }
        n += 1;
    }
    false
}

/// A step id that was hashed at compile time.
#[must_use]
pub const fn step_id(id: &'static str, hash: [u8; 20]) -> StepId {
    StepId::hashed(id, StepHash::from_bytes(hash))
}

/// What a step is to give that gives a literal.
#[must_use]
pub fn owned(text: &str) -> String {
    text.to_owned()
}

/// In the place of what is wrong, so that nothing more is said of it. Never runs.
pub fn any<A, T>(_: A) -> T {
    unreachable!("only in what does not compile")
}

/// In the place of an event that may not have come.
pub fn came<T>(_: &Option<T>) -> T {
    any(())
}

/// In the place of a response that is read as another crate's.
pub fn fetched<T>(_: &http::Response<T>) -> Fetched {
    Fetched
}

#[derive(Debug)]
pub struct Fetched;

impl Fetched {
    pub async fn json<T>(self) -> Result<T, StepError> {
        any(())
    }

    pub async fn text(self) -> Result<String, StepError> {
        any(())
    }

    pub async fn bytes(self) -> Result<Vec<u8>, StepError> {
        any(())
    }
}

/// The name of an event that the derive has checked. What it does not know of, this refuses, when
/// the name is made.
///
/// # Panics
/// When Inngest would refuse the name.
#[must_use]
pub const fn event_name(name: &'static str) -> &'static str {
    assert!(event::name_fault(name).is_none(), "Inngest refuses this name of an event");
    name
}

/// A row of [`ApiFn::STEPS`].
#[must_use]
pub const fn step_meta(
    id: &'static str,
    hash: [u8; 20],
    kind: StepKind,
    file: &'static str,
    line: u32,
) -> StepMeta {
    StepMeta::new(id, StepHash::from_bytes(hash), kind, file, line)
}

/// What is submitted to the inventory.
#[must_use]
pub const fn registration<F: ApiFn>(function: &'static str, file: &'static str, line: u32) -> Registration {
    Registration { opts: F::OPTS, steps: F::STEPS, function, file, line }
}

/// What is submitted to the inventory for a helper.
#[must_use]
pub const fn helper(
    function: &'static str,
    file: &'static str,
    line: u32,
    steps: &'static [StepMeta],
) -> Helper {
    Helper { function, steps, file, line }
}

/// Warnings are uses of these.
pub mod differs_on_replay {
    #[deprecated(
        note = "the clock shows another time when Inngest calls this handler back: read it in a step, as \
                         `step.run(\"now\", async { Ok(SystemTime::now()) })`, or write `allow(clock)` in `#[api_fn(..)]` \
                         where that does no harm"
    )]
    pub const fn clock() {}

    #[deprecated(
        note = "this gives another value when Inngest calls this handler back: make it in a step, as \
                         `step.run(\"order-id\", async { Ok(Uuid::new_v4()) })`, or write `allow(random)` in \
                         `#[api_fn(..)]` where that does no harm"
    )]
    pub const fn random() {}

    pub mod in_helper {
        #[deprecated(
            note = "the clock shows another time when Inngest calls the handler back: read it in a step, as \
                    `step.run(\"now\", async { Ok(SystemTime::now()) })`, or write `allow(clock)` in `#[step_fn(..)]` \
                    where that does no harm"
        )]
        pub const fn clock() {}

        #[deprecated(
            note = "this gives another value when Inngest calls the handler back: make it in a step, as \
                    `step.run(\"order-id\", async { Ok(Uuid::new_v4()) })`, or write `allow(random)` in \
                    `#[step_fn(..)]` where that does no harm"
        )]
        pub const fn random() {}
    }
}

/// Warnings are uses of these.
pub mod ends_at_a_wait {
    #[deprecated(
        note = "this guard runs whenever the handler waits in a later step, or has one retried, and not only at its end: \
                the handler is dropped then, and runs again from its start when Inngest calls back. Do what it does in a \
                step, or drop the guard before the step; write `allow(guard)` in `#[api_fn(..)]` where it is meant for \
                each request"
    )]
    pub const fn guard() {}

    #[deprecated(
        note = "this transaction is rolled back when the handler waits in a later step: the handler is dropped then, and \
                runs again from its start when Inngest calls back. Begin and commit it in one step, as \
                `step.run(\"save\", async { let mut tx = pool.begin().await?; .. Ok(tx.commit().await?) })`, or commit it \
                before the wait; write `allow(transaction)` in `#[api_fn(..)]` where that does no harm"
    )]
    pub const fn transaction() {}

    #[deprecated(
        note = "this pause lasts no longer than its process, and is made anew each time Inngest calls this handler back: \
                pause the run with a step, `step.sleep(\"cool-off\", duration).await`, which holds no process, or write \
                `allow(sleep)` in `#[api_fn(..)]` where a short pause is meant in each request"
    )]
    pub const fn sleep() {}

    pub mod in_helper {
        #[deprecated(
            note = "this guard runs whenever the handler waits in a later step, or has one retried, and not only at the \
                    end of this function: the handler is dropped then, with all that it has called, and runs again from \
                    its start when Inngest calls back. Do what it does in a step, or drop the guard before the step; \
                    write `allow(guard)` in `#[step_fn(..)]` where it is meant for each request"
        )]
        pub const fn guard() {}

        #[deprecated(
            note = "this transaction is rolled back when the handler waits in a later step: the handler is dropped then, \
                    with all that it has called, and runs again from its start when Inngest calls back. Begin and commit \
                    it in one step, as `step.run(\"save\", async { let mut tx = pool.begin().await?; .. \
                    Ok(tx.commit().await?) })`, or commit it before the wait; write `allow(transaction)` in \
                    `#[step_fn(..)]` where that does no harm"
        )]
        pub const fn transaction() {}

        #[deprecated(
            note = "this pause lasts no longer than its process, and is made anew each time Inngest calls the handler back: \
                    pause the run with a step, `step.sleep(\"cool-off\", duration).await`, which holds no process, or write \
                    `allow(sleep)` in `#[step_fn(..)]` where a short pause is meant in each request"
        )]
        pub const fn sleep() {}
    }
}
