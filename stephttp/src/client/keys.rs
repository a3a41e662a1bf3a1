//! Which signing key the API takes.

use std::sync::atomic::{AtomicBool, Ordering};

use http::HeaderValue;

use crate::signature::SigningKey;

/// The keys that calls are authenticated with: the main one at first. Once the API refuses one and
/// takes the other, the other is used, until that happens to it.
#[derive(Debug, Default)]
pub(super) struct Keys {
    main: Option<HeaderValue>,
    fallback: Option<HeaderValue>,
    use_fallback: AtomicBool,
}

/// The key of one attempt.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key<'a> {
    pub(super) bearer: Option<&'a HeaderValue>,
    is_fallback: bool,
}

impl Keys {
    pub(super) fn new(main: Option<&SigningKey>, fallback: Option<&SigningKey>) -> Self {
        Self {
            main: main.and_then(bearer),
            fallback: fallback.and_then(bearer),
            use_fallback: AtomicBool::new(false),
        }
    }

    pub(super) fn current(&self) -> Key<'_> {
        self.key(self.use_fallback.load(Ordering::Relaxed))
    }

    /// The other key, if there is one.
    pub(super) fn other_than(&self, refused: Key<'_>) -> Option<Key<'_>> {
        Some(self.key(!refused.is_fallback)).filter(|other| other.bearer.is_some())
    }

    /// The API refused the other key and took this one: later calls begin with it.
    pub(super) fn prefer(&self, taken: Key<'_>) {
        if self.use_fallback.swap(taken.is_fallback, Ordering::Relaxed) != taken.is_fallback {
            tracing::warn!(
                is_fallback = taken.is_fallback,
                "Inngest refused a signing key, and took the other one, which is used from now on"
            );
        }
    }

    fn key(&self, is_fallback: bool) -> Key<'_> {
        Key { bearer: if is_fallback { self.fallback.as_ref() } else { self.main.as_ref() }, is_fallback }
    }
}

fn bearer(key: &SigningKey) -> Option<HeaderValue> {
    // Hex digits and a prefix that was checked: always a header's value.
    let mut value = HeaderValue::try_from(format!("Bearer {}", key.bearer())).ok()?;
    value.set_sensitive(true);
    Some(value)
}
