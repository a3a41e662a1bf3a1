//! An expression's tokens.

use super::Problem;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A name or a keyword.
    Word(&'a str),
    /// A number, a text or bytes.
    Literal,
    /// An operator or a bracket.
    Symbol(&'a str),
    End,
}

/// Longest first.
const SYMBOLS: [&str; 23] = [
    "||", "&&", "==", "!=", "<=", ">=", "?", ":", "<", ">", "+", "-", "*", "/", "%", "!", ".", ",", "(", ")",
    "[", "]", "{",
];

pub(super) fn is_identifier(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The first token of `text`, which stands at `at` in the expression, and the bytes that it takes.
pub(super) fn read(text: &str, at: usize) -> Result<(Token<'_>, usize), Problem> {
    let Some(first) = text.chars().next() else { return Ok((Token::End, 0)) };
    if let Some(length) = string(text, at)? {
        return Ok((Token::Literal, length));
    }
    if first.is_ascii_alphabetic() || first == '_' {
        let length = length_of(text, |c| c.is_ascii_alphanumeric() || c == '_');
        return Ok((Token::Word(&text[..length]), length));
    }
    if first.is_ascii_digit() || (first == '.' && text[1..].starts_with(|c: char| c.is_ascii_digit())) {
        return number(text, at).map(|length| (Token::Literal, length));
    }
    if text.starts_with("//") {
        return Err(Problem::new(at, "comments are not allowed"));
    }
    if let Some(symbol) = SYMBOLS.iter().chain(&["}"]).find(|symbol| text.starts_with(**symbol)) {
        return Ok((Token::Symbol(&text[..symbol.len()]), symbol.len()));
    }
    let hint = match first {
        '=' => ": two are compared with `==`",
        '&' => ": conditions are joined with `&&`",
        '|' => ": conditions are joined with `||`",
        _ => "",
    };
    Err(Problem::new(at, format!("`{first}` means nothing here{hint}")))
}

fn length_of(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

/// `12`, `0x1F`, `12u`, `1.5e-3`, `.5`
fn number(text: &str, at: usize) -> Result<usize, Problem> {
    let digits = |from: usize| length_of(&text[from..], |c| c.is_ascii_digit());
    let mut end;
    let mut is_float = false;
    if let Some(hex) = text.strip_prefix("0x") {
        let length = length_of(hex, |c| c.is_ascii_hexdigit());
        if length == 0 {
            return Err(Problem::new(at, "`0x` is no number"));
        }
        end = 2 + length;
    } else {
        end = digits(0);
        if text[end..].starts_with('.') && digits(end + 1) > 0 {
            is_float = true;
            end += 1 + digits(end + 1);
        }
        let exponent = &text[end..];
        if exponent.starts_with(['e', 'E']) {
            let sign = usize::from(exponent[1..].starts_with(['+', '-']));
            if digits(end + 1 + sign) > 0 {
                is_float = true;
                end += 1 + sign + digits(end + 1 + sign);
            }
        }
    }
    end += usize::from(!is_float && text[end..].starts_with(['u', 'U']));
    if text[end..].starts_with(|c: char| c.is_alphanumeric() || c == '_') {
        return Err(Problem::new(at + end, "a number ends in letters"));
    }
    // Whole numbers have 64 bits. That the lowest of all is one digit too large before its sign
    // does not matter.
    let written = text[..end].trim_end_matches(['u', 'U']);
    let fits = match written.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).is_ok(),
        None => {
            is_float
                || written.parse::<i64>().is_ok()
                || (written.len() < end && written.parse::<u64>().is_ok())
        }
    };
    if fits { Ok(end) } else { Err(Problem::new(at, "a whole number is too large: it has at most 64 bits")) }
}

/// The length of the text or the bytes at the start; `None` if there are none.
fn string(text: &str, at: usize) -> Result<Option<usize>, Problem> {
    let prefix = length_of(text, |c| matches!(c, 'r' | 'R' | 'b' | 'B'));
    let is_raw = match &text.as_bytes()[..prefix] {
        [] | [b'b' | b'B'] => false,
        [b'r' | b'R'] | [b'b' | b'B', b'r' | b'R'] | [b'r' | b'R', b'b' | b'B'] => true,
        _ => return Ok(None),
    };
    let rest = &text[prefix..];
    let quote = match rest.chars().next() {
        Some('"') => {
            if rest.starts_with("\"\"\"") {
                "\"\"\""
            } else {
                "\""
            }
        }
        Some('\'') => {
            if rest.starts_with("'''") {
                "'''"
            } else {
                "'"
            }
        }
        _ => return Ok(None),
    };
    let mut end = prefix + quote.len();
    loop {
        let rest = &text[end..];
        if rest.starts_with(quote) {
            return Ok(Some(end + quote.len()));
        }
        match rest.chars().next() {
            None => return Err(Problem::new(at + prefix, "a text is not closed")),
            Some('\n' | '\r') if quote.len() == 1 => {
                return Err(Problem::new(at + prefix, "a text is not closed on its line"));
            }
            Some('\\') if !is_raw => {
                let length = escape(rest).ok_or_else(|| {
                    Problem::new(at + end, "a backslash in a text begins no escape sequence: write it twice")
                })?;
                end += length;
            }
            Some(character) => end += character.len_utf8(),
        }
    }
}

/// The length of the escape sequence at the start.
fn escape(text: &str) -> Option<usize> {
    let hex = |digits: usize| {
        let sequence = text.get(2..2 + digits)?;
        sequence.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(2 + digits)
    };
    match text[1..].chars().next()? {
        'a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '\\' | '?' | '"' | '\'' | '`' => Some(2),
        'x' | 'X' => hex(2),
        'u' => hex(4),
        'U' => hex(8),
        '0'..='3' => text.get(2..4)?.bytes().all(|byte| matches!(byte, b'0'..=b'7')).then_some(4),
        _ => None,
    }
}
