//! The error of an async block in a step, which the compiler cannot infer through `?`.
//!
//! `block(future).stephttp_typed()` finds the first of several methods that fits what the future
//! gives. One with an open error type fits the first, and so gets its error type; one that cannot
//! be a step's is replaced by the good case of it, so that it is one error.

use std::future::Pending;

use tokio::task::JoinHandle;

use crate::error::Failure;

/// What is given to a step.
#[derive(Debug)]
pub struct Block<F>(F);

pub const fn block<F>(future: F) -> Block<F> {
    Block(future)
}

/// The traits without their names, which would stand before the user's.
pub mod methods {
    pub use super::{AnyTask as _, Failing as _, GoodError as _, NoResult as _};
}

/// An inherent method is tried before a trait's.
impl<F: Future<Output = Result<T, Failure>>, T> Block<F> {
    pub fn stephttp_typed(self) -> F {
        self.0
    }
}

/// An error that is known stays.
pub trait GoodError<F> {
    fn stephttp_typed(self) -> F;
}

impl<F: Future<Output = Result<T, E>>, T, E: Into<Failure>> GoodError<F> for Block<F> {
    fn stephttp_typed(self) -> F {
        self.0
    }
}

pub trait Failing<T, E> {
    fn stephttp_typed(self) -> Pending<Result<T, Failure>>
    where
        E: StepFailure;
}

impl<F: Future<Output = Result<T, E>>, T, E> Failing<T, E> for &Block<F> {
    fn stephttp_typed(self) -> Pending<Result<T, Failure>> {
        std::future::pending()
    }
}

pub trait NoResult<F> {
    fn stephttp_typed<T>(self) -> Pending<Result<T, Failure>>
    where
        F: StepFuture;
}

impl<F> NoResult<F> for &mut Block<F> {
    fn stephttp_typed<T>(self) -> Pending<Result<T, Failure>> {
        std::future::pending()
    }
}

/// What a step is given that starts a task.
#[derive(Debug)]
pub struct Task<F>(F);

pub const fn task<F>(future: F) -> Task<F> {
    Task(future)
}

/// A task whose own result is a `Result`: its `Err` would be an output, and the step would not
/// fail.
impl<T, E> Task<JoinHandle<Result<T, E>>> {
    #[deprecated(
        note = "the task gives a `Result`, which becomes the step's output: an `Err` in it is stored as a success, and is \
                not retried. Await the task in the step, as `async { Ok(spawn_blocking(..).await??) }`"
    )]
    pub fn stephttp_task(self) -> JoinHandle<Result<T, E>> {
        self.0
    }
}

pub trait AnyTask<F> {
    fn stephttp_task(self) -> F;
}

impl<F> AnyTask<F> for Task<F> {
    fn stephttp_task(self) -> F {
        self.0
    }
}

/// An error that is none.
#[diagnostic::on_unimplemented(
    message = "a step cannot fail with `{Self}`, which is no `std::error::Error`",
    label = "for a text, a boxed error or an `anyhow::Error`, write `.map_err(Failure::new)`",
    note = "for a type of your own, implement `std::error::Error`, or `From<..> for Failure`"
)]
pub trait StepFailure {}

/// Says of what is no future that, and of a future what it gives.
#[diagnostic::on_unimplemented(
    message = "a step takes a future, and `{Self}` is none",
    label = "write a call, `charge(..)`, without `.await`, or `async {{ Ok(..) }}`",
    note = "the step awaits it, and only if its result is not known yet"
)]
pub trait StepFuture {}

impl<F: Future<Output: StepResult>> StepFuture for F {}

/// What is no `Result`.
#[diagnostic::on_unimplemented(
    message = "a step's future must give a `Result`, not `{Self}`",
    label = "end it with `Ok(..)`: whether a step has failed, and is to be tried again, is said by its `Result`"
)]
pub trait StepResult {}
