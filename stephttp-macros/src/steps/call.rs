//! One call of a step method, as tokens.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use syn::{AngleBracketedGenericArguments, GenericArgument, LitInt, LitStr, Type};

use super::limit;
use crate::tokens::{as_group, as_ident, as_string, is_ident, is_punct, turbofish};

/// A method of `Step` that takes a step id first.
pub(crate) struct Method {
    pub(crate) name: &'static str,
    /// The variant of `StepKind`.
    pub(crate) kind: &'static str,
    /// Whether it takes the step's own future, last.
    pub(crate) takes_future: bool,
    /// Whether Inngest performs it, so that the run is handed over.
    pub(crate) waits: bool,
}

const METHODS: &[Method] = &[
    Method::here("run", "Run"),
    Method::at_inngest("sleep", "Sleep"),
    Method::at_inngest("sleep_until", "Sleep"),
    Method::at_inngest("wait_for_event", "WaitForEvent"),
    Method::at_inngest("wait_for", "WaitForEvent"),
    Method::here("send", "SendEvent"),
    Method::here("send_event", "SendEvent"),
    Method::here("send_events", "SendEvent"),
    Method::at_inngest("invoke", "Invoke"),
    Method::at_inngest("wait_for_signal", "WaitForSignal"),
    Method::here("send_signal", "SendSignal"),
    Method::here("publish", "Publish"),
    Method::at_inngest("fetch", "Fetch"),
    Method::at_inngest("ai_infer", "AiInfer"),
];

impl Method {
    const fn here(name: &'static str, kind: &'static str) -> Self {
        // `run` is the only one whose future is the user's.
        Self { name, kind, takes_future: matches!(name.as_bytes(), b"run"), waits: false }
    }

    const fn at_inngest(name: &'static str, kind: &'static str) -> Self {
        Self { name, kind, takes_future: false, waits: true }
    }
}

/// `step.run(..)`, `step.clone().run::<T, _>(..)`
pub(super) struct Call<'a> {
    pub(super) method: &'static Method,
    pub(super) name: &'a TokenTree,
    pub(super) name_at: usize,
    pub(super) args: &'a Group,
    pub(super) args_at: usize,
    /// The turbofish says more than the step's value.
    pub(super) fixes_error: bool,
    /// What follows the arguments.
    pub(super) chain: Chain,
}

impl<'a> Call<'a> {
    pub(super) fn read(tokens: &'a [TokenTree], at: usize, known: &[String]) -> Option<Self> {
        if !is_known(tokens, at, known) {
            return None;
        }
        let mut at = at + 1;
        while is_clone(&tokens[at..]) {
            at += 3;
        }
        let [dot, name, rest @ ..] = &tokens[at..] else { return None };
        if !is_punct(dot, '.') {
            return None;
        }
        let method = METHODS.iter().find(|known| is_ident(name, known.name))?;
        let generics = turbofish(rest);
        let args_at = at + 2 + generics;
        let args = as_group(tokens.get(args_at)?, Delimiter::Parenthesis)?;
        let chain = Chain::read(&tokens[args_at + 1..]);
        let fixes_error = names_more_than_value(&rest[..generics]);
        Some(Call { method, name, name_at: at + 1, args, args_at, fixes_error, chain })
    }
}

/// Whether a `Step`'s name stands at `at`.
pub(super) fn is_known(tokens: &[TokenTree], at: usize, known: &[String]) -> bool {
    as_ident(&tokens[at]).is_some_and(|name| known.iter().any(|known| name == known))
        && !is_part_of_path(&tokens[..at])
}

/// `self.step` and `module::step` are something else.
pub(super) fn is_part_of_path(before: &[TokenTree]) -> bool {
    match before {
        [.., a, b] if is_punct(a, ':') && is_punct(b, ':') => true,
        // `..step` is a range's end.
        [.., a, b] if is_punct(a, '.') && is_punct(b, '.') => false,
        [.., b] => is_punct(b, '.'),
        [] => false,
    }
}

/// `.clone()`
pub(super) fn is_clone(tokens: &[TokenTree]) -> bool {
    match tokens {
        [dot, clone, args, ..] => {
            is_punct(dot, '.') && is_ident(clone, "clone") && as_group(args, Delimiter::Parenthesis).is_some()
        }
        _ => false,
    }
}

/// `::<Receipt, MyError>`, but not `::<Receipt, _>`
fn names_more_than_value(turbofish: &[TokenTree]) -> bool {
    let tokens = turbofish.iter().cloned().collect();
    syn::parse2::<AngleBracketedGenericArguments>(tokens).is_ok_and(|generics| {
        generics.args.iter().skip(1).any(|arg| !matches!(arg, GenericArgument::Type(Type::Infer(_))))
    })
}

