//! A value as CEL writes it.

use serde::Serialize;
use serde_json::Value;

use crate::untrusted::shown;
use crate::wire::limits::EVENT_INTEGER;

/// A text, a number, a boolean or null as CEL writes it; the error is in words for the developer.
///
/// Nothing is escaped: the server (commit 253303c, `liftLiterals`) takes the characters between the
/// quotes as they stand and compares `"a\"b"` with the backslash in it, so that it would never
/// match. What no pair of quotes can hold as it stands is refused.
pub(in crate::step) fn literal(value: impl Serialize) -> Result<String, String> {
    let value = serde_json::to_value(value).map_err(|error| {
        format!("the value to match cannot be written as JSON: {}", shown(&error.to_string()))
    })?;
    match value {
        Value::Null => Ok("null".to_owned()),
        Value::Bool(value) => Ok(value.to_string()),
        Value::Number(number) => {
            let integer = number.as_i64().map(i64::unsigned_abs).or_else(|| number.as_u64());
            if integer.is_some_and(|integer| integer > EVENT_INTEGER) {
                return Err(format!(
                    "the value to match, {number}, is beyond ±{EVENT_INTEGER}: Inngest keeps numbers as 64-bit floats and \
                     would round it. Send and match it as a string"
                ));
            }
            Ok(number.to_string())
        }
        Value::String(text) => quoted(&text),
        Value::Array(_) | Value::Object(_) => {
            Err("the value to match must be a text, a number, a boolean or null; for others, use `filter`"
                .to_owned())
        }
    }
}

fn quoted(text: &str) -> Result<String, String> {
    if let Some(bad) = text.chars().find(|c| *c == '\\' || c.is_control()) {
        return Err(format!(
            "the text to match has the character {bad:?}, which Inngest would have to unescape and does not: match \
             something else, such as an id"
        ));
    }
    match (text.contains('"'), text.contains('\'')) {
        (false, _) => Ok(format!("\"{text}\"")),
        (true, false) => Ok(format!("'{text}'")),
        (true, true) => Err(
            "the text to match has both kinds of quotes, of which Inngest would have to unescape one and does not: match \
             something else, such as an id"
                .to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::step::cel;

    #[test]
    fn values_are_written_as_they_are_compared() {
        let cases = [
            (Value::from("o-7"), r#""o-7""#),
            (Value::from("it's"), r#""it's""#),
            (Value::from(r#"say "hi""#), r#"'say "hi"'"#),
            (Value::from("größe 🚀"), "\"größe 🚀\""),
            (Value::from("a // b; c"), "\"a // b; c\""),
            (Value::from(-42), "-42"),
            (Value::from(1.5), "1.5"),
            (Value::from(1e300), "1e+300"),
            (Value::from(1e-7), "1e-7"),
            (Value::from(true), "true"),
            (Value::Null, "null"),
        ];
        for (value, expected) in cases {
            let written = literal(&value).unwrap();
            assert_eq!(written, expected);
            cel::check(&format!("async.data.x == {written}")).unwrap();
        }
        assert_eq!(literal("").unwrap(), "\"\"");
        assert_eq!(literal(None::<u8>).unwrap(), "null");
    }

    #[test]
    fn no_text_breaks_out_of_its_quotes() {
        for text in ["a\\", "a\\\"b", "line\nbreak", "nul\0", "\u{7f}", "both \" and '"] {
            assert!(literal(text).is_err(), "{text:?}");
        }
        for text in ["\" || true || \"", "' || true || '"] {
            let expression = format!("async.data.x == {}", literal(text).unwrap());
            // Three tokens after the path: nothing of the text is code.
            assert!(!expression.contains(&format!("\"{text}\"")) || !text.contains('"'), "{expression}");
            cel::check(&expression).unwrap();
        }
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        assert!(literal([1]).unwrap_err().contains("use `filter`"));
        assert!(literal(u64::MAX).unwrap_err().contains("as a string"));
        assert!(literal(9_007_199_254_740_991_u64).is_ok());
    }
}
