//! The numbers of a JSON text, and what becomes of them as 64-bit floats in Go.

use std::fmt::{self, Write};

#[cfg(doc)]
use crate::wire::limits::EVENT_INTEGER;
use crate::wire::limits::JSON_LEVELS;

/// Decimals of so many digits are all different as floats (`DBL_DIG` in C).
const DIGITS: usize = 15;

/// The largest integer that is always kept, as it is written: [`EVENT_INTEGER`].
const LARGEST: &str = "9007199254740991";
const LARGEST_DIGITS: usize = LARGEST.len();

/// A number as it is written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Number<'a> {
    text: &'a str,
    /// Where it begins.
    from: usize,
    is_integer: bool,
    has_exponent: bool,
}

/// Whether a value comes back from the server with another text somewhere, but for white space and
/// the order of members.
pub(super) fn change(json: &str) -> bool {
    let mut numbers = Numbers::of(json);
    numbers.any(|number| !number.is_kept()) || numbers.lone_surrogate || numbers.is_too_deep()
}

/// The first number whose value others would find changed, if there is one: those who have no text
/// of it. Integers beyond ±(2^53 - 1) all count, since JavaScript cannot tell them apart.
pub(crate) fn first_rounded(json: &str) -> Option<&str> {
    let rounded = |number: &Number<'_>| {
        if number.is_integer { number.is_large() } else { !number.is_kept() && !number.keeps_its_value() }
    };
    Numbers::of(json).find(rounded).map(|number| number.text)
}

/// Whether a value has more levels than are read again.
pub(crate) fn is_too_deep(json: &str) -> bool {
    let mut numbers = Numbers::of(json);
    numbers.by_ref().for_each(drop);
    numbers.is_too_deep()
}

/// Whether a number looks as if the server had rounded it.
pub(super) fn may_be_rounded(json: &str) -> bool {
    Numbers::of(json).any(|number| if number.is_integer { number.is_large() } else { number.has_exponent })
}

/// The text as it would come back, if no integer is changed in it, and nothing but numbers.
pub(super) fn through_floats(json: &str) -> Option<String> {
    let mut floats = String::with_capacity(json.len());
    let mut copied = 0;
    let mut numbers = Numbers::of(json);
    for number in &mut numbers {
        if number.is_kept() {
            continue;
        }
        let float = number.float().filter(|_| !number.is_integer)?;
        floats.push_str(&json[copied..number.from]);
        write!(floats, "{}", AsGo(float)).ok()?;
        copied = number.from + number.text.len();
    }
    floats.push_str(&json[copied..]);
    (!numbers.lone_surrogate && !numbers.is_too_deep()).then_some(floats)
}

/// Whether two texts have the same numbers, in whichever order.
pub(super) fn are_same(one: &str, other: &str) -> bool {
    let sorted = |json| {
        let mut texts: Vec<&str> = Numbers::of(json).map(|number| number.text).collect();
        texts.sort_unstable();
        texts
    };
    one.len() == other.len() && sorted(one) == sorted(other)
}

impl Number<'_> {
    /// Whether it comes back as it is written.
    fn is_kept(&self) -> bool {
        let Self { text, is_integer, .. } = *self;
        if is_integer && !self.is_large() {
            return true;
        }
        if is_integer || self.has_exponent {
            return self.float().is_some_and(|float| is_written(text, &AsGo(float)));
        }
        let absolute = text.strip_prefix('-').unwrap_or(text);
        if absolute.ends_with('0') || absolute.starts_with("0.000000") {
            return false;
        }
        // The point is no digit.
        if absolute.len() <= DIGITS + 1 {
            return true;
        }
        let Some(float) = self.float() else { return false };
        // Most have been written by this function, which is faster than the other. Both write the
        // fewest digits.
        let mut buffer = [0; 32];
        let mut rest = &mut buffer[..];
        let is_same = serde_json::to_writer(&mut rest, &float).is_ok() && {
            let length = 32 - rest.len();
            &buffer[..length] == text.as_bytes()
        };
        is_same || is_written(text, &AsGo(float))
    }

    /// Whether the float is the same number, however it is written.
    fn keeps_its_value(&self) -> bool {
        let float = self.float().and_then(|float| Decimal::parse(&format!("{float:e}")));
        float.is_some_and(|float| Decimal::parse(self.text) == Some(float))
    }

    /// Whether it is beyond what a float counts one by one.
    fn is_large(&self) -> bool {
        let absolute = self.text.strip_prefix('-').unwrap_or(self.text);
        match absolute.len() {
            0..=DIGITS => false,
            // Of two integers of one length, the larger is the one whose text is.
            LARGEST_DIGITS => absolute > LARGEST,
            _ => true,
        }
    }

    /// `None` beyond all floats.
    fn float(&self) -> Option<f64> {
        self.text.parse().ok().filter(|float: &f64| float.is_finite())
    }
}

/// Finds numbers, which are outside of texts.
struct Numbers<'a> {
    json: &'a str,
    at: usize,
    /// Whether there is half a surrogate pair in a text: it comes back as U+FFFD.
    lone_surrogate: bool,
    /// Levels of arrays and objects that are open, and the most that were.
    levels: (usize, usize),
}

