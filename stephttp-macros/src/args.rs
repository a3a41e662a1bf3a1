//! The attribute's options: tokens to typed values that keep their spans.
//!
//! A new option is a field of [`Args`], a row of [`OPTIONS`], and a line in `validate`, which takes `Args` apart
//! without `..` so that none is forgotten.

use proc_macro2::TokenStream;
use syn::{
    Expr, ExprLit, Ident, Lit, LitStr, Path, Token,
    ext::IdentExt,
    parse::{ParseStream, Parser},
};

use crate::{errors::Errors, tokens::is_punct};

/// What the user wrote between the parentheses of `#[api_fn(..)]`.
#[derive(Default)]
pub(crate) struct Args {
    pub(crate) id: Value<LitStr>,
    pub(crate) retries: Value<u8>,
    pub(crate) krate: Value<Path>,
    /// Something was not understood. It may be the option that seems to be missing.
    pub(crate) incomplete: bool,
}

/// An option's value. `Bad` was given and has been reported, so it must not be reported as missing too.
#[derive(Default)]
pub(crate) enum Value<T> {
    #[default]
    Absent,
    Bad,
    Good(T),
}

impl<T> Value<T> {
    pub(crate) fn good(self) -> Option<T> {
        match self {
            Value::Good(value) => Some(value),
            Value::Absent | Value::Bad => None,
        }
    }

    fn read(result: syn::Result<T>, errors: &mut Errors) -> Self {
        errors.keep(result).map_or(Value::Bad, Value::Good)
    }
}

/// One row for each option.
struct Spec {
    name: &'static str,
    /// What to write; shown in errors.
    example: &'static str,
    read: fn(&mut Args, &Given, &mut Errors),
}

const OPTIONS: &[Spec] = &[
    Spec {
        name: "id",
        example: r#"id = "create-order""#,
        read: |args, given, errors| args.id = Value::read(given.string(), errors),
    },
    Spec {
        name: "retries",
        example: "retries = 3",
        read: |args, given, errors| args.retries = Value::read(given.retries(), errors),
    },
    Spec {
        name: "crate",
        example: "crate = path::to::facade",
        read: |args, given, errors| args.krate = Value::read(given.path(), errors),
    },
];

/// The largest `retries` that Inngest takes.
const MAX_RETRIES: u8 = 20;

impl Args {
    /// Never fails: what cannot be read is reported, and the rest is kept.
    pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut args = Args::default();
        let mut seen = Vec::new();
        for given in read_all(tokens, errors) {
            let Some(given) = errors.keep(given) else {
                args.incomplete = true;
                continue;
            };
            let name = given.name.unraw().to_string();
            let Some(spec) = spec(&name) else {
                let nearest = nearest(&name);
                args.incomplete |= nearest.is_some();
                errors.at(given.name.span(), unknown(&name, nearest));
                continue;
            };
            if seen.contains(&spec.name) {
                errors.at(given.name.span(), format_args!("`{name}` is given twice; remove one of the two"));
                continue;
            }
            seen.push(spec.name);
            (spec.read)(&mut args, &given, errors);
        }
        args
    }
}

fn spec(name: &str) -> Option<&'static Spec> {
    OPTIONS.iter().find(|spec| spec.name == name)
}

/// What to write for the option `name`.
fn example(name: &Ident) -> String {
    let name = name.unraw().to_string();
    spec(&name).map_or_else(|| format!("{name} = .."), |spec| spec.example.to_owned())
}

/// One `name = value` as written.
struct Given {
    name: Ident,
    value: Option<Expr>,
}

impl Given {
    fn value(&self) -> syn::Result<&Expr> {
        let mut value = self.value.as_ref().ok_or_else(|| {
            syn::Error::new(
                self.name.span(),
                format_args!("`{}` needs a value: write `{}`", self.name, example(&self.name)),
            )
        })?;
        // A literal that went through `macro_rules!` comes in an invisible group.
        while let Expr::Group(group) = value {
            value = &group.expr;
        }
        Ok(value)
    }

    fn string(&self) -> syn::Result<LitStr> {
        match self.value()? {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Ok(text.clone()),
            other => Err(syn::Error::new_spanned(
                other,
                format_args!(
                    "`{}` must be a string literal, because it is fixed when the program is compiled: write `{}`",
                    self.name,
                    example(&self.name)
                ),
            )),
        }
    }

