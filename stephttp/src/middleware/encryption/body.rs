//! Bodies of HTTP requests and responses.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::bound::Bound;
use super::{Encryption, EncryptionError};
use crate::wire::{RunId, SealedValue, text};

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
    /// `{"__ENCODING__":"base64","data":"<base64 of the body>"}`. So the JS package can open both.
    /// An empty body stays empty. When only [decrypting](Self::decrypt_only), a body stays as it is
    /// unless it looks like a sealed one itself.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub fn seal_body<'a>(&self, body: &'a [u8]) -> Result<Cow<'a, [u8]>, EncryptionError> {
        if body.is_empty() || (self.decrypt_only && !looks_sealed(body)) {
            return Ok(Cow::Borrowed(body));
        }
        let sealed: Box<str> = self.seal_json(&json_of(body))?.into();
        Ok(Cow::Owned(String::from(sealed).into_bytes()))
    }

    /// Opens a body that was [sealed](Self::seal_body); one that is not marked as sealed stays as
    /// it is.
    ///
    /// A sealed value that is neither a text nor an encoded body, which another SDK has sealed, is
    /// a body of JSON.
    ///
    /// It opens whatever was sealed with the keys: another run's response, or a step's output. A
    /// run's response that comes from Inngest, and goes on to a client, is for
    /// [`open_response`](Self::open_response).
    ///
    /// # Errors
    /// When no key opens it, or when it is marked as sealed, but holds nothing that can be opened,
    /// or has lost its end.
    pub fn open_body<'a>(&self, body: &'a [u8]) -> Result<Cow<'a, [u8]>, EncryptionError> {
        match find(body) {
            Found::Value(value) => match self.open_if_sealed(value)? {
                Some(opened) => {
                    bytes_of(Bound::read(&opened).map_or(&*opened, |bound| bound.body)).map(Cow::Owned)
                }
                None => Ok(Cow::Borrowed(body)),
            },
            Found::Begun => Err(EncryptionError::cut_off()),
            Found::Other => Ok(Cow::Borrowed(body)),
        }
    }

    /// Opens the body of a run's response, as Inngest gives it, if that is what it was sealed as:
    /// the response of this run. An empty one stays empty. What is not sealed this app has not
    /// made, so it is an error.
    ///
    /// Use this where the body goes on to a client, as the [output
    /// route](crate::Provider::output_route) does. With [`open_body`](Self::open_body) whoever can
    /// change what Inngest answers, or have a handler answer with what it was sent, could have any
    /// sealed value opened.
    ///
    /// When responses may be stored readable, since this only [decrypts](Self::decrypt_only) or
    /// leaves them [readable](Self::readable_responses), what is not sealed, or merely looks so,
    /// may be what the handler has said: it stays as it is, unopened.
    ///
    /// An error with which this SDK has ended a run in the handler's place is never sealed: Inngest
    /// gives it with the header `x-stephttp-own-answer`. Pass it on as JSON and nothing else.
    ///
    /// ```
    /// # use inngest::middleware::{Encryption, EncryptionError};
    /// # use inngest::wire::RunId;
    /// # fn pass_on(encryption: &Encryption, run_id: RunId, from_inngest: &[u8]) -> Result<Vec<u8>, EncryptionError> {
    /// let body = encryption.open_response(run_id, from_inngest)?.into_owned();
    /// # Ok(body) }
    /// ```
    ///
    /// # Errors
    /// As [`open_body`](Self::open_body), when it is not sealed, and when it is sealed as something
    /// else: another run's response, a step's output, or a response that was sealed by an SDK that
    /// does not say in it what it is.
    pub fn open_response<'a>(&self, run_id: RunId, body: &'a [u8]) -> Result<Cow<'a, [u8]>, EncryptionError> {
        let problem = match find(body) {
            Found::Value(value) => match self.open_if_response(run_id, value) {
                Ok(Some(body)) => return Ok(Cow::Owned(body)),
                Ok(None) => EncryptionError::not_sealed(),
                Err(error) => error,
            },
            Found::Begun => EncryptionError::cut_off(),
            Found::Other => EncryptionError::not_sealed(),
        };
        let may_be_readable = self.decrypt_only || self.readable_responses;
        if body.is_empty() || may_be_readable { Ok(Cow::Borrowed(body)) } else { Err(problem) }
    }

    /// `None`: it is not sealed.
    fn open_if_response(&self, run_id: RunId, value: &RawValue) -> Result<Option<Vec<u8>>, EncryptionError> {
        if let Ok(Some(sealed)) = SealedValue::find(value)
            && sealed.strategy.as_deref() != Some(SealedValue::LIBSODIUM)
        {
            // Version 0's can be changed without notice: nothing in them proves anything.
            return Err(EncryptionError::not_this_response());
        }
        let Some(opened) = self.open_if_sealed(value)? else { return Ok(None) };
        let bound = Bound::read(&opened).filter(|bound| bound.is_of(run_id));
        bytes_of(bound.ok_or_else(EncryptionError::not_this_response)?.body).map(Some)
    }

    /// Seals the body of a run's response. What is sealed says that it is that.
    pub(super) fn seal_response<'a>(
        &self,
        run_id: RunId,
        body: &'a [u8],
    ) -> Result<Cow<'a, [u8]>, EncryptionError> {
        if body.is_empty() || (self.decrypt_only && !looks_sealed(body)) {
            return Ok(Cow::Borrowed(body));
        }
        let sealed: Box<str> = self.seal_json(&Bound::write(run_id, &json_of(body)))?.into();
        Ok(Cow::Owned(String::from(sealed).into_bytes()))
    }
}

