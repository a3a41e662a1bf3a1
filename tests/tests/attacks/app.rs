//! The app that is attacked.

use std::time::SystemTime;

use inngest::signature::SigningKey;
use stephttp_tests::{World, WorldBuilder};

/// The app's key.
pub(crate) const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
/// The key that it has besides.
pub(crate) const FALLBACK: &str = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";
/// A run that nobody has begun.
pub(crate) const RUN_ID: &str = "01M817NZCZ3BTTPY1FEX7T2M4B";

/// An app outside of dev mode, with two keys.
pub(crate) fn signed() -> WorldBuilder {
    World::builder()
        .inngest(|inngest| inngest.signing_key(KEY))
        .opts(|opts, url| opts.dev(false).signing_key(KEY).signing_key_fallback(FALLBACK).base_url(url))
}

/// A signature of the form that Inngest's have, made just now with a stranger's key.
pub(crate) fn forged() -> String {
    SigningKey::parse("00ff").expect("a key").sign(b"", SystemTime::now())
}
