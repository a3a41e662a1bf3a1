//! End-to-end encryption: Inngest stores what it cannot read.

mod body;
mod bound;
mod error;
mod event_data;
mod key;
#[cfg(feature = "encryption-legacy")]
mod legacy;
mod secretbox;
mod transform;
mod value;

use std::fmt;

pub use error::{EncryptionError, EncryptionErrorKind};
pub use key::EncryptionKeyError;
use key::{Key, Keys};

/// A [`Middleware`](super::Middleware) that seals what Inngest stores, and opens it when it comes
/// back.
///
/// Needs the feature `encryption`. Values are sealed as `@inngest/middleware-encryption` does it
/// for TypeScript, from its version 1 on, so functions in both languages read each other's:
/// `XSalsa20` and `Poly1305`, libsodium's `crypto_secretbox`. With the feature `encryption-legacy`,
/// values of its version 0 are opened, too.
///
/// ```
/// use inngest::middleware::Encryption;
/// use inngest::{Provider, SetupOpts};
///
/// # fn provider() -> Result<Provider, Box<dyn std::error::Error>> {
/// let encryption = Encryption::new(std::env::var("ENCRYPTION_KEY")?)?;
/// let inngest = Provider::setup(SetupOpts::new("https://api.example.com").middleware(encryption))?;
/// # Ok(inngest) }
/// ```
///
/// # What is sealed
///
/// | | |
/// |---|---|
/// | the output of a step that runs in this process, and the values of [`Remember`](crate::Remember) | whole |
/// | the data of an event that is sent, and of an invocation | the field [`encrypted`](Self::event_field) |
/// | the bodies of the request and the response | whole |
///
/// What comes back is opened: the same, the `data` of events that were waited for, and results of
/// invoked functions. Values that are not sealed pass, so a run may go on that began without
/// encryption. A response is sealed with its run's id, and opened for that run's client alone; the
/// JS package opens it as `{"stephttp:response": "<run id>", "body": …}`. One that is not sealed is
/// refused at the output route, unless this only [decrypts](Self::decrypt_only) or responses may be
/// [readable](Self::readable_responses).
///
/// The request's method, path, query, content type and client address are stored readable, as are
/// the response's status and headers, names, ids, sizes and times, the messages of errors, data
/// sent with signals, and all that Inngest itself is asked to do, such as
/// [`fetch`](crate::Step::fetch) and [`ai_infer`](crate::Step::ai_infer), with its results. Sealed
/// data is a third longer, and it is the sealed data that Inngest's limits apply to. Middlewares
/// that are added before this one get sealed data.
///
/// # Who reads the response
///
/// A client that has its response from the handler gets it as it is. One whose run was handed over
/// reads it at Inngest, where it is sealed, unless it is sent to the app's own [output
/// route](crate::Provider::output_route), as it is by default in an app that has made one: there it
/// is opened. An endpoint of another kind fetches the run's output and [opens](Self::open_response)
/// it. Or let responses that clients read at Inngest be [readable](Self::readable_responses).
///
/// # Keys
///
/// A key is a text of any length; white space around it does not count, and its `BLAKE2b` hash is
/// what seals. The hash is fast, so a password or a sentence can be guessed: take 32 random bytes,
/// as `openssl rand -base64 32` gives them, and keep them where other secrets are. No key is shown
/// by `Debug` or in an error, and the memory that holds it here is cleared on drop. What is lost
/// with the last key is lost.
///
/// To change a key while runs are under way, deploy all services
///
/// 1. with `new(current)` and [`fallback_decryption_key(new)`](Self::fallback_decryption_key), so
///    that all can read the new key's values before there are any;
/// 2. with `new(new)` and `fallback_decryption_key(current)`;
/// 3. with `new(new)` alone, once no run is left, and no event, that has values of the former key.
///
/// In the same way, deploy with [`decrypt_only`](Self::decrypt_only) before anything is sealed at
/// all, and again until all that is sealed is gone. Between the first of these and sealing
/// everything, deploy with [`readable_responses`](Self::readable_responses) for an hour: the output
/// route gets responses that are sealed, and still passes on those that were stored before, which
/// it then refuses.
///
/// # Errors
///
/// What cannot be opened does not fail its step, which has ended well: the request is given up and
/// logged, and Inngest calls again while the run has retries left: a deployment with the missing
/// key lets it go on. When none is left, the run fails. (A body is opened before it is known which
/// function is called, so until a process has handed over a run of its route, no more retries count
/// than its function with the fewest has.) A value that cannot be sealed is never stored as it is.
///
/// # What it does not protect from
///
/// A sealed value cannot be changed without notice, but only that of a response says where it
/// belongs. Who can write to Inngest's store, or send events, can put another sealed value into the
/// place of a request's body, a step's output or an event's field, or one that is not sealed. Do
/// not give what comes from an event, or from an [invoked](crate::Step::invoke) function, back to
/// its sender unchecked: it may be another's sealed value, opened.
///
/// What the app itself stores or sends never does that: a value that looks sealed is sealed once
/// more. Data of [signals](crate::Step::wait_for_signal), and the results of
/// [`fetch`](crate::Step::fetch) and [`ai_infer`](crate::Step::ai_infer), are never opened.
#[derive(Clone)]
pub struct Encryption {
    keys: Keys,
    event_field: String,
    decrypt_only: bool,
    readable_responses: bool,
}

