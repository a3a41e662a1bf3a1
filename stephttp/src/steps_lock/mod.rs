//! `steps.lock`: a change that would strand runs in flight fails a test first.
//!
//! A run in flight knows its endpoint and its finished steps by their ids. When a deployed change
//! renames a step, the run does not find what that step came to, and runs it again: the card is
//! charged twice. The ids that runs depend on are known when a program is compiled
//! ([`registered`](crate::function::registered)), so a test can compare them with those of the
//! program that is deployed, which are checked in beside the code:
//!
//! ```
//! # extern crate inngest as my_app;
//! // tests/steps_lock.rs
//! use my_app as _; // links the endpoints
//!
//! inngest::assert_steps_lock!();
//! ```
//!
//! The first time, `STEPS_LOCK=accept cargo test` writes `steps.lock` into the package's directory;
//! commit it. From then on the test fails when the two differ, and lists each difference with its
//! place. It comes in two kinds:
//!
//! | Change | Runs in flight |
//! |---|---|
//! | an endpoint has become `sync_only` | keep their results, but later changes to its steps are not told |
//! | a helper with `#[step_fn]` is gone, with its steps | do not find their results, as below |
//! | an endpoint is gone, or has another id | are called back at their path, where nothing answers, or another function |
//! | a step is gone, or has another id | do not find its result; what replaces it runs afresh |
//! | a step has become one of another kind | find a result of another kind |
//! | an id is used at more places, or fewer | may give a result to another call (see [`StepId`](crate::step::StepId)) |
//! | two steps can take one stored result; a [`renamed_from`](crate::step::RunStep::renamed_from) is gone | may run a step afresh |
//! | *a new endpoint, helper or step, a step with `renamed_from` its old id, a helper of another name* | *keep their results* |
//!
//! The last ones fail the test too, with a message that says that no run is harmed: a step that is
//! not in the file could be renamed later, unseen. In either case `STEPS_LOCK=accept cargo test`
//! writes the file anew, for a change that is meant, and the file's own change is in the review.
//! Before that, let the runs that depend on the old code end, or keep the old step or endpoint
//! beside the new one until they have.
//!
//! An endpoint that is [`sync_only`](crate::FnOpts::is_sync_only) is not in the file: its runs end
//! in their first request, so that no change strands one. When an endpoint becomes `sync_only`,
//! runs that were handed over before are still in flight, and the test fails as if they were
//! stranded, because accepting that takes their steps out of the file. One that is `sync_only` no
//! longer is a new endpoint to the file.
//!
//! Other changes do not matter, and do not change the file: to the number of retries, to the order
//! of different steps, to the names and places of functions. A new step in the middle is run by
//! runs that are already past its place.
//!
//! # Helpers
//!
//! Steps in a function that handlers call are compared if it has
//! [`#[step_fn]`](macro@crate::step_fn), by the same rules. The file has a section for such
//! functions, by module and name; it is not there in a program without any. Which handlers call
//! one is not known, so each is compared by itself. A step that moves from a handler to a helper,
//! or back, is reported as gone, with the place that it may have moved to: when it is run as
//! before, accept that. A helper that has only another name or module strands nobody. Methods of
//! several types in one module that have one name are one entry.
//!
//! # What it does not see
//!
//! - **Endpoints that are not linked into the test**, and handlers without the attribute. Compare
//!   in one test of each program. A test in `tests/` is best, with `use my_app as _;` for each
//!   crate that has endpoints, and with the features that are deployed. Where the endpoints are in
//!   `main.rs`, put the test there; endpoints of test modules are in the file too, then.
//! - **Steps without a literal id, and those in functions that have neither attribute**: a helper
//!   without `#[step_fn]` is not in the file. A step that moves to such a place is reported as
//!   gone, though runs find its result.
//! - **Routes**: runs are called back at the path at which they began.
//! - **Types**: the value that a step gave must still be readable as what the step gives now.
//! - **The order of calls that share an id and a kind**: give each its own id.
//!
//! # The file
//!
//! JSON, sorted by id: each endpoint, and each helper, with the kind of each of its steps, and the
//! ids that steps had before.
//!
//! ```json
//! {
//!   "about": "…",
//!   "version": 1,
//!   "endpoints": {
//!     "checkout": {
//!       "steps": {
//!         "charge-card": "run",
//!         "cool-off": "sleep"
//!       },
//!       "renamed_from": {
//!         "charge-card": "charge"
//!       }
//!     }
//!   },
//!   "helpers": {
//!     "shop::payment::refund": {
//!       "steps": {
//!         "refund-card": "run"
//!       }
//!     }
//!   }
//! }
//! ```
//!
//! An id that is used at several places has a list of kinds, in the order of the source. After a
//! merge conflict keep the lines of both sides, and run the test. A file that cannot be understood
//! is never overwritten.

