//! What the function gives, as far as it decides what can be done with a step's error.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{GenericArgument, PathArguments, ReturnType, Type};

use super::place::Place;
use crate::{
    kind::Kind,
    tokens::{as_group, is_ident, is_punct, ungrouped},
};

/// What a step's error becomes by `?`.
#[derive(Clone)]
pub(crate) enum Answer {
    /// That is for rustc to say.
    Open,
    /// `Result<.., StepError>`
    StepError,
    /// `Result<.., (StatusCode, String)>`, which is made of none.
    Other(String),
    /// No `Result`.
    NoResult { kind: Kind, ty: String },
}

/// Types of answers that are no `Result`. `Response` may be the program's own name for one.
const ANSWERS: &[&str] = &["Html", "Json", "StatusCode", "String"];

/// Types of answers that have no `From<StepError>`.
const ERRORS: &[&str] = &["StatusCode", "String"];

impl Answer {
    pub(crate) fn of(output: &ReturnType, kind: Kind) -> Self {
        let ReturnType::Type(_, ty) = output else {
            return Answer::NoResult { kind, ty: "()".to_owned() };
        };
        let ty = ungrouped(ty);
        match ty {
            // A helper's is a future.
            Type::ImplTrait(_) if kind == Kind::Handler => Answer::NoResult { kind, ty: text(ty) },
            Type::Tuple(_) => Answer::NoResult { kind, ty: text(ty) },
            Type::Path(path) => {
                let Some(last) = path.path.segments.last() else { return Answer::Open };
                if ANSWERS.iter().any(|name| last.ident == name) {
                    return Answer::NoResult { kind, ty: text(ty) };
                }
                if last.ident != "Result" {
                    return Answer::Open;
                }
                let PathArguments::AngleBracketed(generics) = &last.arguments else { return Answer::Open };
                let mut types = generics.args.iter().filter_map(|arg| match arg {
                    GenericArgument::Type(ty) => Some(ungrouped(ty)),
                    _ => None,
                });
                match (types.next(), types.next()) {
                    (Some(_), Some(error)) => error_of(error),
                    _ => Answer::Open,
                }
            }
            _ => Answer::Open,
        }
    }

    /// What is wrong with `?` after a step.
    pub(super) fn refusal(&self) -> Option<String> {
        match self {
            Answer::Open | Answer::StepError => None,
            Answer::Other(ty) => Some(format!(
                "a `StepError` does not become a `{ty}` by itself: write `.map_err(..)` before the `?`; or fail with \
                 `StepError`, which is an answer, or with an error of your own that has `From<StepError>` and \
                 `IntoResponse`"
            )),
            Answer::NoResult { kind, ty } => Some(format!(
                "this {kind} gives no `Result`, so `?` has nowhere to leave a step's error: write `-> Result<{ty}, \
                 StepError>`, and `Ok(..)` at its end"
            )),
        }
    }
}

fn error_of(error: &Type) -> Answer {
    match error {
        Type::Tuple(tuple) if !tuple.elems.is_empty() => Answer::Other(text(error)),
        Type::Reference(_) => Answer::Other(text(error)),
        Type::Path(path) => match path.path.segments.last() {
            Some(last) if last.ident == "StepError" => Answer::StepError,
            Some(last) if ERRORS.iter().any(|name| last.ident == name) => Answer::Other(text(error)),
            _ => Answer::Open,
        },
        _ => Answer::Open,
    }
}

/// As it is written.
fn text(ty: &Type) -> String {
    let mut text = ty.to_token_stream().to_string();
    for (spaced, tight) in [
        (" < ", "<"),
        (" >", ">"),
        ("< ", "<"),
        (" ,", ","),
        (" :: ", "::"),
        ("& ", "&"),
        ("( ", "("),
        (" )", ")"),
    ] {
        text = text.replace(spaced, tight);
    }
    text
}

/// Whether `?` at `at` leaves the function: it stands in a statement of its own.
pub(super) fn leaves(tokens: &[TokenTree], at: usize, place: &Place) -> bool {
    let statement = tokens[..at].rsplit(|token| is_punct(token, ';')).next().unwrap_or_default();
    place.is_block
        && !place.in_own_function
        && !place.is_argument
        && !statement.iter().any(|token| is_punct(token, '|') || is_ident(token, "async"))
}

/// `return Err(Failure::new(..))` in a function that fails with a `StepError`: the parentheses at
/// `at`. Without `return` it may be the value of something else.
pub(super) fn failure(tokens: &[TokenTree], at: usize, place: &Place) -> Option<TokenStream> {
    let returns =
        matches!(&tokens[..at], [.., word, err] if is_ident(word, "return") && is_ident(err, "Err"));
    if place.in_own_function || place.is_argument || !returns {
        return None;
    }
    let inside = as_group(&tokens[at], Delimiter::Parenthesis)?.stream();
    let words: Vec<TokenTree> = inside.clone().into_iter().collect();
    let is_failure =
        words.iter().enumerate().take_while(|(_, word)| !matches!(word, TokenTree::Group(_))).any(
            |(number, word)| {
                is_ident(word, "Failure")
                    && words.get(number + 1).is_some_and(|next| is_punct(next, ':'))
                    && words[..number]
                        .iter()
                        .all(|before| matches!(before, TokenTree::Ident(_)) || is_punct(before, ':'))
            },
        );
    // `Err(Failure::new(..).into())` may become anything.
    let is_alone = !words.iter().any(|word| is_punct(word, '.'));
    (is_failure && is_alone).then(|| quote!(#inside))
}

pub(super) const FAILURE: &str = "a `Failure` is the error of a step; a handler that fails for a reason of its own has an \
                                  error type for it, with `IntoResponse` and `From<StepError>`, or answers with a status, as \
                                  `Ok((StatusCode::CONFLICT, \"sold out\").into_response())` in a `Result<Response, StepError>`: \
                                  see the page `errors` of the guide";
