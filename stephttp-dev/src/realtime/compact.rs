//! JSON as Go writes what it was given: without spaces, and without what means something in HTML.

use std::fmt::Write as _;

/// A valid JSON text, on one line.
pub(super) fn compact(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let (mut in_string, mut escaped) = (false, false);
    for char in json.chars() {
        match char {
            ' ' | '\t' | '\n' | '\r' if !in_string => continue,
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                // Writing to a string does not fail.
                let _ = write!(out, "\\u{:04x}", u32::from(char));
            }
            _ => out.push(char),
        }
        if in_string {
            in_string = escaped || char != '"';
            escaped = !escaped && char == '\\';
        } else {
            in_string = char == '"';
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::compact;

    #[test]
    fn what_is_in_strings_stays() {
        assert_eq!(compact("{ \"a b\" : [ 1,\n 2 ] }"), r#"{"a b":[1,2]}"#);
        assert_eq!(compact(r#"[ "\" x \\" , " y " ]"#), r#"["\" x \\"," y "]"#);
        assert_eq!(compact(r#""<a> & b""#), r#""\u003ca\u003e \u0026 b""#);
    }
}
