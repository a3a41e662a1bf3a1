//! Why the lock does not hold.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why [`check`](super::check) failed. As text, each says what to do.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum StepsLockError {
    /// The program would strand runs in flight.
    #[error(
        "runs in flight depend on what has changed since {path} was written\n{report}\n\
         When no run in flight depends on it any more, or none is harmed, accept the change and commit the file:\n\n    {ACCEPT}",
        path = path.display()
    )]
    Stranded {
        /// The file.
        path: PathBuf,
        /// Each difference: what it is, what it does to runs in flight, and what to do instead.
        report: String,
    },
    /// The program has what the file does not. No run in flight is harmed, but what is not in the
    /// file could be removed later, unseen.
    #[error(
        "{path} is out of date. No run in flight is harmed\n{report}\nAccept that and commit the file:\n\n    {ACCEPT}",
        path = path.display()
    )]
    OutOfDate {
        /// The file.
        path: PathBuf,
        /// Each difference.
        report: String,
    },
    /// There is no file.
    #[error("there is no {path}: write it and commit it:\n\n    {ACCEPT}", path = path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file is not what this test has written.
    #[error(
        "{path} cannot be understood: {problem}\n\nIt is not overwritten, since that would accept what nobody has seen: \
         mend it, or take it from the version that is deployed",
        path = path.display()
    )]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and where.
        problem: String,
    },
    /// The file could not be read or written.
    #[error("{path} cannot be {doing}: {source}", path = path.display())]
    Io {
        /// `read` or `written`.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No endpoint is linked into this program.
    #[error(
        "no endpoint is linked into this program, so there is nothing to compare. A crate of which nothing is used is not \
         linked: write `use my_app as _;` in the test, with the name of the crate that has the `#[api_fn]` functions, or \
         put the test into that crate"
    )]
    NoEndpoints,
    /// Two functions have one id.
    #[error(
        "two functions have the id {id:?}, and Inngest would mix their runs: {first}, and {second}; rename the newer one"
    )]
    DuplicateFunction {
        /// The id.
        id: String,
        /// One function and its place.
        first: String,
        /// The other function and its place.
        second: String,
    },
    /// The environment variable `STEPS_LOCK` has a value that means nothing.
    #[error("STEPS_LOCK is {value:?}, but the one value that it can have is `accept`")]
    BadSetting {
        /// The value.
        value: String,
    },
}

/// How to write the file.
const ACCEPT: &str = "STEPS_LOCK=accept cargo test";

/// As `Display`: a `main` that returns the error prints it so.
impl fmt::Debug for StepsLockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
