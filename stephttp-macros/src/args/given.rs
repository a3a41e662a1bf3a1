//! One option as written, and how its value is read.

use std::{fmt::Display, time::Duration};

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Expr, ExprCall, ExprLit, Ident, Lit, LitStr, Path, Token, parse::Parser, punctuated::Punctuated};

use super::{AsyncResponse, Deliver, OnError, Track, Warning, duration, example};
use crate::nearest::{listed, nearest};

/// The largest `retries` that Inngest takes.
const MAX_RETRIES: u8 = 20;

/// `name`, `name = value` or `name(list)`.
pub(super) struct Given {
    pub(super) name: Ident,
    pub(super) value: Written,
}

pub(super) enum Written {
    Nothing,
    Value(Expr),
    List(TokenStream),
}

impl Given {
    fn value(&self) -> syn::Result<&Expr> {
        let mut value = match &self.value {
            Written::Value(value) => value,
            Written::Nothing => {
                return Err(error(
                    &self.name,
                    format_args!("`{}` needs a value: write `{}`", self.name, example(&self.name)),
                ));
            }
            Written::List(list) => {
                return Err(error(
                    list_or(list, &self.name),
                    format_args!(
                        "`{}` takes its value after `=`: write `{}`",
                        self.name,
                        example(&self.name)
                    ),
                ));
            }
        };
        // A literal that went through `macro_rules!` comes in an invisible group.
        while let Expr::Group(group) = value {
            value = &group.expr;
        }
        Ok(value)
    }

    pub(super) fn string(&self) -> syn::Result<LitStr> {
        match self.value()? {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Ok(text.clone()),
            other => Err(error(
                other,
                format_args!(
                    "`{}` must be a string literal, because it is fixed when the program is compiled: write `{}`",
                    self.name,
                    example(&self.name)
                ),
            )),
        }
    }

