//! Locks.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Takes a lock, poisoned or not.
///
/// What this crate does under a lock does not panic half-way through a change: what a panic
/// elsewhere leaves behind is whole, and one request's panic must not fail every later one.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
