//! What stands in the place of a secret: something of the same shape.

use serde_json::{Number, Value};

/// Makes every text, number and flag of a value one that says nothing.
pub(super) fn blot(value: &mut Value) {
    match value {
        Value::Null => {}
        Value::Bool(flag) => *flag = false,
        Value::Number(number) => *number = blot_number(number),
        Value::String(text) => *text = blot_text(text),
        Value::Array(items) => items.iter_mut().for_each(blot),
        Value::Object(members) => members.values_mut().for_each(blot),
    }
}

fn blot_number(number: &Number) -> Number {
    let ones = |c: char| if c.is_ascii_digit() { '1' } else { c };
    let text = number.to_string();
    // An exponent stays: it may be at its limit.
    let (digits, exponent) = text.find('e').map_or((text.as_str(), ""), |place| text.split_at(place));
    let blotted = digits.chars().map(ones).collect::<String>() + exponent;
    blotted.parse().unwrap_or_else(|_| Number::from(1))
}

/// Letters become `a` and digits `1`. What separates them stays, and so do the letters of a time.
pub(super) fn blot_text(text: &str) -> String {
    let is_time = looks_like_a_time(text);
    let blotted = |c: char| match c {
        'T' | 'Z' if is_time => c,
        _ if c.is_numeric() => '1',
        _ if c.is_uppercase() => 'A',
        _ if c.is_alphabetic() => 'a',
        _ => c,
    };
    text.chars().map(blotted).collect()
}

/// Whether a text begins like `2026-11-29T`.
fn looks_like_a_time(text: &str) -> bool {
    let shape = b"0000-00-00T";
    text.len() > shape.len()
        && text.bytes().zip(shape).all(|(byte, like)| match like {
            b'0' => byte.is_ascii_digit(),
            _ => byte == *like,
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_blotted_keeps_its_shape() {
        let mut value = json!({
            "id": "3fA9-00", "at": "2026-11-29T17:00:00.5Z", "mail": "ada@example.com", "cents": 990, "rate": -1.25,
            "paid": true, "none": null, "items": [1, "x"]
        });
        blot(&mut value);
        let blotted = json!({
            "id": "1aA1-11", "at": "1111-11-11T11:11:11.1Z", "mail": "aaa@aaaaaaa.aaa", "cents": 111, "rate": -1.11,
            "paid": false, "none": null, "items": [1, "a"]
        });
        assert_eq!(value, blotted);
    }

    #[test]
    fn the_largest_numbers_stay_numbers_of_their_kind() {
        for number in [json!(u64::MAX), json!(i64::MIN), json!(255), json!(2.5e300)] {
            let mut blotted = number.clone();
            blot(&mut blotted);
            assert_ne!(blotted, number);
            assert_eq!((blotted.is_u64(), blotted.is_i64()), (number.is_u64(), number.is_i64()));
        }
    }
}