impl<'a> Numbers<'a> {
    fn of(json: &'a str) -> Self {
        Self { json, at: 0, lone_surrogate: false, levels: (0, 0) }
    }

    /// Whether what was passed has more levels than are read again.
    fn is_too_deep(&self) -> bool {
        self.levels.1 > JSON_LEVELS
    }

    /// To the end of a text, of which the first quote is passed.
    fn skip_text(&mut self) {
        let bytes = self.json.as_bytes();
        loop {
            let rest = &bytes[self.at..];
            let Some(end) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\')) else {
                self.at = bytes.len();
                return;
            };
            self.at += end + 1;
            if rest[end] == b'"' {
                return;
            }
            // Only a surrogate's escape needs more than its first character skipped: it may be one
            // of two.
            self.at += match (surrogate(&rest[end..]), surrogate(rest.get(end + 6..).unwrap_or_default())) {
                (Some(false), Some(true)) => 11,
                (None, _) => 1,
                _ => {
                    self.lone_surrogate = true;
                    5
                }
            };
            self.at = self.at.min(bytes.len());
        }
    }
}

/// Whether an escaped surrogate is the second of two; `None` for what is none.
fn surrogate(escape: &[u8]) -> Option<bool> {
    match escape {
        [b'\\', b'u', b'd' | b'D', b'8'..=b'9' | b'a'..=b'b' | b'A'..=b'B', ..] => Some(false),
        [b'\\', b'u', b'd' | b'D', b'c'..=b'f' | b'C'..=b'F', ..] => Some(true),
        _ => None,
    }
}

impl<'a> Iterator for Numbers<'a> {
    type Item = Number<'a>;

    fn next(&mut self) -> Option<Number<'a>> {
        let bytes = self.json.as_bytes();
        loop {
            let byte = *bytes.get(self.at)?;
            match byte {
                b'"' => {
                    self.at += 1;
                    self.skip_text();
                }
                b'-' | b'0'..=b'9' => {
                    let from = self.at;
                    let (mut is_integer, mut has_exponent) = (true, false);
                    self.at += 1;
                    while let Some(byte) = bytes.get(self.at) {
                        match byte {
                            b'0'..=b'9' => {}
                            b'.' => is_integer = false,
                            b'e' | b'E' | b'+' | b'-' => (is_integer, has_exponent) = (false, true),
                            _ => break,
                        }
                        self.at += 1;
                    }
                    let text = &self.json[from..self.at];
                    return Some(Number { text, from, is_integer, has_exponent });
                }
                b'{' | b'[' => {
                    self.at += 1;
                    self.levels.0 += 1;
                    self.levels.1 = self.levels.1.max(self.levels.0);
                }
                b'}' | b']' => {
                    self.at += 1;
                    self.levels.0 = self.levels.0.saturating_sub(1);
                }
                _ => self.at += 1,
            }
        }
    }
}

/// A float as Go's `encoding/json` writes it: the fewest digits, and an exponent only where others
/// would.
struct AsGo(f64);

impl fmt::Display for AsGo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let absolute = self.0.abs();
        if absolute == 0.0 || (1e-6..1e21).contains(&absolute) {
            write!(f, "{}", self.0)
        } else if absolute < 1.0 {
            write!(f, "{:e}", self.0)
        } else {
            write!(PlusSign(f), "{:e}", self.0)
        }
    }
}

/// Puts a `+` before an exponent.
struct PlusSign<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl Write for PlusSign<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        match text.split_once('e') {
            Some((before, after)) => write!(self.0, "{before}e+{after}"),
            None => self.0.write_str(text),
        }
    }
}

/// Whether something is written so.
fn is_written(text: &str, what: &impl fmt::Display) -> bool {
    struct Expected<'a>(&'a str);

    impl Write for Expected<'_> {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0 = self.0.strip_prefix(text).ok_or(fmt::Error)?;
            Ok(())
        }
    }

    let mut expected = Expected(text);
    write!(expected, "{what}").is_ok() && expected.0.is_empty()
}

