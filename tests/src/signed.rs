//! URLs of the output route, signed as an app with a key signs them.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The query of the output route's URL for a run's token: `token=…&signature=…`. The token needs no
/// escaping.
#[must_use]
pub fn signed_query(key: &str, run_id: &str, token: &str) -> String {
    let digits = key.rsplit('-').next().unwrap_or(key);
    let key = code(digits.as_bytes(), &["stephttp: URLs of the output route"]);
    format!("token={token}&signature={}", hex::encode(code(&key, &[run_id, token])))
}

fn code(key: &[u8], texts: &[&str]) -> Vec<u8> {
    let mut code = Hmac::<Sha256>::new_from_slice(key).expect("any length is good");
    for text in texts {
        code.update(text.as_bytes());
    }
    code.finalize().into_bytes().to_vec()
}