impl Encryption {
    /// Seals with a key, and opens with it.
    ///
    /// ```
    /// use inngest::middleware::Encryption;
    /// use serde_json::value::to_raw_value;
    ///
    /// let encryption = Encryption::new("MqzjN5lT2kT0wz1cWb8o9d3y3yqQ5hXk3Q0m9Zt8iJA=")?;
    /// let sealed = encryption.seal_value(&to_raw_value(&["4242 4242 4242 4242"])?)?.into_owned();
    /// assert!(!sealed.get().contains("4242"));
    /// assert_eq!(encryption.open_value(&sealed)?.get(), r#"["4242 4242 4242 4242"]"#);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When the key is empty.
    #[doc(alias = "encryptionMiddleware")]
    pub fn new(key: impl AsRef<str>) -> Result<Self, EncryptionKeyError> {
        let keys = Keys::new(Key::new(key.as_ref())?);
        let event_field = "encrypted".to_owned();
        Ok(Self { keys, event_field, decrypt_only: false, readable_responses: false })
    }

    /// Opens with another key also. Keys are tried in the order in which they are given; none of
    /// these seals.
    ///
    /// ```
    /// use inngest::middleware::Encryption;
    ///
    /// let encryption = Encryption::new("the current key")?.fallback_decryption_key("the former key")?;
    /// # Ok::<(), inngest::middleware::EncryptionKeyError>(())
    /// ```
    ///
    /// # Errors
    /// When the key is empty.
    #[doc(alias = "fallbackDecryptionKeys")]
    pub fn fallback_decryption_key(mut self, key: impl AsRef<str>) -> Result<Self, EncryptionKeyError> {
        self.keys.push(Key::new(key.as_ref())?);
        Ok(self)
    }

    /// Opens what is sealed, and seals nothing: for the time in which not every service has the
    /// key, or still has it.
    ///
    /// Only what is itself marked as sealed is sealed all the same, such as a client's body that
    /// looks like a sealed value: it comes back as it was, and nobody has another's secret opened
    /// by sending it.
    #[doc(alias = "decryptOnly")]
    #[must_use]
    pub fn decrypt_only(mut self) -> Self {
        self.decrypt_only = true;
        self
    }

    /// Leaves the bodies of responses readable that clients read at Inngest: those of runs that
    /// were handed over. Others are sealed all the same.
    #[must_use]
    pub fn readable_responses(mut self) -> Self {
        self.readable_responses = true;
        self
    }

    /// Which top-level field of an event's data is sealed: `encrypted`, unless given. Fields that
    /// are sealed are opened whatever their names.
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
            .field("readable_responses", &self.readable_responses)
            .finish()
    }
}
