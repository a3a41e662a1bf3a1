//! JSON values: a step's output, say.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;

use super::{Encryption, EncryptionError, secretbox};
use crate::wire::SealedValue;

impl Encryption {
    /// Seals a JSON value, such as a step's output.
    ///
    /// `null` is not sealed, since it says nothing. When only [decrypting](Self::decrypt_only),
    /// nothing is but what is marked as sealed itself. The sealed value is a third longer, and some
    /// hundred bytes.
    ///
    /// ```json
    /// {"__ENCRYPTED__":true,"__STRATEGY__":"inngest/libsodium","data":"<base64 of nonce, tag, ciphertext>"}
    /// ```
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub fn seal_value<'a>(&self, value: &'a RawValue) -> Result<Cow<'a, RawValue>, EncryptionError> {
        if value.get() == "null" || (self.decrypt_only && !SealedValue::is_marked(value)) {
            return Ok(Cow::Borrowed(value));
        }
        self.seal_json(value.get()).map(Cow::Owned)
    }

    /// Opens a JSON value that was [sealed](Self::seal_value), with the first key that does; one
    /// that is not marked as sealed stays as it is.
    ///
    /// # Errors
    /// When no key opens it, or when it is marked as sealed, but holds nothing that can be opened.
    pub fn open_value<'a>(&self, value: &'a RawValue) -> Result<Cow<'a, RawValue>, EncryptionError> {
        match self.open_if_sealed(value)? {
            Some(opened) => Ok(Cow::Owned(opened)),
            None => Ok(Cow::Borrowed(value)),
        }
    }

    pub(super) fn seal_json(&self, json: &str) -> Result<Box<RawValue>, EncryptionError> {
        let sealed = secretbox::seal(self.keys.sealing(), json.as_bytes())?;
        let (before, after) = SealedValue::AROUND_DATA;
        let mut text = String::with_capacity(before.len() + sealed.len().div_ceil(3) * 4 + after.len());
        text.push_str(before);
        STANDARD.encode_string(sealed, &mut text);
        text.push_str(after);
        Ok(RawValue::from_string(text).unwrap_or_else(|_| unreachable!("base64 in an object is JSON")))
    }

    pub(super) fn open_if_sealed(&self, value: &RawValue) -> Result<Option<Box<RawValue>>, EncryptionError> {
        let sealed = SealedValue::find(value)
            .map_err(|_| EncryptionError::malformed("its members are no Unicode text"))?;
        let Some(SealedValue { strategy, data }) = sealed else { return Ok(None) };
        let decode =
            || STANDARD.decode(&*data).map_err(|_| EncryptionError::malformed("its data is no base64"));
        let json = match strategy.as_deref() {
            Some(SealedValue::LIBSODIUM) => String::from_utf8(secretbox::open(&self.keys, decode()?)?)
                .map_err(|_| EncryptionError::malformed("what was sealed is no text"))?,
            #[cfg(feature = "encryption-legacy")]
            None | Some(SealedValue::AES) => super::legacy::open(&self.keys, &decode()?)?,
            #[cfg(not(feature = "encryption-legacy"))]
            None | Some(SealedValue::AES) => return Err(EncryptionError::version_0()),
            Some(strategy) => return Err(EncryptionError::unknown_strategy(strategy)),
        };
        let value = RawValue::from_string(json)
            .map_err(|_| EncryptionError::malformed("what was sealed is no JSON"))?;
        Ok(Some(value))
    }
}

// Here, since the workspace's tests have the feature.
#[cfg(all(test, not(feature = "encryption-legacy")))]
mod tests {
    use super::*;
    use crate::middleware::EncryptionErrorKind;

    #[test]
    fn a_value_of_version_0_is_an_error_that_names_the_feature() {
        let encryption = Encryption::new("a key").unwrap();
        let opened =
            |json: &str| encryption.open_value(serde_json::from_str(json).unwrap()).map(Cow::into_owned);
        let error = opened(r#"{"__ENCRYPTED__":true,"data":"U2FsdGVkX1/c4O9Jmq1/dQ=="}"#).unwrap_err();
        assert_eq!(error.kind(), EncryptionErrorKind::Version0);
        assert!(error.to_string().contains("`encryption-legacy`"), "{error}");

        let named = opened(r#"{"__ENCRYPTED__":true,"__STRATEGY__":"inngest/aes","data":""}"#).unwrap_err();
        assert_eq!(named.kind(), EncryptionErrorKind::Version0);
    }
}