    fn retries(&self) -> syn::Result<u8> {
        let value = self.value()?;
        let (number, negative) = match value {
            Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => (Some(number), false),
            Expr::Unary(unary) => match (&unary.op, &*unary.expr) {
                (syn::UnOp::Neg(_), Expr::Lit(ExprLit { lit: Lit::Int(number), .. })) => (Some(number), true),
                _ => (None, false),
            },
            _ => (None, false),
        };
        let Some(number) = number.filter(|number| matches!(number.suffix(), "" | "u8")) else {
            return Err(syn::Error::new_spanned(
                value,
                format_args!(
                    "`retries` must be an integer literal from 0 to {MAX_RETRIES}: write `retries = 3`"
                ),
            ));
        };
        match number.base10_parse::<u8>() {
            Ok(retries) if !negative && retries <= MAX_RETRIES => Ok(retries),
            _ => Err(syn::Error::new_spanned(
                value,
                format_args!(
                    "`retries` must be from 0 to {MAX_RETRIES}; a retry count never includes the first attempt, \
                     so `retries = 0` runs each step once"
                ),
            )),
        }
    }

    fn path(&self) -> syn::Result<Path> {
        let value = self.value()?;
        let message = match value {
            Expr::Path(path)
                if path.qself.is_none() && path.path.segments.iter().all(|s| s.arguments.is_none()) =>
            {
                return Ok(path.path.clone());
            }
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
                format!("`{}` is a path, not a string: write `{} = {}`", self.name, self.name, text.value())
            }
            _ => format!("`{}` must be a path: write `{}`", self.name, example(&self.name)),
        };
        Err(syn::Error::new_spanned(value, message))
    }
}

/// Splits at commas first: a mistake in one option does not hide those in the others.
fn read_all(tokens: TokenStream, errors: &mut Errors) -> Vec<syn::Result<Given>> {
    let mut given = Vec::new();
    let mut segment = TokenStream::new();
    for token in tokens {
        if !is_punct(&token, ',') {
            segment.extend([token]);
        } else if segment.is_empty() {
            errors.at(token.span(), "there is no option before this `,`; remove it");
        } else {
            read_segment(std::mem::take(&mut segment), &mut given, errors);
        }
    }
    read_segment(segment, &mut given, errors);
    given
}

/// Reads what stands between two commas: one option, or several where a comma was forgotten.
fn read_segment(tokens: TokenStream, given: &mut Vec<syn::Result<Given>>, errors: &mut Errors) {
    let parser = |input: ParseStream<'_>| {
        while !input.is_empty() {
            let one = read_one(input);
            let go_on = one.is_ok() && input.peek(Ident::peek_any);
            given.push(one);
            if !input.is_empty() && go_on {
                errors.at(input.span(), "expected `,` between two options; write it before this");
            } else if !input.is_empty() {
                if given.last().is_some_and(Result::is_ok) {
                    given.push(Err(input.error("expected `,` or the end of the options here; remove this")));
                }
                // What follows a mistake is not reported as another.
                return input.parse::<TokenStream>().map(drop);
            }
        }
        Ok(())
    };
    let outcome = parser.parse2(tokens);
    errors.keep(outcome);
}

fn read_one(input: ParseStream<'_>) -> syn::Result<Given> {
    if input.peek(LitStr) {
        let id: LitStr = input.parse()?;
        return Err(syn::Error::new(
            id.span(),
            format_args!("options have names: write `id = {}`", id.token()),
        ));
    }
    if !input.peek(Ident::peek_any) {
        return Err(input.error(format_args!("expected an option, such as `{}`", OPTIONS[0].example)));
    }
    let name = Ident::parse_any(input)?;
    if input.is_empty() || input.peek(Ident::peek_any) {
        return Ok(Given { name, value: None });
    }
    let Some(equals) = input.parse::<Option<Token![=]>>()? else {
        return Err(input.error(format_args!("expected `=` after `{name}`: write `{}`", example(&name))));
    };
    let no_value = format!("`{name}` needs a value after `=`: write `{}`", example(&name));
    if input.is_empty() {
        return Err(syn::Error::new(equals.span, no_value));
    }
    let value = input.parse().map_err(|error| syn::Error::new(error.span(), no_value))?;
    Ok(Given { name, value: Some(value) })
}

fn unknown(name: &str, nearest: Option<&str>) -> String {
    let known = OPTIONS.iter().map(|spec| format!("`{}`", spec.name)).collect::<Vec<_>>().join(", ");
    match nearest {
        Some(option) => format!("unknown option `{name}`; did you mean `{option}`? The options are {known}"),
        None => format!("unknown option `{name}`; the options are {known}"),
    }
}

/// The option that `name` may be a slip of the fingers for.
fn nearest(name: &str) -> Option<&'static str> {
    let (distance, option) = OPTIONS.iter().map(|spec| (distance(name, spec.name), spec.name)).min()?;
    (distance <= option.len().div_ceil(3)).then_some(option)
}

/// How many letters must be put in, left out or changed to make `b` of `a`.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, to) in b.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
