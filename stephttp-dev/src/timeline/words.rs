//! Durations and values, as they are shown.

use std::io::{Error, Write};
use std::time::Duration;

use serde_json::Value;

use crate::inspect::{blot, without_keys};
use crate::text::cut;

/// How much of a value is kept for showing it, in bytes.
const SHOWN: usize = 600;

/// How many of some names are given.
const NAMES: usize = 12;

/// A duration in at most two units: `12 ms`, `1.5 s`, `3 d 4 h`.
pub(crate) fn duration(duration: Duration) -> String {
    let (millis, seconds) = (duration.as_millis(), duration.as_secs());
    let two = |large: u64, unit: &str, small: u64, smaller: &str| match small {
        0 => format!("{large} {unit}"),
        small => format!("{large} {unit} {small} {smaller}"),
    };
    match seconds {
        0 if millis == 0 && !duration.is_zero() => format!("{} µs", duration.as_micros()),
        0 => format!("{millis} ms"),
        1..60 if millis % 1000 < 10 => format!("{seconds} s"),
        1..60 => {
            let text = format!("{seconds}.{:02}", millis % 1000 / 10);
            format!("{} s", text.trim_end_matches('0'))
        }
        60..3_600 => two(seconds / 60, "min", seconds % 60, "s"),
        3_600..86_400 => two(seconds / 3_600, "h", seconds % 3_600 / 60, "min"),
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3_600, "h"),
    }
}

/// Takes so many bytes, and no more.
struct Beginning(Vec<u8>);

impl Write for Beginning {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        let room = SHOWN.saturating_sub(self.0.len());
        if room == 0 {
            return Err(Error::other("enough"));
        }
        let taken = bytes.len().min(room);
        self.0.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

/// The beginning of a value as JSON, without keys.
pub(crate) fn shown(value: &Value) -> String {
    let mut beginning = Beginning(Vec::new());
    let whole = serde_json::to_writer(&mut beginning, value).is_ok();
    let text = String::from_utf8_lossy(&beginning.0).into_owned();
    if text.contains("auth_key") {
        let mut value = value.clone();
        blot(&mut value);
        return cut(&value.to_string(), SHOWN);
    }
    if whole { text } else { format!("{}…", text.trim_end_matches('\u{fffd}')) }
}

/// The beginning of a body, without keys.
pub(crate) fn shown_body(body: &[u8]) -> String {
    if body.len() <= SHOWN || body.windows(8).any(|window| window == b"auth_key") {
        return cut(&without_keys(body), SHOWN);
    }
    format!("{}…", String::from_utf8_lossy(&body[..SHOWN]).trim_end_matches('\u{fffd}'))
}

/// Some names, and how many there are more.
pub(crate) fn names(names: &[String]) -> String {
    let mut list: Vec<String> = names.iter().take(NAMES).map(|name| format!("`{name}`")).collect();
    if names.len() > NAMES {
        list.push(format!("and {} more", names.len() - NAMES));
    }
    list.join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn durations_have_two_units_at_most() {
        for (millis, expected) in [
            (0, "0 ms"),
            (12, "12 ms"),
            (1_000, "1 s"),
            (1_500, "1.5 s"),
            (61_000, "1 min 1 s"),
            (3_600_000, "1 h"),
            (273_600_000, "3 d 4 h"),
        ] {
            assert_eq!(duration(Duration::from_millis(millis)), expected);
        }
        assert_eq!(duration(Duration::from_micros(40)), "40 µs");
    }

    #[test]
    fn what_is_long_is_cut_and_keys_are_blotted_out() {
        let long = shown(&json!({"text": "ä".repeat(4_000)}));
        assert!(long.len() < SHOWN + 4 && long.ends_with("ä…"), "{long}");
        assert_eq!(shown(&json!({"auth_key": "sk"})), r#"{"auth_key":"***"}"#);
        let body = json!([{"pad": "x".repeat(SHOWN), "auth_key": "sk-secret"}]).to_string();
        assert!(!shown_body(body.as_bytes()).contains("sk-secret"));
    }
}
