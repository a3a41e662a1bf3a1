//! The name of an event, by the rules of `stephttp/src/event/check.rs`. What the expansion gives
//! passes those too, at compile time, so that none of them can be missing here unnoticed.

/// Inngest's limit, in bytes.
const MAX_NAME: usize = 512;

/// What Inngest's own events begin with, in whatever case.
const RESERVED: &str = "inngest/";

/// What is wrong with a name, and what to write.
pub(super) fn fault(name: &str, suggestion: &str) -> Option<String> {
    if name.trim().is_empty() {
        return Some(format!("`name` is empty; write `name = \"{suggestion}\"`"));
    }
    if name.trim() != name {
        return Some(format!("`name` begins or ends with a space; write `name = {:?}`", name.trim()));
    }
    if name.len() > MAX_NAME {
        let bytes = name.len();
        return Some(format!("`name` has {bytes} bytes, and Inngest takes {MAX_NAME}; shorten it"));
    }
    let own = name.get(..RESERVED.len()).filter(|start| start.eq_ignore_ascii_case(RESERVED))?;
    let rest = name[own.len()..].trim();
    let other = if rest.is_empty() { suggestion.to_owned() } else { format!("app/{rest}") };
    Some(format!(
        "names that begin with `{RESERVED}` are Inngest's own, and it refuses them of others; write `name = {other:?}`"
    ))
}

/// `app/order.paid` for `OrderPaid`.
pub(super) fn suggested(ident: &str) -> String {
    let mut name = String::from("app/");
    for letter in ident.chars() {
        if letter.is_uppercase() && !name.ends_with('/') {
            name.push('.');
        }
        name.extend(letter.to_lowercase());
    }
    name
}
