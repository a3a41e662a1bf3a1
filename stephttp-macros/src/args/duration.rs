//! Durations in words: `"30s"`, `"2h 30m"`.

use std::time::Duration;

/// Each unit once, the largest first.
const UNITS: &[(&str, u64)] = &[("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Whole numbers with their units. `Err` says what is wrong.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err("the duration is empty".to_owned());
    }
    let mut millis: u64 = 0;
    let mut last = u64::MAX;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, after) = rest.split_at(digits);
        let after = after.trim_start();
        let letters = after.len() - after.trim_start_matches(|c: char| c.is_alphabetic()).len();
        let (unit, after) = after.split_at(letters);
        rest = after.trim_start();

        if number.is_empty() {
            let found = if unit.is_empty() { rest } else { unit };
            return Err(format!("expected a whole number before {found:?}"));
        }
        if unit.is_empty() {
            return Err(format!("{number} has no unit"));
        }
        let Some((_, size)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(format!("{unit:?} is no unit"));
        };
        if *size >= last {
            return Err(format!("{number}{unit} stands after a smaller unit, or after the same"));
        }
        last = *size;
        let part = number.parse::<u64>().ok().and_then(|number| number.checked_mul(*size));
        millis = part
            .and_then(|part| millis.checked_add(part))
            .ok_or_else(|| format!("{number}{unit} is too long"))?;
    }
    Ok(Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        for (text, millis) in [
            ("30s", 30_000),
            ("2h 30m", 9_000_000),
            ("2h30m", 9_000_000),
            ("1d 1ms", 86_400_001),
            ("500 ms", 500),
            (" 0s ", 0),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn mistakes() {
        for (text, reason) in [
            ("", "the duration is empty"),
            ("30", "30 has no unit"),
            ("s", "expected a whole number before \"s\""),
            ("-1s", "expected a whole number before \"-1s\""),
            ("1.5h", "1 has no unit"),
            ("30 seconds", "\"seconds\" is no unit"),
            ("30m 2h", "2h stands after a smaller unit, or after the same"),
            ("1s 1s", "1s stands after a smaller unit, or after the same"),
            ("99999999999999999999s", "99999999999999999999s is too long"),
            ("300000000000d", "300000000000d is too long"),
        ] {
            assert_eq!(parse(text), Err(reason.to_owned()), "{text}");
        }
    }
}