/// What a step is built with after its arguments: `.renamed_from("old").await?`
#[derive(Default)]
pub(super) struct Chain {
    pub(super) renamed_from: Option<LitStr>,
    /// A literal number of retries.
    pub(super) retries: Option<LitInt>,
    /// The argument of `.timeout(Duration::ZERO)`.
    pub(super) zero_timeout: Option<TokenStream>,
    /// Nothing is done with the step up to the statement's end.
    pub(super) dropped: bool,
    pub(super) awaited: bool,
    /// Where the `?` after `.await` is, counted from the arguments.
    pub(super) asks: Option<usize>,
    /// The arguments of its own methods, `timeout` and `matching`, counted likewise.
    pub(super) methods: Vec<(&'static str, usize)>,
}

/// Methods of steps that give the step again.
const OWN: &[&str] = &["timeout", "matching", "filter", "data", "user", "on_conflict"];

/// Methods that drive a future in their own way.
const DRIVERS: &[&str] = &["now_or_never", "block_on"];

impl Chain {
    /// `.retries(0)`
    pub(super) fn has_no_retries(&self) -> bool {
        self.retries.as_ref().is_some_and(|retries| retries.base10_parse::<u64>().is_ok_and(|n| n == 0))
    }

    fn read(tokens: &[TokenTree]) -> Self {
        let mut chain = Chain::default();
        let mut driven = false;
        // Behind another method it is no step any more.
        let mut is_step = true;
        let mut rest = tokens;
        loop {
            rest = match rest {
                [mark, rest @ ..] if is_punct(mark, '?') => rest,
                [dot, word, after @ ..] if is_punct(dot, '.') && is_ident(word, "await") => {
                    chain.awaited = true;
                    let asks = after.first().is_some_and(|mark| is_punct(mark, '?'));
                    chain.asks = (is_step && asks).then_some(tokens.len() - after.len());
                    return chain;
                }
                [dot, method, rest @ ..] if is_punct(dot, '.') => {
                    let rest = &rest[turbofish(rest)..];
                    let Some(args) = rest.first().and_then(|args| as_group(args, Delimiter::Parenthesis))
                    else {
                        return chain;
                    };
                    if let Some(own) = OWN.iter().find(|own| is_step && is_ident(method, own)) {
                        chain.methods.push((own, tokens.len() - rest.len()));
                    }
                    if is_ident(method, "renamed_from") {
                        chain.renamed_from = args.stream().into_iter().next().as_ref().and_then(as_string);
                    } else if is_step && is_ident(method, "retries") {
                        chain.retries = syn::parse2(args.stream()).ok();
                    } else if is_step && is_ident(method, "timeout") {
                        chain.zero_timeout = Some(args.stream()).filter(limit::is_zero);
                    } else if !OWN.iter().any(|own| is_ident(method, own)) {
                        is_step = false;
                    }
                    driven |= DRIVERS.iter().any(|name| is_ident(method, name));
                    &rest[1..]
                }
                [end, ..] => {
                    chain.dropped = is_punct(end, ';') && !driven;
                    return chain;
                }
                [] => return chain,
            }
        }
    }
}

/// A method of a `Step` that is no step, such as `run_id`: whoever has it cannot run steps.
pub(super) fn is_harmless_use(after: &[TokenTree]) -> bool {
    match after {
        [dot, name, ..] if is_punct(dot, '.') => {
            !is_ident(name, "clone") && !METHODS.iter().any(|method| is_ident(name, method.name))
        }
        _ => false,
    }
}

/// The first `step` in a body that has none, if all it is used for is calls: anything else may be
/// what makes it.
pub(crate) fn unbound(tokens: &[TokenTree]) -> Option<Ident> {
    let known = ["step".to_owned()];
    let mut first = None;
    let mut bound = false;
    walk(tokens, &mut |tokens, at| {
        if !is_known(tokens, at, &known) {
            return;
        }
        let borrowed = at > 0 && is_punct(&tokens[at - 1], '&');
        let called = tokens.get(at + 1).is_some_and(|next| is_punct(next, '.'));
        bound |= !borrowed && !called;
        if first.is_none() && Call::read(tokens, at, &known).is_some() {
            first = as_ident(&tokens[at]);
        }
    });
    first.filter(|_| !bound)
}

fn walk(tokens: &[TokenTree], visit: &mut impl FnMut(&[TokenTree], usize)) {
    for (at, token) in tokens.iter().enumerate() {
        visit(tokens, at);
        if let TokenTree::Group(group) = token {
            walk(&group.stream().into_iter().collect::<Vec<_>>(), visit);
        }
    }
}
