//! Reading JSON that is nested more deeply than `serde_json` reads by itself: 127 levels, and what
//! is stored around a value counts.

use serde::Deserialize;
use serde::de::Error as _;
use serde_json::{Deserializer, Error};

/// How many levels are read: those of any value that an app can read, and what is around it. The
/// real server reads 10,000; here the stack of a thread sets the limit.
const LEVELS: usize = 256;

/// Reads JSON.
///
/// # Errors
/// As `serde_json::from_slice`, and beyond 256 levels.
pub(crate) fn read<'a, T: Deserialize<'a>>(json: &'a (impl AsRef<[u8]> + ?Sized)) -> Result<T, Error> {
    let json = json.as_ref();
    if levels(json) > LEVELS {
        return Err(Error::custom(format!("it is nested more than {LEVELS} levels deep")));
    }
    let mut deserializer = Deserializer::from_slice(json);
    deserializer.disable_recursion_limit();
    let value = T::deserialize(&mut deserializer)?;
    deserializer.end().map(|()| value)
}

/// How deep some JSON is nested.
fn levels(json: &[u8]) -> usize {
    let (mut open, mut deepest) = (0_usize, 0);
    let (mut in_text, mut escaped) = (false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_text,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                open += 1;
                deepest = deepest.max(open);
            }
            b'}' | b']' if !in_text => open = open.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn many_levels_are_read_and_not_all() {
        let nested =
            |levels: usize| format!("{}1{}", r#"{"a":["#.repeat(levels / 2), "]}".repeat(levels / 2));
        let value: Value = read(&nested(LEVELS)).unwrap();
        assert_eq!(value.clone().to_string(), nested(LEVELS));
        assert!(read::<Value>(&nested(LEVELS + 2)).unwrap_err().to_string().contains("256 levels"));
        assert!(read::<Value>("1 2").is_err());
    }

    #[test]
    fn what_is_in_texts_is_no_level() {
        assert_eq!(levels(br#"{"[\"[":"[[[","b":[1,{}]}"#), 3);
        assert_eq!(levels(b"1"), 0);
        assert_eq!(levels(b"[],[]]]["), 1);
    }
}
