//! Maps by step hashes.

use std::collections::HashMap;

use super::StepHash;

/// A map by step hashes.
///
/// With std's hasher, whose keys nobody knows. A step hash's own bytes would do for a hash, but
/// Inngest's answers and ids that hold a client's texts could be chosen so that theirs collide.
pub(crate) type StepMap<T> = HashMap<StepHash, T>;
