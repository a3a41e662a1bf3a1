//! Numbers as the real server keeps them: in maps of Go, where every one is a float.

use serde_json::{Number, Value};

/// Takes every number of a value through a float; answers the paths of those that change, with what they were.
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

#[expect(clippy::cast_possible_truncation, reason = "the loss is the point")]
fn round(number: &Number) -> (Number, bool) {
    let Some(float) = number.as_f64() else { return (number.clone(), false) };
    let lossy = match (number.as_i64(), number.as_u64()) {
        (Some(whole), _) => i128::from(whole) != float as i128,
        (None, Some(whole)) => i128::from(whole) != float as i128,
        (None, None) => false,
    };
    // Go writes `1.0` as `1`.
    let whole = float as i128;
    let is_whole = float.fract() == 0.0;
    let rounded = match (i64::try_from(whole), u64::try_from(whole)) {
        (Ok(whole), _) if is_whole => Number::from(whole),
        (_, Ok(whole)) if is_whole => Number::from(whole),
        _ => Number::from_f64(float).unwrap_or_else(|| number.clone()),
    };
    (rounded, lossy)
}

#[cfg(test)]
mod tests {
    use super::*;

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
