//! The fields of an event that an expression may ask for.

use super::token::is_identifier;
use crate::untrusted::shown;

/// What the part of an expression that has been read stands for, where its fields are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fields {
    /// `async`: the event that comes.
    Async,
    /// `event`: the one that began the run.
    Event,
    /// `event.data`: the request.
    Request,
    /// A value with any fields.
    Any,
}

/// The fields of every event. The server adds `meta` to those that have sessions:
/// pkg/event/event.go
const EVENT: [&str; 7] = ["data", "name", "id", "ts", "user", "v", "meta"];

/// What [`NewApiRunData`](crate::wire::NewApiRunData) is sent with.
const REQUEST: [&str; 8] = ["domain", "method", "path", "fn", "ip", "content_type", "query_params", "body"];

impl Fields {
    /// A name by itself.
    pub(super) fn named(name: &str) -> Self {
        match name {
            "async" => Self::Async,
            "event" => Self::Event,
            _ => Self::Any,
        }
    }

    /// What one of its fields stands for, or what is wrong with asking for it.
    pub(super) fn field(self, field: &str) -> Result<Self, String> {
        match self {
            Self::Any => Ok(Self::Any),
            Self::Request if REQUEST.contains(&field) => Ok(Self::Any),
            Self::Event if field == "data" => Ok(Self::Request),
            Self::Async | Self::Event if EVENT.contains(&field) => Ok(Self::Any),
            Self::Async => Err(format!(
                "`async` has no `{}`: an event has `data`, `name`, `id`, `ts`, `user` and `v`, and what it was sent \
                 with is in `async.data`",
                shown(field)
            )),
            Self::Event => Err(not_in_the_request("event", field)),
            Self::Request => Err(not_in_the_request("event.data", field)),
        }
    }
}

fn not_in_the_request(whole: &str, field: &str) -> String {
    let is_name = is_identifier(field);
    let field = shown(field);
    let matching = if is_name {
        format!("`.matching(\"data.{field}\", &{field})`")
    } else {
        "`.matching(\"data.order\", &order)`".to_owned()
    };
    format!(
        "`{whole}` has no `{field}`: `event` is the HTTP request that began the run (its data is `{}`); to compare with \
         a value of the handler write {matching}",
        REQUEST.join("`, `")
    )
}

/// The text between the quotes of a literal that is a plain one, without a prefix and escape
/// sequences.
pub(super) fn plain_text(literal: &str) -> Option<&str> {
    let inner = ['"', '\''].into_iter().find_map(|quote| literal.strip_prefix(quote)?.strip_suffix(quote))?;
    (!inner.contains(['\\', '"', '\''])).then_some(inner)
}
