//! Signing keys, and the signatures by which a request is known to be Inngest's.

use std::fmt;
use std::time::{Duration, SystemTime};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::wire::RunId;

/// How far a signature's time may be from ours, in either direction.
const TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// A signing key, as Inngest shows it: hex digits, with or without a prefix such as
/// `signkey-prod-`.
///
/// Neither `Debug` nor any error shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// `signkey-prod-`, or empty.
    prefix: String,
    /// What signatures are keyed with: the digits as text, without the prefix.
    digits: String,
}

/// Why a text is no signing key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a signing key is an even number of hex digits, optionally after a prefix such as `signkey-prod-`")]
pub struct InvalidSigningKey;

impl SigningKey {
    /// Reads a key.
    ///
    /// # Errors
    /// When the text, without a `signkey-<word>-` prefix, is not an even, positive number of hex
    /// digits.
    pub fn parse(text: &str) -> Result<Self, InvalidSigningKey> {
        let text = text.trim();
        let digits = match text.strip_prefix("signkey-") {
            Some(rest) => rest.split_once('-').ok_or(InvalidSigningKey)?.1,
            None => text,
        };
        let prefix = &text[..text.len() - digits.len()];
        match hex::decode(digits) {
            Ok(bytes) if !bytes.is_empty() => {
                Ok(Self { prefix: prefix.to_owned(), digits: digits.to_owned() })
            }
            _ => Err(InvalidSigningKey),
        }
    }

    /// What goes into `Authorization: Bearer`: the key's prefix and the SHA-256 of its bytes in
    /// hex. The key itself is never sent.
    #[must_use]
    pub fn bearer(&self) -> String {
        let bytes = hex::decode(&self.digits).unwrap_or_default();
        format!("{}{}", self.prefix, hex::encode(Sha256::digest(bytes)))
    }

    /// Signs a body at a time: the value of `X-Inngest-Signature`,
    /// `t=<unix seconds>&s=<hex of HMAC-SHA256>`.
    #[must_use]
    pub fn sign(&self, body: &[u8], at: SystemTime) -> String {
        let seconds = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let code = self.code(body, seconds).finalize().into_bytes();
        format!("t={seconds}&s={}", hex::encode(code))
    }

    /// Whether `signature` is this key's for `body`, made within five minutes of `now`.
    ///
    /// The comparison takes the same time wherever the codes differ.
    #[must_use]
    pub fn verifies(&self, signature: &str, body: &[u8], now: SystemTime) -> bool {
        let Some(claim) = Claim::read(signature).filter(|claim| claim.is_timely(now)) else { return false };
        let mut verification = self.verification();
        verification.update(body);
        verification.proves(&claim)
    }

    /// Begins to verify a body that comes in parts.
    pub(crate) fn verification(&self) -> Verification {
        Verification(hmac(self.digits.as_bytes()))
    }

    /// By which this app's output route knows a URL that the app has made: a code over the run and
    /// its token, in hex.
    pub(crate) fn output_signature(&self, run_id: RunId, token: &str) -> String {
        hex::encode(self.output_code(run_id, token).finalize().into_bytes())
    }

    /// Whether `signature` is this key's for a run and its token. The comparison takes the same
    /// time wherever the codes differ.
    pub(crate) fn verifies_output(&self, signature: &str, run_id: RunId, token: &str) -> bool {
        let code = hex::decode(signature);
        code.is_ok_and(|code| self.output_code(run_id, token).verify_slice(&code).is_ok())
    }

    /// Keyed with a code of a constant, which ends in no digit and so is none of a request's body
    /// and its time: what signs requests is never used on a text that others choose.
    fn output_code(&self, run_id: RunId, token: &str) -> Hmac<Sha256> {
        let mut key = hmac(self.digits.as_bytes());
        key.update(b"stephttp: URLs of the output route");
        let mut code = hmac(&key.finalize().into_bytes());
        // A run id is always as long.
        code.update(run_id.to_string().as_bytes());
        code.update(token.as_bytes());
        code
    }

    fn code(&self, body: &[u8], seconds: u64) -> Hmac<Sha256> {
        let mut code = hmac(self.digits.as_bytes());
        code.update(body);
        code.update(seconds.to_string().as_bytes());
        code
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

fn hmac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"))
}

/// What a signature says. Whether it is right, only the body shows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claim {
    seconds: u64,
    code: [u8; 32],
}

