//! Numbers as the real server keeps them: in maps of Go, where every one is a float.

use serde_json::{Number, Value};

/// JSON as it comes back when the server has read it: every number has become a float, and is
/// written as Go writes one. Texts stay as they are, and so do the order of fields and the spaces,
/// which the real server does not keep.
///
/// # Errors
/// The number that is too large for a float, over which the server fails to read all of it.
pub(crate) fn as_read(json: &str) -> Result<String, String> {
    let mut read = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(place) = rest.find(|c: char| c == '"' || c == '-' || c.is_ascii_digit()) {
        read.push_str(&rest[..place]);
        rest = &rest[place..];
        let token = if rest.starts_with('"') { text(rest) } else { number(rest) };
        if rest.starts_with('"') {
            read.push_str(token);
        } else {
            let float = token.parse::<f64>().ok().filter(|float| float.is_finite());
            read.push_str(&go_float(float.ok_or_else(|| token.to_owned())?));
        }
        rest = &rest[token.len()..];
    }
    read.push_str(rest);
    Ok(read)
}

/// The integers of some JSON that do not come back as they are.
pub(crate) fn lossy_integers(json: &str) -> Vec<String> {
    let mut lossy = Vec::new();
    let mut rest = json;
    while let Some(place) = rest.find(|c: char| c == '"' || c == '-' || c.is_ascii_digit()) {
        rest = &rest[place..];
        let token = if rest.starts_with('"') { text(rest) } else { number(rest) };
        if token.parse::<f64>().is_ok_and(|float| float.is_finite() && !holds(float, token)) {
            lossy.push(token.to_owned());
        }
        rest = &rest[token.len()..];
    }
    lossy
}

/// Whether a float is written as the integer that a text says; of what is no integer nobody expects
/// that.
fn holds(float: f64, integer: &str) -> bool {
    let digits = integer.strip_prefix('-').unwrap_or(integer);
    !digits.bytes().all(|byte| byte.is_ascii_digit()) || go_float(float) == integer
}

/// The string at the beginning of some JSON, with its quotes.
fn text(json: &str) -> &str {
    let mut escaped = false;
    for (place, byte) in json.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return &json[..=place],
            _ => {}
        }
    }
    json
}

/// The number at the beginning of some JSON.
fn number(json: &str) -> &str {
    let end = json.find(|c: char| !(c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E')));
    &json[..end.unwrap_or(json.len())]
}

/// A float as Go's `encoding/json` writes it, which is as JavaScript does.
fn go_float(float: f64) -> String {
    let size = float.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{float:e}");
        return if text.contains("e-") { text } else { text.replace('e', "e+") };
    }
    float.to_string()
}

/// Takes every number of a value through a float; answers the paths of those that change, with what
/// they were.
pub(crate) fn through_floats(value: &mut Value, path: &str) -> Vec<String> {
    match value {
        Value::Number(number) => {
            let (rounded, lossy) = round(number);
            let note = lossy.then(|| format!("{path} = {number}"));
            *number = rounded;
            note.into_iter().collect()
        }
        Value::Array(items) => {
            let each = items.iter_mut().enumerate();
            each.flat_map(|(index, item)| through_floats(item, &format!("{path}[{index}]"))).collect()
        }
        Value::Object(fields) => {
            let each = fields.iter_mut();
            each.flat_map(|(key, field)| through_floats(field, &format!("{path}.{key}"))).collect()
        }
        Value::Null | Value::Bool(_) | Value::String(_) => Vec::new(),
    }
}

fn round(number: &Number) -> (Number, bool) {
    let Some(float) = number.as_f64() else { return (number.clone(), false) };
    let text = go_float(float);
    let lossy = (number.is_i64() || number.is_u64()) && text != number.to_string();
    (text.parse().unwrap_or_else(|_| number.clone()), lossy)
}

#[cfg(test)]
mod tests {
    use super::*;

    // docs/protocol.md 6.3
    #[test]
    fn numbers_come_back_as_floats_and_texts_as_they_were() {
        for (sent, read) in [
            ("9007199254740993", "9007199254740992"),
            ("18446744073709551615", "18446744073709552000"),
            // Exact as a float, but Go writes as few digits as tell it from its neighbours.
            ("-9223372036854775808", "-9223372036854776000"),
            ("1.0", "1"),
            ("1E5", "100000"),
            ("-0.0", "-0"),
            ("0.1", "0.1"),
            ("5e-324", "5e-324"),
            ("0.000001", "0.000001"),
            ("0.0000001", "1e-7"),
            ("1e21", "1e+21"),
            ("1e20", "100000000000000000000"),
            (r#""9007199254740993""#, r#""9007199254740993""#),
            (r#"{"a\"1.0":[1.0, "\\",2.0],"b":true}"#, r#"{"a\"1.0":[1, "\\",2],"b":true}"#),
        ] {
            assert_eq!(as_read(sent).as_deref(), Ok(read), "{sent}");
        }
        assert_eq!(as_read("[1,1e400]"), Err("1e400".to_owned()));
    }

    #[test]
    fn integers_that_change_are_named() {
        let json = r#"{"a":9007199254740993,"b":[9007199254740992,1.5,1e300],"c":"9007199254740993"}"#;
        assert_eq!(lossy_integers(json), ["9007199254740993"]);
        assert_eq!(
            lossy_integers("[18446744073709551615,-9223372036854775808]"),
            ["18446744073709551615", "-9223372036854775808"]
        );
    }

    #[test]
    fn integers_beyond_two_to_the_53_lose_precision_and_are_named() {
        let text = r#"{"a":9007199254740993,"b":[1,18446744073709551615],"c":1.0,"d":0.5,"e":-9007199254740993,"f":"x"}"#;
        let mut value: Value = serde_json::from_str(text).unwrap();
        let lossy = through_floats(&mut value, "data");
        assert_eq!(
            lossy,
            ["data.a = 9007199254740993", "data.b[1] = 18446744073709551615", "data.e = -9007199254740993",]
        );
        let expected = r#"{"a":9007199254740992,"b":[1,18446744073709551616.0],"c":1,"d":0.5,"e":-9007199254740992,"f":"x"}"#;
        assert_eq!(value, serde_json::from_str::<Value>(expected).unwrap());
    }
}
