//! The expressions that events are filtered with: Google's Common Expression Language, CEL.
//!
//! A run that is handed over with an expression that the server cannot compile is never called
//! back, and nobody is told. So an expression is read here first: its syntax, its names, the fields
//! of events, and whether it can be a yes or a no. Types are not checked further: the server treats
//! an event's data as of any type. The `cel` crate reads it too, but brings 16 crates and a parser
//! generator's runtime.

mod fields;
mod gives;
mod literal;
mod names;
mod parser;
#[cfg(test)]
mod tests;
mod token;

pub(super) use literal::literal;

use crate::untrusted::shown;

/// Checks an expression; the error is in words for the developer.
pub(super) fn check(expression: &str) -> Result<(), String> {
    parser::check(expression).map_err(|fault| {
        let before = expression.get(..fault.at).unwrap_or(expression).chars().count();
        let (expression, problem) = (shown(expression), fault.problem);
        format!("the expression `{expression}` is not valid: {problem} (at character {})", before + 1)
    })
}

/// Whether `path` selects from an event: `data.order_id`.
pub(super) fn check_path(path: &str) -> Result<(), String> {
    let mut segments = path.split('.');
    let root = segments.next().unwrap_or_default();
    let is_field = |segment: &str| token::is_identifier(segment) && !names::is_keyword(segment);
    if !matches!(root, "data" | "user" | "name" | "id" | "ts" | "v") {
        return Err(format!(
            "`{}` is no path into an event: write something like `data.order_id`",
            shown(path)
        ));
    }
    if !segments.all(is_field) {
        return Err(format!(
            "`{}` is no path of plain names, such as `data.order_id`: use `filter`, with `async.data[\"…\"]`",
            shown(path)
        ));
    }
    Ok(())
}

/// A member of what stands before it: `.order`, or `["order-id"]` for what is no plain name.
pub(super) fn member(name: &str) -> Result<String, String> {
    if token::is_identifier(name) && !names::is_keyword(name) {
        return Ok(format!(".{name}"));
    }
    literal(name).map(|name| format!("[{name}]"))
}

/// What is wrong with an expression, and where: a byte. What it quotes is cut.
#[derive(Debug)]
struct Problem {
    at: usize,
    problem: String,
}

impl Problem {
    fn new(at: usize, problem: impl Into<String>) -> Self {
        Self { at, problem: problem.into() }
    }
}
