//! Values that come back as they were, although the server keeps every number as a 64-bit float.
//!
//! What the server stores of a step passes through Go's `any`: `9007199254740993` comes back as
//! `9007199254740992`, `1.0` as `1`, and `1e400` makes the run's state unreadable. Texts come back
//! whole. So a value that would not come back is stored as the text of its JSON, in an object of
//! one member:
//!
//! ```json
//! {"stephttp:json":"{\"order\":1234567890123456789,\"total\":12.5}"}
//! ```
//!
//! Every other value is stored as it is: `{"order":17,"total":12.5}`. To find that out takes one
//! look at its JSON.
//!
//! | Written | Comes back | Stored |
//! |---|---|---|
//! | `9007199254740991` | the same | as it is |
//! | `9007199254740993` | `9007199254740992` | as text |
//! | `0.1`, `-0`, `5e-324` | the same | as it is |
//! | `1.0` of an `f64` | `1`, which is read as `1.0` | as it is |
//! | `1.0` of a `serde_json::Value` or a `RawValue` | `1`, which is another value | as text |
//! | `1e400` of a `RawValue` | nothing | as text |
//! | `"\ud800"` of a `RawValue` | `"\ufffd"` | as text |
//! | a `RawValue` of over 127 levels | nothing that is read again | as text |
//! | `{"stephttp:json": …}` | the same, and would be taken for this form | as text |
//!
//! The form is around the whole value, and is taken off once. So what is inside is the user's own,
//! whatever it looks like. Objects come back with their keys sorted, and without white space; this
//! form does not care for that.

mod numbers;

use std::borrow::Cow;

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

pub(crate) use numbers::{first_rounded, is_too_deep};

/// The name of the form's only member.
const NAME: &str = "stephttp:json";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form<'a> {
    #[serde(rename = "stephttp:json", borrow)]
    json: Cow<'a, str>,
}

/// What is stored of a value, so that it comes back as it was.
pub(crate) fn stored(json: Box<RawValue>) -> Box<RawValue> {
    if is_mistakable(json.get()) || numbers::change(json.get()) { as_text(&json) } else { json }
}

/// What is stored of a value that is read as a `T`, to whom `1` and `1.0` may be the same.
pub(crate) fn stored_as<T: Serialize + DeserializeOwned>(json: Box<RawValue>) -> Box<RawValue> {
    let text = json.get();
    if is_mistakable(text) || (numbers::change(text) && !is_read_back::<T>(text)) {
        as_text(&json)
    } else {
        json
    }
}

/// A value that stays in this process, as if it had been stored: [`original`] gives it back.
pub(crate) fn escaped(json: Box<RawValue>) -> Box<RawValue> {
    if is_mistakable(json.get()) { as_text(&json) } else { json }
}

/// The value that was stored as text; `None` for one that is stored as it is.
pub(crate) fn original(stored: &RawValue) -> Option<Box<RawValue>> {
    if !stored.get().starts_with('{') || !is_in(stored.get()) {
        return None;
    }
    let Form { json } = serde_json::from_str(stored.get()).ok()?;
    // What is no JSON is no text of this form.
    RawValue::from_string(json.into_owned()).ok()
}

/// Whether a value that was stored as text may be in a JSON text.
pub(crate) fn is_in(json: &str) -> bool {
    // No encoder escapes the name.
    json.contains(NAME)
}

/// Reads a member that may have been stored as text.
pub(super) fn deserialize<'de, T: DeserializeOwned, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let stored = Box::<RawValue>::deserialize(deserializer)?;
    let json = original(&stored).unwrap_or(stored);
    serde_json::from_str(json.get()).map_err(D::Error::custom)
}

