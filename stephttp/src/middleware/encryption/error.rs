//! Why a value could not be sealed or opened.

use std::borrow::Cow;
use std::fmt;

use crate::untrusted::shown;

/// Why a value could not be sealed or opened.
///
/// No key and nothing of the value is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncryptionError {
    kind: EncryptionErrorKind,
    /// Says more, where the kind alone does not.
    detail: Cow<'static, str>,
    /// The event's field.
    field: Option<String>,
}

/// What kind of failure an [`EncryptionError`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EncryptionErrorKind {
    /// No key opens the value: it was sealed with another one, or changed on its way.
    NoKeyOpensIt,
    /// The value was sealed in a way that is not known here.
    UnknownStrategy,
    /// The value was sealed as version 0 of the JS package does it, and the feature
    /// `encryption-legacy` is off.
    Version0,
    /// The value is marked as sealed, but what it holds cannot be a sealed value.
    Malformed,
    /// The value was sealed as something else than the response of this run; see
    /// [`open_response`](super::Encryption::open_response).
    NotThisResponse,
    /// A run's response is not sealed, so it cannot be told whether this app has made it; see
    /// [`open_response`](super::Encryption::open_response).
    NotSealed,
    /// An event's data is no JSON object.
    NotAnObject,
    /// The operating system gave no random bytes to seal with.
    NoRandomness,
}

impl EncryptionError {
    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> EncryptionErrorKind {
        self.kind
    }

    /// The field of the event's data that could not be opened; `None` outside of events.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        self.field.as_deref()
    }

    fn new(kind: EncryptionErrorKind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, detail: detail.into(), field: None }
    }

    pub(super) fn no_key_opens_it(keys: usize) -> Self {
        let keys = if keys == 1 {
            "the key does not open it".to_owned()
        } else {
            format!("none of {keys} keys opens it")
        };
        Self::new(EncryptionErrorKind::NoKeyOpensIt, keys)
    }

    pub(super) fn unknown_strategy(strategy: &str) -> Self {
        // It comes from the network.
        let shown: String = strategy.chars().take(64).collect();
        Self::new(EncryptionErrorKind::UnknownStrategy, format!("{shown:?}"))
    }

    #[cfg(not(feature = "encryption-legacy"))]
    pub(super) fn version_0() -> Self {
        Self::new(EncryptionErrorKind::Version0, "")
    }

    pub(super) fn malformed(problem: impl Into<Cow<'static, str>>) -> Self {
        Self::new(EncryptionErrorKind::Malformed, problem)
    }

    pub(super) fn cut_off() -> Self {
        Self::malformed("it is no JSON; has its end got lost?")
    }

    pub(super) fn not_this_response() -> Self {
        Self::new(EncryptionErrorKind::NotThisResponse, "")
    }

    pub(super) fn not_sealed() -> Self {
        Self::new(EncryptionErrorKind::NotSealed, "")
    }

    pub(super) fn not_an_object() -> Self {
        Self::new(EncryptionErrorKind::NotAnObject, "")
    }

    pub(super) fn no_randomness(error: getrandom::Error) -> Self {
        Self::new(EncryptionErrorKind::NoRandomness, error.to_string())
    }

    pub(super) fn in_field(mut self, field: String) -> Self {
        self.field = Some(field);
        self
    }
}

impl fmt::Display for EncryptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(field) = &self.field {
            write!(f, "the event's field {:?}: ", shown(field).to_string())?;
        }
        let detail = &self.detail;
        match self.kind {
            EncryptionErrorKind::NoKeyOpensIt => write!(
                f,
                "a sealed value cannot be opened, since {detail}: it was sealed with another key, which \
                 `Encryption::fallback_decryption_key` takes, or it was changed"
            ),
            EncryptionErrorKind::UnknownStrategy => write!(
                f,
                "a sealed value cannot be opened: its strategy is {detail}, and only \"inngest/libsodium\" is known here"
            ),
            EncryptionErrorKind::Version0 => f.write_str(
                "a sealed value cannot be opened: it was written by version 0 of @inngest/middleware-encryption (AES); enable \
                 stephttp's feature `encryption-legacy` to read such values",
            ),
            EncryptionErrorKind::Malformed => {
                write!(f, "a value is marked as sealed, but cannot be opened: {detail}")
            }
            EncryptionErrorKind::NotThisResponse => f.write_str(
                "a sealed value is not opened, since it was not sealed as the response of this run: it is another run's or \
                 another value, or a response that was sealed by a version of the SDK that did not say so in it",
            ),
            EncryptionErrorKind::NotSealed => f.write_str(
                "a response is not sealed, so it need not be this app's; where it is one from before encryption, \
                 `Encryption::decrypt_only` or `readable_responses` lets it pass",
            ),
            EncryptionErrorKind::NotAnObject => {
                f.write_str("an event's data must be a JSON object to have a field that is sealed")
            }
            EncryptionErrorKind::NoRandomness => {
                write!(f, "a value cannot be sealed: the operating system gives no random bytes: {detail}")
            }
        }
    }
}

impl std::error::Error for EncryptionError {}
