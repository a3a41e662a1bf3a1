//! By which name the annotated crate knows the library of `stephttp`.

use proc_macro_crate::FoundCrate;
use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident};
use syn::{Path, parse_quote};

use crate::{args::Value, errors::Errors, manifest};

/// The package, as `Cargo.toml` names it.
const PACKAGE: &str = "stephttp";

/// Looks `stephttp` up in the annotated crate's manifest; unit tests have none.
pub(crate) type FindCrate = fn() -> Option<Path>;

/// Absolute, so that nothing in the user's scope can stand in for it.
pub(crate) fn from_manifest() -> Option<Path> {
    match proc_macro_crate::crate_name(PACKAGE).ok()? {
        FoundCrate::Name(key) if key != PACKAGE || manifest::has_package(PACKAGE) => {
            let name = format_ident!("{key}");
            Some(parse_quote!(::#name))
        }
        // Not renamed, or stephttp's own tests and examples: the library has its own name.
        FoundCrate::Name(_) | FoundCrate::Itself => Some(parse_quote!(::inngest)),
    }
}

/// The option wins: only its writer knows about a facade.
pub(crate) fn resolve(option: Value<Path>, find: FindCrate, errors: &mut Errors) -> Option<Path> {
    if let Value::Good(path) = option {
        return Some(path);
    }
    let given = matches!(option, Value::Bad);
    let found = find();
    if found.is_none() && !given {
        errors.at(
            Span::call_site(),
            "`stephttp` is not among the dependencies of this crate; add it to Cargo.toml, or, if another crate \
             re-exports it, write `crate = path::to::that_crate` here",
        );
    }
    found
}

/// The path as it stands for a piece of the user's code: it means the same, and what rustc says
/// about it points at `place`. Otherwise its suggestions would edit the attribute.
pub(crate) fn located_at(path: &Path, place: Span) -> TokenStream {
    let relocate = |mut token: TokenTree| {
        token.set_span(token.span().located_at(place));
        token
    };
    path.to_token_stream().into_iter().map(relocate).collect()
}
