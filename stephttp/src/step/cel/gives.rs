//! What an expression gives, as far as its text tells.

use crate::untrusted::shown;

/// Whether it can be a yes or a no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gives {
    /// It is one, or only the event tells: a field is of any type.
    Perhaps,
    /// It never is one, but this.
    Never(&'static str),
}

const TEXT: Gives = Gives::Never("a text");
const NUMBER: Gives = Gives::Never("a number");
const TIME: Gives = Gives::Never("a time");

impl Gives {
    /// A literal that is written like this.
    pub(super) fn literal(written: &str) -> Self {
        if written.starts_with(|c: char| c.is_ascii_digit() || c == '.') { NUMBER } else { TEXT }
    }

    /// Functions and macros that are called by themselves; `None` for what the server does not
    /// know.
    pub(super) fn function(name: &str) -> Option<Self> {
        // CEL's own, and what the server adds: pkg/expressions/exprenv/overloads.go
        Some(match name {
            "bool" | "dyn" | "has" | "matches" => Self::Perhaps,
            "double" | "int" | "size" | "uint" => NUMBER,
            "bytes" | "string" | "b64decode" | "lowercase" | "uppercase" => TEXT,
            "timestamp" | "date" | "now" | "now_minus" | "now_plus" => TIME,
            "duration" => Self::Never("a duration"),
            "type" => Self::Never("a type"),
            "json_parse" => Self::Never("a map"),
            _ => return None,
        })
    }

    /// Methods and macros that are called on a value; `None` for what the server does not know.
    pub(super) fn method(name: &str) -> Option<Self> {
        // The members and macros that the server has from cel-go: common/stdlib/standard.go and
        // parser/macro.go.
        Some(match name {
            "contains" | "endsWith" | "matches" | "startsWith" | "all" | "exists" | "exists_one"
            | "existsOne" => Self::Perhaps,
            "filter" | "map" => Self::Never("a list"),
            "size" | "getDate" | "getDayOfMonth" | "getDayOfWeek" | "getDayOfYear" | "getFullYear"
            | "getHours" | "getMilliseconds" | "getMinutes" | "getMonth" | "getSeconds" => NUMBER,
            _ => return None,
        })
    }

    /// What a conditional with these branches gives.
    pub(super) fn or(self, other: Self) -> Self {
        if self == Self::Perhaps { self } else { other }
    }
}

/// What is wrong with a method that the server does not know.
pub(super) fn no_method(name: &str) -> String {
    if Gives::function(name).is_some() {
        return format!("there is no method `{name}`, but a function: write `{name}(…)` around the value");
    }
    let name = shown(name);
    format!(
        "there is no method `{name}`; for texts there are `startsWith`, `endsWith`, `contains` and `matches`, for lists \
         `all`, `exists`, `exists_one`, `filter` and `map`, for both `size`"
    )
}