    pub(super) fn retries(&self) -> syn::Result<u8> {
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
            return Err(error(
                value,
                format_args!(
                    "`retries` must be an integer literal from 0 to {MAX_RETRIES}: write `retries = 3`"
                ),
            ));
        };
        match number.base10_parse::<u8>() {
            Ok(retries) if !negative && retries <= MAX_RETRIES => Ok(retries),
            _ => Err(error(
                value,
                format_args!(
                    "`retries` must be from 0 to {MAX_RETRIES}; a retry count never includes the first attempt, \
                     so `retries = 0` runs each step once"
                ),
            )),
        }
    }

    /// `name`, `name = true`, `name = false`
    pub(super) fn flag(&self) -> syn::Result<bool> {
        if let Written::Nothing = self.value {
            return Ok(true);
        }
        match self.value()? {
            Expr::Lit(ExprLit { lit: Lit::Bool(flag), .. }) => Ok(flag.value),
            other => Err(error(
                other,
                format_args!("`{0}` is on or off: write `{0}`, or `{0} = false`", self.name),
            )),
        }
    }

    pub(super) fn duration(&self) -> syn::Result<Duration> {
        const HOW: &str =
            r#"write whole numbers with d, h, m, s or ms, the largest first, as "30s" or "2h 30m""#;
        let value = self.value()?;
        let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = value else {
            return Err(error(value, format_args!("`{}` is a duration in quotes: {HOW}", self.name)));
        };
        duration::parse(&text.value())
            .map_err(|wrong| error(text, format_args!("`{}`: {wrong}; {HOW}", self.name)))
    }

    /// A duration within which something can end.
    pub(super) fn time_limit(&self) -> syn::Result<Duration> {
        let limit = self.duration()?;
        if limit.is_zero() {
            return Err(error(
                self.value()?,
                format_args!(
                    "`{0}` is zero, within which nothing ends: write how long an attempt may take, as `{1}`",
                    self.name,
                    example(&self.name)
                ),
            ));
        }
        Ok(limit)
    }

    pub(super) fn path(&self) -> syn::Result<Path> {
        let value = self.value()?;
        if let Some(path) = as_path(value) {
            return Ok(path);
        }
        let message = match value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
                format!("`{}` is a path, not a string: write `{} = {}`", self.name, self.name, text.value())
            }
            _ => format!("`{}` must be a path: write `{}`", self.name, example(&self.name)),
        };
        Err(error(value, message))
    }

    pub(super) fn track(&self) -> syn::Result<Track> {
        const WORDS: &[&str] = &["always", "with_steps"];
        let value = self.value()?;
        match as_word(value).as_deref() {
            Some("always") => Ok(Track::Always),
            Some("with_steps") => Ok(Track::WithSteps),
            word => Err(error(value, choose("track", word, WORDS))),
        }
    }

    pub(super) fn deliver(&self) -> syn::Result<Deliver> {
        const WORDS: &[&str] = &["after_response", "before_response_ends"];
        let value = self.value()?;
        match as_word(value).as_deref() {
            Some("after_response") => Ok(Deliver::AfterResponse),
            Some("before_response_ends") => Ok(Deliver::BeforeResponseEnds),
            word => Err(error(value, choose("deliver", word, WORDS))),
        }
    }

    pub(super) fn on_error(&self) -> syn::Result<OnError> {
        const WORDS: &[&str] = &["retry", "fail"];
        let value = self.value()?;
        match as_word(value).as_deref() {
            Some("retry") => Ok(OnError::Retry),
            Some("fail") => Ok(OnError::Fail),
            word => Err(error(value, choose("on_error", word, WORDS))),
        }
    }

    pub(super) fn async_response(&self) -> syn::Result<AsyncResponse> {
        const WORDS: &[&str] = &[
            "redirect",
            "redirect(path::to::url_fn)",
            "proxy",
            "token",
            "negotiate",
            "custom(path::to::handler)",
        ];
        let value = self.value()?;
        if let Expr::Call(call) = value {
            return match as_word(&call.func).as_deref() {
                Some("redirect") => self.function(call).map(AsyncResponse::RedirectTo),
                Some("custom") => self.function(call).map(AsyncResponse::Custom),
                Some("token") => Err(error(
                    call,
                    "`token` takes nothing, because the answer is always `{\"run_id\", \"token\"}`: write \
                     `async_response = token`, or `custom(path::to::handler)` for an answer of your own",
                )),
                Some("proxy") => Err(error(
                    call,
                    "`proxy` takes nothing, because the provider knows where its output route is: write \
                     `async_response = proxy`, and say another place with `SetupOpts::output`",
                )),
                Some("negotiate") => Err(error(
                    call,
                    "`negotiate` takes nothing, because the client's `Prefer` header decides: write \
                     `async_response = negotiate`, or `custom(path::to::handler)` for an answer of your own",
                )),
                word => Err(error(&call.func, choose("async_response", word, WORDS))),
            };
        }
        match as_word(value).as_deref() {
            Some("redirect") => Ok(AsyncResponse::Redirect),
            Some("proxy") => Ok(AsyncResponse::Proxy),
            Some("token") => Ok(AsyncResponse::Token),
            Some("negotiate") => Ok(AsyncResponse::Negotiate),
            Some("custom") => Err(error(
                value,
                "`custom` needs the function that answers: write `async_response = custom(path::to::handler)`, an \
                 `async fn(http::request::Parts, RunOutput) -> impl IntoResponse`",
            )),
            word => Err(error(value, choose("async_response", word, WORDS))),
        }
    }

    /// The path in `redirect(path)`.
    fn function(&self, call: &ExprCall) -> syn::Result<Path> {
        let only = if call.args.len() == 1 { call.args.first().and_then(as_path) } else { None };
        only.ok_or_else(|| {
            let word = as_word(&call.func).unwrap_or_default();
            error(
                call,
                format_args!(
                    "`{word}` takes the path of one function, no closure: write `async_response = {word}(path::to::function)`"
                ),
            )
        })
    }

    /// `allow(clock, random)`
    pub(super) fn warnings(&self) -> syn::Result<Vec<Warning>> {
        let names = || Warning::ALL.iter().map(|(name, _)| *name);
        let Written::List(list) = &self.value else {
            return Err(error(
                &self.name,
                format_args!(
                    "`{}` lists the warnings to silence: write `allow(clock)`; they are {}",
                    self.name,
                    listed(names())
                ),
            ));
        };
        let words =
            Punctuated::<Ident, Token![,]>::parse_terminated.parse2(list.clone()).map_err(|error| {
                syn::Error::new(
                    error.span(),
                    format_args!(
                        "expected the names of warnings: write `allow(clock)`; they are {}",
                        listed(names())
                    ),
                )
            })?;
        if words.is_empty() {
            let message =
                format!("`allow` is empty; name the warnings to silence, which are {}", listed(names()));
            return Err(error(&self.name, message));
        }
        let mut found = Vec::new();
        let mut wrong: Option<syn::Error> = None;
        for word in words {
            let text = word.to_string();
            if let Some((_, warning)) = Warning::ALL.iter().find(|(name, _)| *name == text) {
                found.push(*warning);
                continue;
            }
            let meant = nearest(&text, names())
                .map_or_else(|| ".".to_owned(), |near| format!("; did you mean `{near}`?"));
            let error = error(
                word,
                format_args!("there is no warning `{text}`{meant} The warnings are {}", listed(names())),
            );
            match &mut wrong {
                Some(wrong) => wrong.combine(error),
                None => wrong = Some(error),
            }
        }
        wrong.map_or(Ok(found), Err)
    }
}

fn error(tokens: impl ToTokens, message: impl Display) -> syn::Error {
    syn::Error::new_spanned(tokens, message)
}

/// `list`, or what stands before it if it is empty.
fn list_or(list: &TokenStream, name: &Ident) -> TokenStream {
    if list.is_empty() { name.to_token_stream() } else { list.clone() }
}

/// `a::b`
fn as_path(value: &Expr) -> Option<Path> {
    match value {
        Expr::Group(group) => as_path(&group.expr),
        Expr::Path(path)
            if path.qself.is_none() && path.path.segments.iter().all(|s| s.arguments.is_none()) =>
        {
            Some(path.path.clone())
        }
        _ => None,
    }
}

/// A single word.
fn as_word(value: &Expr) -> Option<String> {
    match value {
        Expr::Group(group) => as_word(&group.expr),
        Expr::Path(path) => path.path.get_ident().map(Ident::to_string),
        _ => None,
    }
}

fn choose(option: &str, word: Option<&str>, words: &[&'static str]) -> String {
    let near = word.and_then(|word| nearest(word, words.iter().copied().filter(|word| !word.contains('('))));
    let choices = listed(words.iter().copied());
    match near {
        Some(near) => format!("did you mean `{option} = {near}`? The choices are {choices}"),
        None => format!("`{option}` takes one of {choices}, without quotes"),
    }
}
