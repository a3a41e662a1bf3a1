//! Maps by step hashes.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::StepHash;

/// A map by step hashes.
pub(crate) type StepMap<T> = HashMap<StepHash, T, BuildHasherDefault<FirstBytes>>;

/// Takes a step hash's first bytes for the map's hash: it is a SHA-1, so they are as good as any.
///
/// Ids that were chosen to collide cannot do harm, since a run has at most 999 steps.
#[derive(Debug, Default)]
pub(crate) struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    /// The length of the bytes that follow; always the same.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}
