//! Reading what version 0 of the JS package has sealed: AES with a passphrase, as `crypto-js` and
//! `openssl enc` do it.

use aes::Aes256;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockDecryptMut, KeyIvInit};
use md5::{Digest, Md5};
use zeroize::Zeroizing;

use super::error::EncryptionError;
use super::key::Keys;

const MAGIC: &[u8] = b"Salted__";
const KEY: usize = 32;
const NONCE: usize = 16;

/// Opens the bytes of a value's `data`.
///
/// Nothing in them says whether a key is the right one; what a wrong one gives is no JSON.
pub(super) fn open(keys: &Keys, sealed: &[u8]) -> Result<String, EncryptionError> {
    let salted = sealed.strip_prefix(MAGIC).and_then(|rest| rest.split_first_chunk::<8>());
    let Some((salt, message)) = salted else {
        return Err(EncryptionError::malformed("its data does not begin with a salt, as version 0 wrote it"));
    };
    keys.iter()
        .find_map(|key| {
            let derived = derive(key.text(), salt);
            let (key, nonce) = derived.split_at(KEY);
            let cipher = cbc::Decryptor::<Aes256>::new_from_slices(key, nonce).ok()?;
            let json = String::from_utf8(cipher.decrypt_padded_vec_mut::<Pkcs7>(message).ok()?).ok()?;
            serde_json::from_str::<serde::de::IgnoredAny>(&json).is_ok().then_some(json)
        })
        .ok_or_else(|| EncryptionError::no_key_opens_it(keys.len()))
}

/// OpenSSL's `EVP_BytesToKey` with MD5 and one iteration: a key and a nonce of a passphrase.
fn derive(passphrase: &str, salt: &[u8]) -> Zeroizing<[u8; KEY + NONCE]> {
    let mut derived = Zeroizing::new([0; KEY + NONCE]);
    let mut last: &[u8] = &[];
    for part in derived.chunks_exact_mut(NONCE) {
        let mut hash = Md5::new();
        hash.update(last);
        hash.update(passphrase);
        hash.update(salt);
        part.copy_from_slice(&hash.finalize());
        last = part;
    }
    derived
}
