//! Keys: what is made of a key's text.

use blake2::{Blake2b256, Digest};
use zeroize::Zeroizing;

/// Why a text is no encryption key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncryptionKeyError {
    /// There is nothing in it but white space: an environment variable that is set to nothing, say.
    #[error(
        "an encryption key must not be empty: give 32 random bytes as text, from `openssl rand -base64 32`, say"
    )]
    Empty,
}

/// The keys of one [`Encryption`](super::Encryption).
#[derive(Clone)]
pub(super) struct Keys {
    sealing: Key,
    fallback: Vec<Key>,
}

impl Keys {
    pub(super) fn new(sealing: Key) -> Self {
        Self { sealing, fallback: Vec::new() }
    }

    pub(super) fn push(&mut self, fallback: Key) {
        self.fallback.push(fallback);
    }

    pub(super) fn sealing(&self) -> &Key {
        &self.sealing
    }

    /// Those that open, in the order in which they are tried.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.sealing).chain(&self.fallback)
    }

    pub(super) fn len(&self) -> usize {
        1 + self.fallback.len()
    }
}

/// A key. It cannot be shown, and its memory is cleared when it is dropped.
#[derive(Clone)]
pub(super) struct Key {
    /// On the heap: a move would leave a copy behind.
    secretbox: Box<Zeroizing<[u8; 32]>>,
    /// Version 0 used the text itself.
    #[cfg(feature = "encryption-legacy")]
    text: Zeroizing<Box<str>>,
}

impl Key {
    pub(super) fn new(text: &str) -> Result<Self, EncryptionKeyError> {
        let text = text.trim_matches(is_white_space_in_js);
        if text.is_empty() {
            return Err(EncryptionKeyError::Empty);
        }
        let mut secretbox = Box::new(Zeroizing::new([0; 32]));
        let mut hash = Blake2b256::new();
        hash.update(text);
        hash.finalize_into((&mut **secretbox).into());
        Ok(Self {
            secretbox,
            #[cfg(feature = "encryption-legacy")]
            text: Zeroizing::new(text.into()),
        })
    }

    /// The key of a `crypto_secretbox`.
    pub(super) fn secretbox(&self) -> &[u8; 32] {
        &self.secretbox
    }

    #[cfg(feature = "encryption-legacy")]
    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

/// What `String.prototype.trim` takes away: the byte order mark too, but not U+0085.
fn is_white_space_in_js(c: char) -> bool {
    c == '\u{feff}' || (c.is_whitespace() && c != '\u{85}')
}
