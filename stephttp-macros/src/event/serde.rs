//! What `#[serde(..)]` says of names in JSON. What it gets wrong is serde's to say.
//!
//! A filter is about what `wait_for` reads, so names are those that are read.

use syn::{Attribute, Expr, ExprLit, Lit, Meta, MetaNameValue, Path, Token, punctuated::Punctuated};

/// What is said of a struct or of a field.
#[derive(Default)]
pub(super) struct Serde {
    /// The name in JSON.
    pub(super) rename: Option<String>,
    /// The rule by which fields are named.
    pub(super) rename_all: Option<String>,
    /// It is never read.
    pub(super) skipped: bool,
    /// Its fields are those of what it stands in.
    pub(super) flattened: bool,
    /// It is written or read by a function.
    pub(super) custom: bool,
    /// The option by which a struct takes the form of something else.
    pub(super) other_form: Option<Path>,
}

impl Serde {
    pub(super) fn read(attrs: &[Attribute]) -> Self {
        let mut serde = Self::default();
        for attr in attrs.iter().filter(|attr| attr.path().is_ident("serde")) {
            let metas = attr.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
            for meta in metas.into_iter().flatten() {
                serde.add(&meta);
            }
        }
        serde
    }

    fn add(&mut self, meta: &Meta) {
        let Some(option) = meta.path().get_ident() else { return };
        match option.to_string().as_str() {
            "rename" => self.rename = name(meta).or(self.rename.take()),
            "rename_all" => self.rename_all = name(meta).or(self.rename_all.take()),
            "skip" | "skip_deserializing" => self.skipped = true,
            "flatten" => self.flattened = true,
            "with" | "serialize_with" | "deserialize_with" => self.custom = true,
            "transparent" | "from" | "try_from" | "into" => self.other_form = Some(meta.path().clone()),
            _ => {}
        }
    }
}

/// `rename = ".."`, or the name to read of `rename(serialize = "..", deserialize = "..")`.
fn name(meta: &Meta) -> Option<String> {
    match meta {
        Meta::NameValue(pair) => text(pair),
        Meta::List(list) => {
            let pairs =
                list.parse_args_with(Punctuated::<MetaNameValue, Token![,]>::parse_terminated).ok()?;
            pairs.iter().find(|pair| pair.path.is_ident("deserialize")).and_then(text)
        }
        Meta::Path(_) => None,
    }
}

fn text(pair: &MetaNameValue) -> Option<String> {
    match &pair.value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
        _ => None,
    }
}

/// A field's name by a rule of `rename_all`.
pub(super) fn renamed(field: &str, rule: &str) -> String {
    match rule {
        "UPPERCASE" | "SCREAMING_SNAKE_CASE" => field.to_ascii_uppercase(),
        "PascalCase" => pascal(field),
        "camelCase" => {
            let pascal = pascal(field);
            let mut letters = pascal.chars();
            let first = letters.next().map(|letter| letter.to_ascii_lowercase());
            first.into_iter().chain(letters).collect()
        }
        "kebab-case" => field.replace('_', "-"),
        "SCREAMING-KEBAB-CASE" => field.to_ascii_uppercase().replace('_', "-"),
        // `lowercase` and `snake_case` leave it as it is, and others are reported by serde.
        _ => field.to_owned(),
    }
}

fn pascal(field: &str) -> String {
    let mut begins = true;
    let mut name = String::with_capacity(field.len());
    for letter in field.chars() {
        if letter == '_' {
            begins = true;
        } else if std::mem::take(&mut begins) {
            name.push(letter.to_ascii_uppercase());
        } else {
            name.push(letter);
        }
    }
    name
}
