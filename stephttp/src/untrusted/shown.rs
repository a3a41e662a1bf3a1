//! A text from outside, as it may be shown.

use std::fmt::{self, Write};

/// Characters of a text from outside that are shown.
const MOST: usize = 200;

/// A text from outside: a path, an id, what an API says. `Display` shows its first 200 characters,
/// in one line, and says how long the text is if that is not all of it.
#[derive(Clone, Copy)]
pub(crate) struct Shown<'a>(&'a str);

/// Makes a text from outside fit for a log or an error.
pub(crate) fn shown(text: &str) -> Shown<'_> {
    Shown(text)
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut chars = self.0.chars();
        for c in chars.by_ref().take(MOST) {
            if is_harmless(c) { f.write_char(c)? } else { write!(f, "{}", c.escape_default())? }
        }
        if chars.next().is_some() { write!(f, "… ({} bytes)", self.0.len()) } else { Ok(()) }
    }
}

/// Whether a character neither breaks a line, nor steers a terminal, nor changes the direction of
/// what follows.
fn is_harmless(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// As `Display`: fields of log lines are shown by either.
impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_shown_in_one_line_of_bounded_length() {
        for (text, as_shown) in [
            ("", ""),
            ("/orders/ä", "/orders/ä"),
            ("a\nb\u{1b}[2J", "a\\nb\\u{1b}[2J"),
            ("\u{202e}x", "\\u{202e}x"),
        ] {
            assert_eq!(shown(text).to_string(), as_shown);
        }
        assert_eq!(shown(&"ü".repeat(200)).to_string(), "ü".repeat(200));
        assert_eq!(shown(&"ü".repeat(201)).to_string(), format!("{}… (402 bytes)", "ü".repeat(200)));
        assert!(shown(&"\0".repeat(60_000)).to_string().len() < 2_000);
    }
}
