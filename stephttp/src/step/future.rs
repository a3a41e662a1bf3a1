//! What a step awaits.

/// A future of a `Result`: everything that is `Future<Output = Result<T, E>>`.
#[diagnostic::on_unimplemented(
    message = "a step takes a future of a `Result`, and `{Self}` is none",
    label = "write `async {{ .. Ok(value) }}`: whether a step has failed, and is to be tried again, is said by its `Result`",
    note = "of an `Option`, take the value by `.ok_or_else(|| Failure::new(\"..\"))`, or store it as it is: `async {{ \
            Ok(find().await) }}`"
)]
pub trait StepFuture<T, E>: Future<Output = Result<T, E>> {}

#[diagnostic::do_not_recommend]
impl<F: Future<Output = Result<T, E>>, T, E> StepFuture<T, E> for F {}
