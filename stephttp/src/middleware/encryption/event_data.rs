//! Events: one field of their data is sealed.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{Encryption, EncryptionError};
use crate::wire::{SealedValue, each_member, text};

impl Encryption {
    /// Seals one field of an event's data: `encrypted`, unless [chosen
    /// otherwise](Self::event_field).
    ///
    /// The other fields stay readable, for the filters of those who wait for the event. A `null` in
    /// the field is sealed, too. So are fields that are marked as sealed themselves, whatever their
    /// names: [opening](Self::open_event_data) the data gives back what was sent, and not what
    /// somebody else has sealed. Other data stays as it is, and when only
    /// [decrypting](Self::decrypt_only) the field, too.
    ///
    /// ```json
    /// {"order": "o-1", "encrypted": {"__ENCRYPTED__":true,"__STRATEGY__":"inngest/libsodium","data":"…"}}
    /// ```
    ///
    /// # Errors
    /// When the data is neither an object nor `null`, or when the operating system gives no random
    /// bytes.
    pub fn seal_event_data<'a>(&self, data: &'a RawValue) -> Result<Cow<'a, RawValue>, EncryptionError> {
        if data.get() == "null" || (self.decrypt_only && !data.get().starts_with('{')) {
            return Ok(Cow::Borrowed(data));
        }
        map_members(data, |name, value| {
            let is_chosen = !self.decrypt_only && text(name).is_ok_and(|name| name == self.event_field);
            if is_chosen || SealedValue::is_marked(value) {
                self.seal_json(value.get()).map(Some)
            } else {
                Ok(None)
            }
        })
    }

    /// Opens every field of an event's data that is sealed; whatever their names, since another
    /// service may seal others.
    ///
    /// Data that is no object, and fields that are not marked as sealed, stay as they are.
    ///
    /// # Errors
    /// When no key opens a field, or when one is marked as sealed, but holds nothing that can be
    /// opened. The error [names](EncryptionError::field) the field.
    pub fn open_event_data<'a>(&self, data: &'a RawValue) -> Result<Cow<'a, RawValue>, EncryptionError> {
        if !data.get().starts_with('{') {
            return Ok(Cow::Borrowed(data));
        }
        map_members(data, |name, value| {
            self.open_if_sealed(value).map_err(|error| {
                error.in_field(text(name).map_or_else(|_| name.to_string(), Cow::into_owned))
            })
        })
    }
}

/// Replaces the members for which `map` gives another value; the others stay as they are written.
fn map_members<'a>(
    object: &'a RawValue,
    map: impl Fn(&RawValue, &RawValue) -> Result<Option<Box<RawValue>>, EncryptionError>,
) -> Result<Cow<'a, RawValue>, EncryptionError> {
    let mut members = Vec::new();
    each_member(object, |name, value| members.push((name, Cow::Borrowed(value))))
        .map_err(|_| EncryptionError::not_an_object())?;
    let mut is_changed = false;
    for (name, value) in &mut members {
        if let Some(mapped) = map(name, value)? {
            (*value, is_changed) = (Cow::Owned(mapped), true);
        }
    }
    if !is_changed {
        return Ok(Cow::Borrowed(object));
    }
    let members: Vec<_> = members.iter().map(|(name, value)| format!("{name}:{value}")).collect();
    let json = format!("{{{}}}", members.join(","));
    let object = RawValue::from_string(json).unwrap_or_else(|_| unreachable!("JSON in an object is JSON"));
    Ok(Cow::Owned(object))
}
