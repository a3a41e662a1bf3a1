//! Bodies of HTTP requests and responses.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Encryption, EncryptionError};
use crate::wire::{SealedValue, text};

/// A sealed body that is no UTF-8. What says so is sealed with it, so that nobody can change it.
#[derive(Serialize, Deserialize)]
struct Encoded<'a> {
    #[serde(rename = "__ENCODING__")]
    encoding: Encoding,
    #[serde(borrow)]
    data: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
enum Encoding {
    #[serde(rename = "base64")]
    Base64,
}

impl Encryption {
    /// Seals the body of an HTTP request or response: the JSON of a sealed value.
    ///
    /// What is sealed is the body as a JSON string; for a body that is no UTF-8,
    /// `{"__ENCODING__":"base64","data":"<base64 of the body>"}`. So the JS package can open both. An empty body stays
    /// empty, and every body stays as it is when only [decrypting](Self::decrypt_only).
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub fn seal_body<'a>(&self, body: &'a [u8]) -> Result<Cow<'a, [u8]>, EncryptionError> {
        if self.decrypt_only || body.is_empty() {
            return Ok(Cow::Borrowed(body));
        }
        let json = match str::from_utf8(body) {
            Ok(text) => serde_json::to_string(text),
            Err(_) => serde_json::to_string(&Encoded {
                encoding: Encoding::Base64,
                data: STANDARD.encode(body).into(),
            }),
        };
        let json = json.unwrap_or_else(|_| unreachable!("texts are JSON"));
        let sealed: Box<str> = self.seal_json(&json)?.into();
        Ok(Cow::Owned(String::from(sealed).into_bytes()))
    }

    /// Opens a body that was [sealed](Self::seal_body); one that is not marked as sealed stays as it is.
    ///
    /// A sealed value that is neither a text nor an encoded body, which another SDK has sealed, is a body of JSON.
    ///
    /// # Errors
    /// When no key opens it, or when it is marked as sealed, but holds nothing that can be opened, or has lost its end.
    pub fn open_body<'a>(&self, body: &'a [u8]) -> Result<Cow<'a, [u8]>, EncryptionError> {
        let opened = match str::from_utf8(body) {
            Ok(json) => match serde_json::from_str::<&RawValue>(json) {
                Ok(value) => self.open_if_sealed(value)?,
                Err(_) if SealedValue::is_begun_in(json) => {
                    return Err(EncryptionError::malformed("it is no JSON; has its end got lost?"));
                }
                Err(_) => None,
            },
            Err(_) => None,
        };
        let Some(opened) = opened else { return Ok(Cow::Borrowed(body)) };
        if opened.get().starts_with('"') {
            let text =
                text(&opened).map_err(|_| EncryptionError::malformed("the body is no Unicode text"))?;
            return Ok(Cow::Owned(text.into_owned().into_bytes()));
        }
        match serde_json::from_str::<Encoded<'_>>(opened.get()) {
            Ok(Encoded { encoding: Encoding::Base64, data }) => STANDARD
                .decode(&*data)
                .map(Cow::Owned)
                .map_err(|_| EncryptionError::malformed("the body is marked as base64, but is none")),
            Err(_) => Ok(Cow::Owned(opened.get().as_bytes().to_vec())),
        }
    }
}