// The example in these docs is a test.
#![allow(clippy::test_attr_in_doctest)]

mod compare;
mod error;
mod file;
mod program;
mod report;
mod unique_map;

#[cfg(test)]
mod tests;

use std::env;
use std::path::{Path, PathBuf};

pub use error::StepsLockError;

use compare::Comparison;
use file::Lock;
use program::Program;

/// Compares the endpoints that are linked into this program with the file, which it never writes.
///
/// A relative path is relative to the current directory; in `cargo test` that is the package's.
///
/// It is what [`assert_steps_lock!`](crate::assert_steps_lock) does, for a place that is no test. A
/// program that has all its endpoints linked can check itself before it is deployed:
///
/// ```no_run
/// # #[inngest::api_fn(id = "guarded-checkout")] async fn checkout(_step: inngest::Step) {}
/// fn main() -> Result<(), inngest::steps_lock::StepsLockError> {
///     if std::env::args().any(|arg| arg == "--check-steps") {
///         return inngest::steps_lock::check("steps.lock");
///     }
///     // …
///     Ok(())
/// }
/// ```
///
/// # Errors
///
/// When the two differ, when the file is not there or cannot be understood, when no endpoint is
/// linked, and when two have one id.
pub fn check(path: impl AsRef<Path>) -> Result<(), StepsLockError> {
    check_program(path.as_ref(), &Program::linked()?)
}

/// For [`assert_steps_lock!`](crate::assert_steps_lock).
#[doc(hidden)]
#[track_caller]
pub fn assert_in(package: &str, path: impl AsRef<Path>) {
    let path = package_dir(package.into(), env::var_os("CARGO_MANIFEST_DIR").map(Into::into)).join(path);
    let outcome = Mode::read().and_then(|mode| {
        let program = Program::linked()?;
        match mode {
            Mode::Check => check_program(&path, &program),
            Mode::Accept => accept(&path, &program),
        }
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

/// The directory that the package had when it was compiled; where it is now, when the tests are run
/// elsewhere (from an archive, say) by a tool that tells.
fn package_dir(compiled: PathBuf, told: Option<PathBuf>) -> PathBuf {
    match told {
        Some(told) if !compiled.is_dir() => told,
        _ => compiled,
    }
}

enum Mode {
    Check,
    Accept,
}

impl Mode {
    fn read() -> Result<Self, StepsLockError> {
        match env::var_os("STEPS_LOCK") {
            None => Ok(Self::Check),
            Some(value) if value.is_empty() => Ok(Self::Check),
            Some(value) if value == "accept" => Ok(Self::Accept),
            Some(value) => Err(StepsLockError::BadSetting { value: value.to_string_lossy().into_owned() }),
        }
    }
}

fn check_program(path: &Path, program: &Program<'_>) -> Result<(), StepsLockError> {
    let lock = Lock::read(path)?;
    verdict_of(path, &Comparison::of(&lock, program))
}

fn verdict_of(path: &Path, comparison: &Comparison<'_>) -> Result<(), StepsLockError> {
    if comparison.is_empty() {
        return Ok(());
    }
    let (path, report) = (path.to_owned(), comparison.to_string());
    Err(if comparison.strands() {
        StepsLockError::Stranded { path, report }
    } else {
        StepsLockError::OutOfDate { path, report }
    })
}

fn accept(path: &Path, program: &Program<'_>) -> Result<(), StepsLockError> {
    match check_program(path, program) {
        // A file that says the same otherwise (other line ends, say) stays as it is.
        Ok(()) => return Ok(()),
        Err(
            error @ (StepsLockError::Stranded { .. }
            | StepsLockError::OutOfDate { .. }
            | StepsLockError::Missing { .. }),
        ) => eprintln!("accepted: {error}"),
        Err(error) => return Err(error),
    }
    Lock::of(program).write(path)
}
