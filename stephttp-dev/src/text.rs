//! Texts for people: what errors and panics say, and the beginnings of what is long.

use std::any::Any;
use std::error::Error;

/// An error with its causes.
pub(crate) fn explain(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// What a panic says.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without a text")
}

/// Whether a character changes where or how others are shown: a strange text could look like
/// another.
fn is_hidden(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The first characters of a text, in one line.
pub(crate) fn cut(text: &str, length: usize) -> String {
    let mut line: String =
        text.chars().map(|c| if is_hidden(c) { ' ' } else { c }).take(length + 1).collect();
    if let Some((end, _)) = line.char_indices().nth(length) {
        line.truncate(end);
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn what_is_long_is_cut_between_characters() {
        assert_eq!(cut("ä\nbc", 3), "ä b…");
        assert_eq!(cut("äbc", 3), "äbc");
        assert_eq!(cut("a\u{202e}b", 3), "a b");
    }
}
