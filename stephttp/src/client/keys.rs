//! Which signing key the API takes.

use std::sync::atomic::{AtomicBool, Ordering};

use http::HeaderValue;

use crate::signature::SigningKey;

/// The keys that calls are authenticated with. After a refusal the other one is used, until it is refused itself.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    main: Option<HeaderValue>,
    fallback: Option<HeaderValue>,
    use_fallback: AtomicBool,
}

/// The key of one attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key<'a> {
    pub(crate) bearer: Option<&'a HeaderValue>,
    is_fallback: bool,
}

impl Keys {
    pub(crate) fn new(main: Option<&SigningKey>, fallback: Option<&SigningKey>) -> Self {
        Self {
            main: main.and_then(bearer),
            fallback: fallback.and_then(bearer),
            use_fallback: AtomicBool::new(false),
        }
    }

    pub(crate) fn current(&self) -> Key<'_> {
        let is_fallback = self.use_fallback.load(Ordering::Relaxed);
        Key { bearer: if is_fallback { self.fallback.as_ref() } else { self.main.as_ref() }, is_fallback }
    }

    /// The other key, remembered for later calls; `None` if there is none.
    pub(crate) fn after_refusal(&self, refused: Key<'_>) -> Option<Key<'_>> {
        let is_fallback = !refused.is_fallback;
        let bearer = if is_fallback { self.fallback.as_ref() } else { self.main.as_ref() };
        bearer?;
        tracing::warn!(is_fallback, "Inngest refused a signing key; using the other one");
        self.use_fallback.store(is_fallback, Ordering::Relaxed);
        Some(Key { bearer, is_fallback })
    }
}

fn bearer(key: &SigningKey) -> Option<HeaderValue> {
    // Hex digits and a prefix that was checked: always a header's value.
    let mut value = HeaderValue::try_from(format!("Bearer {}", key.bearer())).ok()?;
    value.set_sensitive(true);
    Some(value)
}
