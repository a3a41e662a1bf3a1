//! Sealed values, as Inngest's encryption middlewares write them.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

const MARKER: &str = "__ENCRYPTED__";
/// How an escape of any of the marker's characters begins.
const ESCAPE: &str = "\\u00";

/// A value that Inngest cannot read.
///
/// ```json
/// {"__ENCRYPTED__":true,"__STRATEGY__":"inngest/libsodium","data":"<base64>"}
/// ```
///
/// Version 0 of the JS package wrote no `__STRATEGY__`.
pub(crate) struct SealedValue<'a> {
    /// How it was sealed; `None` in version 0.
    pub(crate) strategy: Option<Cow<'a, str>>,
    pub(crate) data: Cow<'a, str>,
}

impl<'a> SealedValue<'a> {
    /// How values are sealed now: `data` is a nonce and a `crypto_secretbox` of libsodium.
    pub(crate) const LIBSODIUM: &'static str = "inngest/libsodium";
    /// The name of version 0's strategy, where it is written.
    pub(crate) const AES: &'static str = "inngest/aes";

    /// What stands before and after the base64 in a value sealed by [`LIBSODIUM`](Self::LIBSODIUM).
    pub(crate) const AROUND_DATA: (&'static str, &'static str) =
        (r#"{"__ENCRYPTED__":true,"__STRATEGY__":"inngest/libsodium","data":""#, r#""}"#);

    /// Reads a value that is marked as sealed; `None` for all others.
    ///
    /// Marked is an object with `"__ENCRYPTED__": true`, a text as `data`, and a text or nothing as
    /// `__STRATEGY__`, however these names are escaped: Inngest decodes a value, and writes it
    /// anew. To find that a value is not marked costs two searches; for one that has the marker's
    /// name somewhere, or escapes by number, a scan.
    ///
    /// # Errors
    /// When a text of a marked value is no Unicode.
    pub(crate) fn find(value: &'a RawValue) -> Result<Option<Self>, serde_json::Error> {
        let json = value.get();
        if !json.starts_with('{') || !(json.contains(MARKER) || json.contains(ESCAPE)) {
            return Ok(None);
        }
        let (mut encrypted, mut strategy, mut data) = (None, None, None);
        // Of members that come twice, the last counts, as in JS and in Go. A name that is no
        // Unicode is none of these.
        each_member(value, |name, value| match text(name).as_deref() {
            Ok(MARKER) => encrypted = Some(value),
            Ok("__STRATEGY__") => strategy = Some(value),
            Ok("data") => data = Some(value),
            _ => {}
        })?;
        let is_encrypted = encrypted.is_some_and(|value| value.get() == "true");
        match data {
            Some(data) if is_encrypted && is_text(data) && strategy.is_none_or(is_text) => {
                let strategy = strategy.map(text).transpose()?;
                Ok(Some(Self { strategy, data: text(data)? }))
            }
            _ => Ok(None),
        }
    }

    /// Whether it would be tried to open a value.
    pub(crate) fn is_marked(value: &'a RawValue) -> bool {
        !matches!(Self::find(value), Ok(None))
    }

    /// Whether what is no JSON begins as a sealed value does: its end got lost.
    pub(crate) fn is_begun_in(text: &str) -> bool {
        text.trim_start().starts_with(r#"{"__ENCRYPTED__":true,"#)
    }
}

fn is_text(value: &RawValue) -> bool {
    value.get().starts_with('"')
}

/// The text of a JSON string; borrowed if nothing in it is escaped.
///
/// # Errors
/// When it is none, or not Unicode: JSON can escape half a surrogate pair.
pub(crate) fn text(value: &RawValue) -> Result<Cow<'_, str>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

    serde_json::from_str(value.get()).map(|Text(text)| text)
}

/// Calls with each member of an object: its name as it is written, quotes and escapes included, and
/// its value.
///
/// # Errors
/// When `object` is none.
pub(crate) fn each_member<'a>(
    object: &'a RawValue,
    visit: impl FnMut(&'a RawValue, &'a RawValue),
) -> Result<(), serde_json::Error> {
    struct Members<F>(F);

    impl<'de, F: FnMut(&'de RawValue, &'de RawValue)> Visitor<'de> for Members<F> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
            // Raw names are never decoded, so none of them is an error.
            while let Some((name, value)) = map.next_entry()? {
                (self.0)(name, value);
            }
            Ok(())
        }
    }

    serde_json::Deserializer::from_str(object.get()).deserialize_map(Members(visit))
}