/// A number by its digits: 0.`digits` · 10^`exponent`.
#[derive(PartialEq)]
struct Decimal {
    is_negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    fn parse(text: &str) -> Option<Self> {
        let is_negative = text.starts_with('-');
        let text = text.strip_prefix('-').unwrap_or(text);
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        let significant = digits.trim_start_matches('0');
        if significant.is_empty() {
            return Some(Self { is_negative, digits: String::new(), exponent: 0 });
        }
        let zeros = i64::try_from(digits.len() - significant.len()).ok()?;
        let point = i64::try_from(whole.len()).ok()? - zeros;
        let exponent = exponent.parse::<i64>().ok()?.checked_add(point)?;
        Some(Self { is_negative, digits: significant.trim_end_matches('0').to_owned(), exponent })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// What the server gives back for what it stored.
    ///
    /// # Panics
    /// When it could not read its state.
    pub(in super::super) fn returned(json: &str) -> String {
        let (mut returned, mut copied) = (String::new(), 0);
        for number in Numbers::of(json) {
            returned.push_str(&json[copied..number.from]);
            returned.push_str(&AsGo(number.float().unwrap()).to_string());
            copied = number.from + number.text.len();
        }
        returned + &json[copied..]
    }

    #[test]
    fn numbers_come_back_as_the_server_writes_them() {
        for (written, back) in [
            ("9007199254740993", "9007199254740992"),
            ("18446744073709551615", "18446744073709552000"),
            ("-9223372036854775808", "-9223372036854776000"),
            ("1.0", "1"),
            ("1E5", "100000"),
            ("-0.0", "-0"),
            ("-0", "-0"),
            ("1e16", "10000000000000000"),
            ("1e20", "100000000000000000000"),
            ("1e21", "1e+21"),
            ("340282366920938463463374607431768211455", "3.402823669209385e+38"),
            ("0.000001", "0.000001"),
            ("1e-6", "0.000001"),
            ("0.0000001", "1e-7"),
            ("1.5e-7", "1.5e-7"),
            ("5e-324", "5e-324"),
            ("1.7976931348623157e308", "1.7976931348623157e+308"),
            ("0.1", "0.1"),
            ("0.10", "0.1"),
            ("1.50e1", "15"),
            ("0.30000000000000004", "0.30000000000000004"),
            ("0.300000000000000044", "0.30000000000000004"),
            ("123456789012345.6", "123456789012345.6"),
            ("1234567890123456.7", "1234567890123456.8"),
            ("1e-400", "0"),
        ] {
            assert_eq!(returned(written), back, "{written}");
            assert_eq!(change(written), written != back, "{written}");
            let text = format!(r#"{{"a":[true,{written}],"b":"c"}}"#);
            assert_eq!(change(&text), written != back, "{text}");
            assert!(!change(&format!(r#"["\"{written}",null]"#)), "{written}");
        }
        assert!(change("1e400") && through_floats("1e400").is_none());
        assert!(change("[0,-1e999]"));
    }

    #[test]
    fn the_largest_integer_is_the_limit() {
        assert_eq!(LARGEST, crate::wire::limits::EVENT_INTEGER.to_string());
        for (integer, is_changed) in [
            ("999999999999999", false),
            ("9007199254740991", false),
            ("9007199254740992", false),
            ("-9007199254740993", true),
            ("9999999999999999", true),
            ("10000000000000000", false),
            ("99999999999999999999999", true),
        ] {
            assert_eq!(change(integer), is_changed, "{integer}");
        }
    }

    #[test]
    fn others_see_a_change_where_the_value_is_another() {
        for rounded in [
            "9007199254740993",
            "9007199254740992",
            "18446744073709551615",
            "-9223372036854775808",
            "1e400",
            "1e-400",
            "0.1000000000000000055511151231257827",
            "340282366920938463463374607431768211455",
            "9007199254740993.0",
            "1e99999999999999999999",
        ] {
            assert_eq!(first_rounded(&format!(r#"{{"a":1,"b":[{rounded},2]}}"#)), Some(rounded));
        }
        for kept in [
            "9007199254740991",
            "1.0",
            "-0.0",
            "1E5",
            "1e16",
            "1e300",
            "0.10",
            "5e-324",
            "0.30000000000000004",
            "0e7",
            "100.0e-2",
            "\"9007199254740993\"",
        ] {
            assert_eq!(first_rounded(&format!("[{kept}]")), None, "{kept}");
        }
    }

    #[test]
    fn half_a_surrogate_pair_is_found_wherever_it_is() {
        for (json, is_changed) in [
            (r#""\ud800""#, true),
            (r#""\udc00""#, true),
            (r#""\uDBFF\uDBFF\uDFFF""#, true),
            (r#""\ud800\u0041""#, true),
            (r#""\ud83d\ude00""#, false),
            (r#""\uD83D\uDE00\"""#, false),
            (r#""\\ud800""#, false),
            (r#""\u00e9\n""#, false),
            (r#"["\ud83d\ude00", 1.0]"#, true),
        ] {
            assert_eq!(change(json), is_changed, "{json}");
        }
    }

    #[test]
    fn levels_are_counted_outside_of_texts() {
        let nested = |levels: usize| format!("{}0{}", "[".repeat(levels), "]".repeat(levels));
        assert!(!is_too_deep(&nested(127)) && is_too_deep(&nested(128)));
        assert!(!change(&nested(127)) && change(&nested(128)) && through_floats(&nested(128)).is_none());
        assert!(!is_too_deep(&format!("{:?}", "[".repeat(128))));
        assert!(!is_too_deep(&format!("[{}]", "[],".repeat(128))));
    }

    #[test]
    fn nothing_panics_on_what_is_no_json() {
        for text in [
            "",
            "\"",
            "\"\\",
            "\"\\u",
            "\"\\ud8",
            "\"\\ud800",
            "\"\\ud800\\udc",
            "-",
            "1e",
            "--",
            "1.2.3",
            "é1é",
        ] {
            let _ = (change(text), first_rounded(text), may_be_rounded(text), through_floats(text));
        }
    }
}