/// What a body is as JSON.
fn json_of(body: &[u8]) -> String {
    let json = match str::from_utf8(body) {
        Ok(text) => serde_json::to_string(text),
        Err(_) => {
            serde_json::to_string(&Encoded { encoding: Encoding::Base64, data: STANDARD.encode(body).into() })
        }
    };
    json.unwrap_or_else(|_| unreachable!("texts are JSON"))
}

/// The body that was sealed as this JSON.
fn bytes_of(opened: &RawValue) -> Result<Vec<u8>, EncryptionError> {
    if opened.get().starts_with('"') {
        let text = text(opened).map_err(|_| EncryptionError::malformed("the body is no Unicode text"))?;
        return Ok(text.into_owned().into_bytes());
    }
    match serde_json::from_str::<Encoded<'_>>(opened.get()) {
        Ok(Encoded { encoding: Encoding::Base64, data }) => STANDARD
            .decode(&*data)
            .map_err(|_| EncryptionError::malformed("the body is marked as base64, but is none")),
        Err(_) => Ok(opened.get().as_bytes().to_vec()),
    }
}

/// What a body may be.
enum Found<'a> {
    /// JSON, perhaps marked as sealed.
    Value(&'a RawValue),
    /// No JSON, which begins as a sealed value does.
    Begun,
    /// Neither.
    Other,
}

fn find(body: &[u8]) -> Found<'_> {
    let Ok(json) = str::from_utf8(body) else { return Found::Other };
    match serde_json::from_str(json) {
        Ok(value) => Found::Value(value),
        Err(_) if SealedValue::is_begun_in(json) => Found::Begun,
        Err(_) => Found::Other,
    }
}

/// Whether it would be tried to open a body, though it was not sealed here.
fn looks_sealed(body: &[u8]) -> bool {
    match find(body) {
        Found::Value(value) => SealedValue::is_marked(value),
        Found::Begun => true,
        Found::Other => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::middleware::EncryptionErrorKind;

    const RUN_ID: &str = "01M817NZCZ3BTTPY1FEX7T2M4B";
    const OTHER: &str = "01M817NZCZ3BTTPY1FEX7T2M4C";

    fn encryption() -> Encryption {
        Encryption::new("a key").unwrap()
    }

    #[test]
    fn a_response_opens_as_that_of_its_run_alone() {
        let (run_id, other) = (RUN_ID.parse().unwrap(), OTHER.parse().unwrap());
        for body in [b"plain".as_slice(), b"\xff\xfe", br#"{"a":1}"#, b"\"x\""] {
            let sealed = encryption().seal_response(run_id, body).unwrap().into_owned();
            assert_eq!(*encryption().open_response(run_id, &sealed).unwrap(), *body);
            assert_eq!(*encryption().open_body(&sealed).unwrap(), *body);
            let error = encryption().open_response(other, &sealed).unwrap_err();
            assert_eq!(error.kind(), EncryptionErrorKind::NotThisResponse);
            // What is not sealed anybody can have made.
            let error = encryption().open_response(run_id, body).unwrap_err();
            assert_eq!(error.kind(), EncryptionErrorKind::NotSealed);
            for lenient in [encryption().decrypt_only(), encryption().readable_responses()] {
                assert_eq!(*lenient.open_response(run_id, body).unwrap(), *body);
            }
        }
        assert!(encryption().seal_response(run_id, b"").unwrap().is_empty());
        assert!(encryption().open_response(run_id, b"").unwrap().is_empty());
    }

    #[test]
    fn what_is_sealed_as_something_else_is_no_response() {
        let run_id = RUN_ID.parse().unwrap();
        let forged = format!(r#"{{"stephttp:response":"{RUN_ID}","body":"b","more":"secret"}}"#);
        let value = |json: &str| encryption().seal_json(json).unwrap().get().as_bytes().to_vec();
        for sealed in [
            encryption().seal_body(b"secret").unwrap().into_owned(),
            value(r#"{"secret":1}"#),
            value(&forged),
            br#"{"__ENCRYPTED__":true,"__STRATEGY__":"inngest/libsodium","data":"AAAA"}"#.to_vec(),
            br#"{"__ENCRYPTED__":true,"__STRATEGY__":"inng"#.to_vec(),
        ] {
            encryption().open_response(run_id, &sealed).unwrap_err();
            for lenient in [encryption().decrypt_only(), encryption().readable_responses()] {
                assert_eq!(*lenient.open_response(run_id, &sealed).unwrap(), *sealed);
                let own = encryption().seal_response(run_id, b"own").unwrap().into_owned();
                assert_eq!(*lenient.open_response(run_id, &own).unwrap(), *b"own");
            }
        }
    }

    #[test]
    fn what_looks_sealed_is_sealed_also_when_only_decrypting() {
        let (decrypting, run_id) = (encryption().decrypt_only(), RUN_ID.parse().unwrap());
        let secret = encryption().seal_body(b"secret").unwrap().into_owned();
        for body in
            [secret.as_slice(), b" {\"__ENCRYPTED__\":true,\"data\":\"\"}", br#"{"__ENCRYPTED__":true,"d"#]
        {
            let stored = decrypting.seal_body(body).unwrap().into_owned();
            assert_ne!(stored, body);
            assert_eq!(*decrypting.open_body(&stored).unwrap(), *body);
            let stored = decrypting.seal_response(run_id, body).unwrap().into_owned();
            assert_eq!(*decrypting.open_response(run_id, &stored).unwrap(), *body);
        }
        assert_eq!(*decrypting.seal_body(b"plain").unwrap(), *b"plain");
        assert_eq!(*decrypting.seal_response(run_id, b"plain").unwrap(), *b"plain");
    }
}