/// What else to say of a stored value that cannot be read, if the server may have rounded a number
/// in it.
pub(crate) fn if_rounded(json: &str, note: &'static str) -> &'static str {
    if numbers::may_be_rounded(json) { note } else { "" }
}

fn as_text(json: &RawValue) -> Box<RawValue> {
    // Writing a text as JSON cannot fail.
    serde_json::value::to_raw_value(&Form { json: Cow::Borrowed(json.get()) }).unwrap_or_default()
}

/// Whether a value may be taken for one that was stored as text. Members that come twice come back
/// once, so it is the first that counts.
fn is_mistakable(json: &str) -> bool {
    let Some(members) = json.trim_ascii_start().strip_prefix('{') else { return false };
    let members = members.trim_ascii_start();
    let Some(name) = members.strip_prefix('"') else { return false };
    match name.bytes().position(|byte| matches!(byte, b'"' | b'\\')) {
        Some(end) if name[end..].starts_with('\\') => {
            let name = String::deserialize(&mut serde_json::Deserializer::from_str(members));
            name.is_ok_and(|name| name == NAME)
        }
        Some(end) => name[..end] == *NAME,
        None => false,
    }
}

/// Whether a `T` is the same when its numbers have passed through floats: it is written as before.
fn is_read_back<T: Serialize + DeserializeOwned>(json: &str) -> bool {
    let Some(floats) = numbers::through_floats(json) else { return false };
    let Ok(value) = serde_json::from_str::<T>(&floats) else { return false };
    // Members of a hash map come in another order.
    serde_json::to_string(&value).is_ok_and(|again| again == json || numbers::are_same(&again, json))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};
    use std::fmt::Debug;
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).unwrap()
    }

    /// How a value is stored.
    fn form<T: Serialize + DeserializeOwned>(value: &T) -> String {
        stored_as::<T>(serde_json::value::to_raw_value(value).unwrap()).get().to_owned()
    }

    /// The server, and reading.
    fn returned<T: DeserializeOwned>(stored: &str) -> T {
        let returned = numbers::tests::returned(stored);
        let returned = raw(&returned);
        let json = original(&returned).unwrap_or(returned);
        serde_json::from_str(json.get()).unwrap()
    }

    #[track_caller]
    fn as_it_is<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
        assert_eq!(form(value), serde_json::to_string(value).unwrap());
        assert_eq!(returned::<T>(&form(value)), *value);
    }

    #[track_caller]
    fn as_a_text<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
        let text = serde_json::to_string(value).unwrap();
        assert_eq!(form(value), json!({ "stephttp:json": text }).to_string());
        assert_eq!(returned::<T>(&form(value)), *value);
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Order {
        id: u64,
        total: f64,
        note: Option<String>,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Amount {
        Pieces(i64),
        Kilograms(f64),
    }

    #[test]
    fn what_comes_back_by_itself_is_stored_as_it_is() {
        as_it_is(&());
        as_it_is(&true);
        as_it_is(&0_u64);
        as_it_is(&((1_u64 << 53) - 1));
        as_it_is(&-(1_i64 << 53));
        as_it_is(&"9007199254740993 1.0 \\\" 1e400 \u{0}\u{10ffff}".to_owned());
        as_it_is(&[0.1, 1.0, -0.0, 1e16, 1e21, 1e300, 5e-324, 1e-6, 1.5e-7, 0.1 + 0.2, f64::MAX, 123_456.0]);
        as_it_is(&[0.1_f32, 1.0, f32::MAX, f32::MIN_POSITIVE]);
        as_it_is(&Order { id: 17, total: 10.0, note: Some("10.0".to_owned()) });
        as_it_is(&HashMap::from(["a", "b", "c", "d", "e", "f"].map(|key| (key.to_owned(), 2.0))));
        as_it_is(&BTreeMap::from([(u64::MAX, 1), (1 << 60, 2)]));
        as_it_is(&Duration::from_millis(1_500));
        as_it_is(&json!({"a": [1, -2, 0.5, null, {"1.0": "1.0"}], "big": 1e300, "b": "x"}));
        as_it_is(&[Amount::Pieces(1), Amount::Kilograms(0.5)]);
        as_it_is(&json!({"a": 1, "stephttp:json": "1"}));
        as_it_is(&json!([{"stephttp:json": "1"}, "stephttp:json"]));
    }

    #[test]
    fn what_a_float_would_change_is_stored_as_text() {
        as_a_text(&((1_u64 << 53) + 1));
        as_a_text(&u64::MAX);
        as_a_text(&i64::MIN);
        as_a_text(&u128::MAX);
        as_a_text(&i128::MIN);
        as_a_text(&Duration::MAX);
        as_a_text(&Order { id: 1_234_567_890_123_456_789, total: 1.0, note: None });
        as_a_text(&vec![Some(Order { id: u64::MAX, total: 0.5, note: Some("\"\\é".to_owned()) }), None]);
        as_a_text(&json!(1.0));
        as_a_text(&json!({"b": [{"x": -0.0}], "a": 2.0}));
        as_a_text(&json!(1e16));
        as_a_text(&json!({"n": u64::MAX}));
        as_a_text(&[Amount::Kilograms(1.0), Amount::Pieces(1)]);
    }

    #[test]
    fn what_looks_like_the_form_comes_back_as_it_was() {
        as_a_text(&json!({"stephttp:json": "1"}));
        as_a_text(&json!({"stephttp:json": 1}));
        as_a_text(&json!({"stephttp:json": "{\"stephttp:json\":\"1\"}"}));
        as_a_text(&json!({"stephttp:json": "no JSON"}));
        as_a_text(&json!({"stephttp:json": "1", "z": 1}));
        as_a_text(&BTreeMap::from([("stephttp:json".to_owned(), "1.0".to_owned())]));
        for json in [
            r#"{"stephttp\u003ajson":"1"}"#,
            r#"{ "stephttp:json" : "1" }"#,
            r#"{"stephttp:json":"1","stephttp:json":"2"}"#,
        ] {
            let stored = stored_as::<Box<RawValue>>(raw(json));
            assert_eq!(returned::<Box<RawValue>>(stored.get()).get(), json);
            assert_eq!(escaped(raw(json)).get(), stored.get());
        }
    }

    #[test]
    fn raw_values_keep_their_numbers_letter_by_letter() {
        for json in [
            "1e400",
            "-1E-400",
            "1.50",
            "1E5",
            "0.10",
            "-0.0",
            "1.0000000000000000000001",
            "12345678901234567890123",
            r#"["\ud800"]"#,
            r#"{"a":"\udc00\ud800"}"#,
            r#"["\ud83d\ude00", 1.0]"#,
        ] {
            let text = stored_as::<Box<RawValue>>(raw(json));
            assert!(text.get().starts_with(r#"{"stephttp:json":"#), "{text}");
            assert_eq!(returned::<Box<RawValue>>(text.get()).get(), json);
            assert_eq!(stored(raw(json)).get(), text.get());
        }
        let deep = format!("{}0{}", "[".repeat(100_000), "]".repeat(100_000));
        let text = stored_as::<Box<RawValue>>(raw(&deep));
        assert!(text.get().starts_with(r#"{"stephttp:json":"#));
        assert_eq!(returned::<Box<RawValue>>(text.get()).get(), deep);
        for json in ["-0", "100000", "1e+21", "1e-7", r#"["\ud83d\ude00","\\ud800"]"#, r#"{"b":0.5,"a":1}"#] {
            assert_eq!(stored_as::<Box<RawValue>>(raw(json)).get(), json);
            assert_eq!(stored(raw(json)).get(), json);
        }
    }

    #[test]
    fn only_an_object_of_one_text_that_is_json_is_the_form() {
        assert_eq!(original(&raw(r#"{"stephttp:json":"[1.0]"}"#)).unwrap().get(), "[1.0]");
        assert_eq!(original(&raw(r#"{ "stephttp:json" : "\"a\"" }"#)).unwrap().get(), "\"a\"");
        for json in [
            "1",
            "null",
            r#""stephttp:json""#,
            r#"["\"stephttp:json\""]"#,
            r#"{"stephttp:json":1}"#,
            r#"{"stephttp:json":"no JSON"}"#,
            r#"{"stephttp:json":"1","a":1}"#,
            r#"{"a":{"stephttp:json":"1"}}"#,
        ] {
            assert!(original(&raw(json)).is_none(), "{json}");
        }
    }

    #[test]
    fn a_value_that_comes_back_by_itself_is_not_copied() {
        let value =
            json!({"id": 9_007_199_254_740_991_u64, "text": "1.0", "fractions": [0.1, 0.30000000000000004]});
        let json = serde_json::value::to_raw_value(&value).unwrap();
        let place = json.get().as_ptr();
        let json = stored_as::<Value>(json);
        assert_eq!(json.get().as_ptr(), place);
        assert_eq!(stored(escaped(json)).get().as_ptr(), place);
    }

    #[test]
    fn a_rounded_number_is_told_as_a_possible_cause() {
        for json in ["18446744073709552000", r#"{"data":[-9223372036854776000]}"#, "3.4028236692093846e+38"] {
            assert_eq!(if_rounded(json, "rounded"), "rounded", "{json}");
        }
        for json in [
            "1",
            "1.5",
            "9007199254740991",
            r#""18446744073709552000""#,
            r#"{"stephttp:json":"18446744073709551615"}"#,
        ] {
            assert_eq!(if_rounded(json, "rounded"), "", "{json}");
        }
    }
}
