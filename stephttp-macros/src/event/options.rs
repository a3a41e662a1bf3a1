//! What is in the parentheses of `#[event(..)]`.

use proc_macro2::{Span, TokenStream};
use syn::{
    Attribute, Expr, ExprLit, Lit, LitStr, Meta, Path, Token, ext::IdentExt, punctuated::Punctuated,
    spanned::Spanned,
};

use crate::{
    errors::Errors,
    nearest::{listed, nearest},
};

/// One option, by the name that it was found under.
pub(super) struct Given {
    pub(super) name: &'static str,
    pub(super) meta: Meta,
}

/// The options of all `#[event(..)]` among `attrs`. What is unknown or comes twice is reported.
/// `place` says what they stand on.
pub(super) fn read(
    attrs: &[Attribute],
    known: &[&'static str],
    place: &str,
    errors: &mut Errors,
) -> Vec<Given> {
    let mut all: Vec<Given> = Vec::new();
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("event")) {
        let metas = attr.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
        for meta in errors.keep(metas).into_iter().flatten() {
            let text = meta.path().get_ident().map(|name| name.unraw().to_string()).unwrap_or_default();
            let Some(name) = known.iter().copied().find(|name| *name == text) else {
                errors.on(meta.path(), unknown(&text, known, place));
                continue;
            };
            if all.iter().any(|given| given.name == name) {
                errors.on(meta.path(), format_args!("`{name}` is given twice; remove one of the two"));
                continue;
            }
            all.push(Given { name, meta });
        }
    }
    all
}

fn unknown(name: &str, known: &[&'static str], place: &str) -> String {
    if known.is_empty() {
        return format!("`#[event(..)]` has no options {place}");
    }
    let options = if let [only] = known {
        format!("the only one {place} is `{only}`")
    } else {
        format!("those {place} are {}", listed(known.iter().copied()))
    };
    match nearest(name, known.iter().copied()) {
        Some(meant) => format!("unknown option `{name}`; did you mean `{meant}`? Of the options, {options}"),
        None => format!("unknown option `{name}`; of the options, {options}"),
    }
}

impl Given {
    /// The text after `=`.
    pub(super) fn text(&self, example: &str, errors: &mut Errors) -> Option<LitStr> {
        match self.value(example, errors)? {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.clone()),
            other => {
                errors.on(
                    other,
                    format_args!(
                        "`{}` must be a string literal, because it is fixed when the program is compiled: write \
                         `{example}`",
                        self.name
                    ),
                );
                None
            }
        }
    }

    /// The path after `=`.
    pub(super) fn path(&self, example: &str, errors: &mut Errors) -> Option<Path> {
        match self.value(example, errors)? {
            Expr::Path(path) if path.qself.is_none() => Some(path.path.clone()),
            other => {
                errors.on(other, format_args!("`{}` is a path: write `{example}`", self.name));
                None
            }
        }
    }

    /// Nothing after the name.
    pub(super) fn flag(&self, errors: &mut Errors) -> bool {
        let alone = matches!(self.meta, Meta::Path(_));
        if !alone {
            errors.on(&self.meta, format_args!("`{0}` takes no value: write `{0}`", self.name));
        }
        alone
    }

    pub(super) fn span(&self) -> Span {
        self.meta.path().span()
    }

    fn value(&self, example: &str, errors: &mut Errors) -> Option<&Expr> {
        let tokens: TokenStream;
        let (place, problem): (&dyn quote::ToTokens, _) = match &self.meta {
            Meta::NameValue(pair) => {
                let mut value = &pair.value;
                // A literal that went through `macro_rules!` comes in an invisible group.
                while let Expr::Group(group) = value {
                    value = &group.expr;
                }
                return Some(value);
            }
            Meta::Path(path) => (path, "needs a value"),
            Meta::List(list) => {
                tokens = list.tokens.clone();
                (if tokens.is_empty() { &list.path } else { &tokens }, "takes its value after `=`")
            }
        };
        errors.on(place, format_args!("`{}` {problem}: write `{example}`", self.name));
        None
    }
}
