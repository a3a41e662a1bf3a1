//! End-to-end encryption: Inngest stores what it cannot read.

mod body;
mod error;
mod event_data;
mod key;
#[cfg(feature = "encryption-legacy")]
mod legacy;
mod secretbox;
mod value;

use std::fmt;

pub use error::{EncryptionError, EncryptionErrorKind};
pub use key::EncryptionKeyError;
use key::{Key, Keys};

/// Seals what Inngest stores, and opens it when it comes back.
///
/// Values are sealed as `@inngest/middleware-encryption` does it for TypeScript, from its version 1 on, so functions in
/// both languages read each other's: `XSalsa20` and `Poly1305`, libsodium's `crypto_secretbox`. With the feature
/// `encryption-legacy`, values of its version 0 are opened, too.
///
/// ```
/// use serde_json::value::to_raw_value;
/// use stephttp::middleware::Encryption;
///
/// # fn key_from_a_secret_store() -> String { "9tYJ8m2rJz0uJm2m6r0Q8m3rIu0J4b3c3b3b3b3b3b0=".to_owned() }
/// let encryption = Encryption::new(key_from_a_secret_store())?;
///
/// let sealed = encryption.seal_value(&to_raw_value(&["4242 4242 4242 4242"])?)?.into_owned();
/// assert!(!sealed.get().contains("4242"));
/// assert_eq!(encryption.open_value(&sealed)?.get(), r#"["4242 4242 4242 4242"]"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Keys
///
/// A key is a text of any length; white space around it does not count, and its `BLAKE2b` hash is what seals. The hash is fast,
/// so a password or a sentence can be guessed: take 32 random bytes, as `openssl rand -base64 32` gives them, and keep them
/// where other secrets are. No key is shown by `Debug` or in an error, and the memory that holds it here is cleared on drop.
///
/// To change a key while runs are under way, deploy all services
///
/// 1. with `new(current)` and [`fallback_decryption_key(new)`](Self::fallback_decryption_key), so that all can read the
///    new key's values before there are any;
/// 2. with `new(new)` and `fallback_decryption_key(current)`;
/// 3. with `new(new)` alone, once no run is left, and no event, that has values of the former key.
///
/// In the same way, deploy with [`decrypt_only`](Self::decrypt_only) before anything is sealed at all, and before it is given
/// up.
///
/// # What it does not do
///
/// - Names and ids of steps, functions and events stay readable, and so do errors' messages, sizes and times.
/// - A sealed value cannot be changed without notice, but it does not say where it belongs: who can write to the store can
///   put another sealed value, or one that is not sealed, into its place.
/// - What is lost with the last key is lost.
#[derive(Clone)]
pub struct Encryption {
    keys: Keys,
    event_field: String,
    decrypt_only: bool,
}

impl Encryption {
    /// Seals with a key, and opens with it.
    ///
    /// # Errors
    /// When the key is empty.
    #[doc(alias = "encryptionMiddleware")]
    pub fn new(key: impl AsRef<str>) -> Result<Self, EncryptionKeyError> {
        let keys = Keys::new(Key::new(key.as_ref())?);
        Ok(Self { keys, event_field: "encrypted".to_owned(), decrypt_only: false })
    }

    /// Opens with another key also. Keys are tried in the order in which they are given; none of these seals.
    ///
    /// ```
    /// use stephttp::middleware::Encryption;
    ///
    /// let encryption = Encryption::new("the current key")?.fallback_decryption_key("the former key")?;
    /// # Ok::<(), stephttp::middleware::EncryptionKeyError>(())
    /// ```
    ///
    /// # Errors
    /// When the key is empty.
    #[doc(alias = "fallbackDecryptionKeys")]
    pub fn fallback_decryption_key(mut self, key: impl AsRef<str>) -> Result<Self, EncryptionKeyError> {
        self.keys.push(Key::new(key.as_ref())?);
        Ok(self)
    }

    /// Opens what is sealed, and seals nothing: for the time in which not every service has the key, or still has it.
    #[doc(alias = "decryptOnly")]
    #[must_use]
    pub fn decrypt_only(mut self) -> Self {
        self.decrypt_only = true;
        self
    }

    /// Which top-level field of an event's data is sealed: `encrypted`, unless given. The name is the same in all services
    /// by custom only; what is sealed is opened whatever its field's name.
    #[doc(alias = "eventEncryptionField")]
    #[must_use]
    pub fn event_field(mut self, name: impl Into<String>) -> Self {
        self.event_field = name.into();
        self
    }
}

/// Shows no key.
impl fmt::Debug for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encryption")
            .field("keys", &self.keys.len())
            .field("event_field", &self.event_field)
            .field("decrypt_only", &self.decrypt_only)
            .finish()
    }
}
