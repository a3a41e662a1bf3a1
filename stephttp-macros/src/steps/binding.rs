//! Which names hold a `Step`.

use proc_macro2::{Delimiter, TokenTree};

use super::call::is_clone;
use crate::tokens::{as_group, as_ident, is_ident, is_punct};

/// `let name = ..;`, which makes `name` a step, or takes a step's name for something else.
pub(super) struct Binding {
    pub(super) name: String,
    pub(super) is_step: bool,
}

impl Binding {
    pub(super) fn read(tokens: &[TokenTree], known: &[String]) -> Option<Self> {
        let [first, rest @ ..] = tokens else { return None };
        if !is_ident(first, "let") {
            return None;
        }
        let rest = match rest {
            [word, rest @ ..] if is_ident(word, "mut") => rest,
            _ => rest,
        };
        let statement = rest.split(|token| is_punct(token, ';')).next()?;
        let equals = statement.iter().position(|token| is_punct(token, '='))?;
        let (name, ty) = match &statement[..equals] {
            [name] => (name, &[][..]),
            [name, colon, ty @ ..] if is_punct(colon, ':') => (name, ty),
            _ => return None,
        };
        let is_step = ty.last().is_some_and(|last| is_ident(last, "Step"))
            || holds_step(&statement[equals + 1..], known);
        Some(Binding { name: as_ident(name)?.to_string(), is_step })
    }
}

/// `step`, `&step`, `&mut step`, `step.clone()`, `Step::clone(&step)`
fn holds_step(value: &[TokenTree], known: &[String]) -> bool {
    let is_step = |token| as_ident(token).is_some_and(|ident| known.iter().any(|name| ident == name));
    match value {
        [step] => is_step(step),
        [and, step] if is_punct(and, '&') => is_step(step),
        [and, word, step] if is_punct(and, '&') && is_ident(word, "mut") => is_step(step),
        [step, rest @ ..] if is_step(step) => rest.len() == 3 && is_clone(rest),
        [path @ .., colon, clone, args] if is_punct(colon, ':') && is_ident(clone, "clone") => {
            let args = as_group(args, Delimiter::Parenthesis)
                .map(|args| args.stream().into_iter().collect::<Vec<_>>());
            !path.is_empty()
                && matches!(args.as_deref(), Some([and, step]) if is_punct(and, '&') && is_step(step))
        }
        _ => false,
    }
}
