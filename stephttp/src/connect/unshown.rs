//! Settings that may hold a secret, if only by mistake: a password in a URL, a key in the wrong
//! variable.

use url::Url;

/// What may be shown of a setting: the origin of an http or https URL, without user, password, path
/// and query. Of all else, that it is set.
pub(crate) fn bare(text: &str) -> String {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    match url {
        Some(url) if !holds_key(text) => url.origin().ascii_serialization(),
        _ => "..".to_owned(),
    }
}

/// The same of a setting that may be missing.
pub(crate) fn bare_if_set(text: &Option<String>) -> Option<String> {
    text.as_deref().map(bare)
}

/// Whether a text looks as if a key were in it: one of Inngest's, or many hex digits.
pub(crate) fn holds_key(text: &str) -> bool {
    const DIGITS: usize = 32;
    let is_hex = |part: &str| part.len() >= DIGITS && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_key(&text.to_ascii_lowercase()) || text.split(|c: char| !c.is_ascii_alphanumeric()).any(is_hex)
}

/// Whether a text in lower case, a host say, is one of Inngest's signing keys.
pub(crate) fn is_key(text: &str) -> bool {
    text.contains("signkey-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_urls_the_origin_is_shown_and_of_others_nothing() {
        for (text, shown) in [
            ("https://api.example.com", "https://api.example.com"),
            ("https://user:secret@api.example.com:8443/secret?secret#secret", "https://api.example.com:8443"),
            ("http://user:secret@host:secret", ".."),
            ("signkey-prod-0123", ".."),
            ("http://signkey-prod-0123", ".."),
            ("https://0123456789abcdef0123456789abcdef", ".."),
            ("secret", ".."),
            ("secret:secret", ".."),
            ("", ".."),
        ] {
            assert_eq!(bare(text), shown, "{text}");
        }
    }
}
