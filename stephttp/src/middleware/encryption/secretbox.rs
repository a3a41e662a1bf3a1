//! libsodium's `crypto_secretbox`: `XSalsa20` and `Poly1305`.

use crypto_secretbox::{AeadInPlace, KeyInit, Nonce, Tag, XSalsa20Poly1305};

use super::error::EncryptionError;
use super::key::{Key, Keys};

const NONCE: usize = XSalsa20Poly1305::NONCE_SIZE;
const TAG: usize = XSalsa20Poly1305::TAG_SIZE;

/// Seals a message: a nonce, a tag, and what is as long as the message.
pub(super) fn seal(key: &Key, message: &[u8]) -> Result<Vec<u8>, EncryptionError> {
    let mut nonce = Nonce::default();
    getrandom::fill(&mut nonce).map_err(EncryptionError::no_randomness)?;
    let mut sealed = Vec::with_capacity(NONCE + TAG + message.len());
    sealed.extend_from_slice(&nonce);
    sealed.resize(NONCE + TAG, 0);
    sealed.extend_from_slice(message);
    let (head, message) = sealed.split_at_mut(NONCE + TAG);
    let tag = cipher(key)
        .encrypt_in_place_detached(&nonce, b"", message)
        .unwrap_or_else(|_| unreachable!("a box without associated data takes every message"));
    head[NONCE..].copy_from_slice(&tag);
    Ok(sealed)
}

/// Opens what [`seal`] gives.
pub(super) fn open(keys: &Keys, mut sealed: Vec<u8>) -> Result<Vec<u8>, EncryptionError> {
    let Some((head, message)) = sealed.split_at_mut_checked(NONCE + TAG) else {
        return Err(EncryptionError::malformed("its data is too short to hold a nonce and a tag"));
    };
    let (nonce, tag) = head.split_at(NONCE);
    let (nonce, tag) = (Nonce::from_slice(nonce), Tag::from_slice(tag));
    // A key that does not fit leaves the message as it is.
    if !keys.iter().any(|key| cipher(key).decrypt_in_place_detached(nonce, b"", message, tag).is_ok()) {
        return Err(EncryptionError::no_key_opens_it(keys.len()));
    }
    sealed.drain(..NONCE + TAG);
    Ok(sealed)
}

fn cipher(key: &Key) -> XSalsa20Poly1305 {
    XSalsa20Poly1305::new(key.secretbox().into())
}