impl Claim {
    /// Reads `t=<seconds>&s=<hex>`, in either order.
    pub(crate) fn read(signature: &str) -> Option<Self> {
        let (mut seconds, mut code) = (None, None);
        for part in signature.split('&') {
            match part.split_once('=')? {
                ("t", value) => seconds = value.parse().ok(),
                ("s", value) => {
                    let mut bytes = [0; 32];
                    code = hex::decode_to_slice(value, &mut bytes).ok().map(|()| bytes);
                }
                _ => {}
            }
        }
        Some(Self { seconds: seconds?, code: code? })
    }

    /// Whether its time is within five minutes of ours.
    pub(crate) fn is_timely(&self, now: SystemTime) -> bool {
        let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        now.abs_diff(self.seconds) <= TOLERANCE.as_secs()
    }
}

/// A body that is being verified with one key.
pub(crate) struct Verification(Hmac<Sha256>);

impl Verification {
    pub(crate) fn update(&mut self, part: &[u8]) {
        self.0.update(part);
    }

    /// Whether the key's owner has signed the body. The comparison takes the same time wherever the
    /// codes differ.
    pub(crate) fn proves(mut self, claim: &Claim) -> bool {
        self.0.update(claim.seconds.to_string().as_bytes());
        self.0.verify_slice(&claim.code).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_prefix_matters_to_the_bearer_and_not_to_the_signature() {
        let plain = SigningKey::parse(KEY).unwrap();
        let prefixed = SigningKey::parse(&format!("signkey-prod-{KEY}")).unwrap();
        assert_eq!(plain.sign(b"x", at(7)), prefixed.sign(b"x", at(7)));
        assert_eq!(prefixed.bearer(), format!("signkey-prod-{}", plain.bearer()));
        assert!(!prefixed.bearer().contains(KEY));
    }

    #[test]
    fn a_signature_holds_for_its_body_and_time_only() {
        let key = SigningKey::parse(KEY).unwrap();
        let signature = key.sign(b"body", at(1_000_000));
        for offset in [0, 300] {
            assert!(key.verifies(&signature, b"body", at(1_000_000 + offset)));
            assert!(key.verifies(&signature, b"body", at(1_000_000 - offset)));
        }
        assert!(!key.verifies(&signature, b"body", at(1_000_301)));
        assert!(!key.verifies(&signature, b"body", at(999_699)));
        assert!(!key.verifies(&signature, b"bodY", at(1_000_000)));
        assert!(!key.verifies(&signature.replace("t=1000000", "t=1000001"), b"body", at(1_000_000)));
        for garbage in
            ["", "t=1", "s=00", "t=x&s=00", "t=1&s=zz", "t=1000000&s=", "&&=", "t=99999999999999999999&s=00"]
        {
            assert!(!key.verifies(garbage, b"body", at(1_000_000)), "{garbage}");
        }
    }

    #[test]
    fn an_output_s_signature_holds_for_its_run_and_token_only() {
        let key = SigningKey::parse(KEY).unwrap();
        let run_id: RunId = "01M817NZCZ3BTTPY1FEX7T2M4B".parse().unwrap();
        let other: RunId = "01M817NZCZ3BTTPY1FEX7T2M4C".parse().unwrap();
        let signature = key.output_signature(run_id, "token");
        // Processes of other versions read it: it must not change.
        assert_eq!(signature, "2b53b47604305b9f846b3fdd03ea67da7d4b72cc49adcb3f57ec05a5380599c6");
        assert!(key.verifies_output(&signature, run_id, "token"));
        assert!(!key.verifies_output(&signature, other, "token"));
        assert!(!key.verifies_output(&signature, run_id, "tokem"));
        for garbage in ["", "zz", "00", &signature[..62], &format!("{signature}00")] {
            assert!(!key.verifies_output(garbage, run_id, "token"), "{garbage}");
        }
        let another = SigningKey::parse("0123").unwrap();
        assert!(!another.verifies_output(&signature, run_id, "token"));
    }

    #[test]
    fn texts_that_are_no_keys_are_refused_without_being_shown() {
        for text in ["", "abc", "signkey-prod", "signkey-prod-", "xyz0", "signkey-prod-0g"] {
            assert_eq!(SigningKey::parse(text), Err(InvalidSigningKey), "{text}");
        }
        let key = SigningKey::parse(KEY).unwrap();
        assert_eq!(format!("{key:?}"), "SigningKey(..)");
    }
}
