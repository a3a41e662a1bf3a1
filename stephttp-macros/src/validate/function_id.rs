//! The id by which Inngest knows the function.

use proc_macro2::Span;
use syn::{Ident, LitStr, ext::IdentExt};

use crate::{args::Value, errors::Errors};

/// Inngest's limit for a function's name, in bytes, without the method that may stand before the id
/// there.
const MAX_FUNCTION_ID: usize = 255 - "DELETE ".len();

/// Methods that stand before the id in the name that Inngest knows a function by.
const METHODS: [&str; 4] = ["GET", "PUT", "PATCH", "DELETE"];

/// The id to use; one made of the function's name where the user's cannot be.
pub(super) fn function_id(id: Value<LitStr>, incomplete: bool, name: &Ident, errors: &mut Errors) -> String {
    let suggestion = name.unraw().to_string().trim_matches('_').replace('_', "-");
    let id = match id {
        Value::Good(id) => id,
        Value::Bad => return suggestion,
        Value::Absent if incomplete => return suggestion,
        Value::Absent => {
            errors.at(
                Span::call_site(),
                format_args!(
                    "`id` is missing; Inngest knows the function by it, also when the code has changed: write \
                     `#[api_fn(id = \"{suggestion}\")]`"
                ),
            );
            return suggestion;
        }
    };
    let text = id.value();
    if text.trim().is_empty() {
        errors.at(id.span(), format_args!("`id` is empty; write `id = \"{suggestion}\"`"));
    } else if text.trim() != text {
        errors
            .at(id.span(), format_args!("`id` begins or ends with a space; write `id = {:?}`", text.trim()));
    } else if let Some((method, rest)) = text.split_once(' ').filter(|(method, _)| METHODS.contains(method)) {
        errors.at(
            id.span(),
            format_args!(
                "`id` begins with `{method} `; leave that out, since the method is put before the id anyway in Inngest's name of \
                 a function that is called by {method}: write `id = {:?}`",
                rest.trim()
            ),
        );
    } else if text.len() > MAX_FUNCTION_ID {
        errors.at(
            id.span(),
            format_args!(
                "`id` has {} bytes, and Inngest takes {MAX_FUNCTION_ID} with a method before it; shorten it",
                text.len()
            ),
        );
    } else {
        return text;
    }
    suggestion
}
