//! Finds the step calls in a body and rewrites them: tokens to tokens, nothing is parsed.
//!
//! A literal id is hashed here, so that it costs nothing at run time, and is listed in `ApiFn::STEPS`. Calls are
//! recognised by their receiver's name, also inside closures and macros such as `join!`. A call that is missed still
//! works: its id is hashed at run time, and it is not in the list.

use proc_macro2::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use sha1::{Digest, Sha1};
use syn::{AngleBracketedGenericArguments, GenericArgument, LitStr, Path, Type, spanned::Spanned};

use crate::{
    krate,
    tokens::{as_group, as_ident, as_string, is_ident, is_punct, regroup, turbofish},
    typed,
};

/// A method of `Step` that takes a step id first.
pub(crate) struct Method {
    name: &'static str,
    /// The variant of `StepKind`.
    pub(crate) kind: &'static str,
    /// Whether it takes the step's own future, last.
    takes_future: bool,
}

const METHODS: &[Method] = &[
    Method { name: "run", kind: "Run", takes_future: true },
    Method { name: "sleep", kind: "Sleep", takes_future: false },
    Method { name: "sleep_until", kind: "Sleep", takes_future: false },
    Method { name: "wait_for_event", kind: "WaitForEvent", takes_future: false },
    Method { name: "send_event", kind: "SendEvent", takes_future: false },
    Method { name: "send_events", kind: "SendEvent", takes_future: false },
    Method { name: "invoke", kind: "Invoke", takes_future: false },
    Method { name: "wait_for_signal", kind: "WaitForSignal", takes_future: false },
    Method { name: "send_signal", kind: "SendSignal", takes_future: false },
    Method { name: "fetch", kind: "Fetch", takes_future: false },
    Method { name: "ai_infer", kind: "AiInfer", takes_future: false },
];

/// A call with a literal id.
pub(crate) struct StepCall {
    pub(crate) id: LitStr,
    pub(crate) method: &'static Method,
}

/// Rewrites the calls on `step` in `body` and returns them in source order.
pub(crate) fn rewrite(body: TokenStream, step: &Ident, krate: &Path) -> (TokenStream, Vec<StepCall>) {
    let mut scanner = Scanner { krate, known: vec![step.to_string()], calls: Vec::new() };
    let body = scanner.stream(body.clone()).unwrap_or(body);
    (body, scanner.calls)
}

/// SHA-1 of the id, as Inngest computes it, as `*b"..."`.
pub(crate) fn hash(id: &str, span: Span) -> TokenStream {
    let mut literal = Literal::byte_string(&Sha1::digest(id.as_bytes()));
    literal.set_span(span);
    let mut star = Punct::new('*', Spacing::Alone);
    star.set_span(span);
    quote!(#star #literal)
}

struct Scanner<'a> {
    krate: &'a Path,
    /// The names that hold a `Step` here.
    known: Vec<String>,
    calls: Vec<StepCall>,
}

impl Scanner<'_> {
    /// `None`: nothing to change. The original is kept then, because a rebuilt group loses its braces' own spans.
    fn stream(&mut self, stream: TokenStream) -> Option<TokenStream> {
        let outside = self.known.clone();
        let tokens: Vec<TokenTree> = stream.into_iter().collect();
        let changed = self.tokens(&tokens);
        self.known = outside;
        changed.map(TokenStream::from_iter)
    }

    /// Every token of `tokens` becomes exactly one token of the result.
    fn tokens(&mut self, tokens: &[TokenTree]) -> Option<Vec<TokenTree>> {
        let mut out: Vec<TokenTree> = tokens.to_vec();
        let mut changed = false;
        let mut binding = None;
        let mut at = 0;
        while at < tokens.len() {
            binding = Binding::read(&tokens[at..], &self.known).or(binding);
            if is_punct(&tokens[at], ';') {
                self.apply(binding.take());
            }
            let call = Call::read(tokens, at, &self.known);
            let (group_at, new) = match (&call, &tokens[at]) {
                (Some(call), _) => (call.args_at, self.call(call)),
                (None, TokenTree::Group(group)) => {
                    (at, self.stream(group.stream()).map(|new| regroup(group, new)))
                }
                (None, _) => (at, None),
            };
            if let Some(new) = new {
                out[group_at] = new;
                changed = true;
            }
            at = group_at + 1;
        }
        changed.then_some(out)
    }

    fn apply(&mut self, binding: Option<Binding>) {
        let Some(Binding { name, is_step }) = binding else { return };
        self.known.retain(|known| *known != name);
        if is_step {
            self.known.push(name);
        }
    }

    /// ```text
    /// step.run("sum", async { .. })
    ///         ^ to ^
    ///         (krate::__private::step_id("sum", *b".."), krate::__private::typed(async { .. }))
    /// ```
    fn call(&mut self, call: &Call<'_>) -> Option<TokenTree> {
        let tokens: Vec<TokenTree> = call.args.stream().into_iter().collect();
        let id = match &tokens[..] {
            [id] => as_string(id),
            [id, comma, ..] if is_punct(comma, ',') => as_string(id),
            _ => None,
        };
        if let Some(id) = &id {
            self.calls.push(StepCall { id: id.clone(), method: call.method });
        }

        // One to one, so that places in the new tokens are places in the old.
        let outside = self.known.clone();
        let scanned = self.tokens(&tokens);
        self.known = outside;
        let mut changed = id.is_some() || scanned.is_some();
        let mut args = scanned.unwrap_or(tokens);

        if call.method.takes_future && !call.fixes_error {
            changed |= self.fix_error_type(&mut args);
        }
        let mut out = TokenStream::new();
        let mut args = args.into_iter();
        if let Some(id) = &id {
            args.next();
            out.extend(self.step_id(id));
        }
        out.extend(args);
        changed.then(|| regroup(call.args, out))
    }

    /// Spanned at the literal: a hover, or an error about the argument, stays on what the user wrote.
    fn step_id(&self, id: &LitStr) -> TokenStream {
        let span = Span::call_site().located_at(id.span());
        let krate = krate::located_at(self.krate, span);
        let hash = hash(&id.value(), span);
        quote_spanned!(span=> #krate::__private::step_id(#id, #hash))
    }

    /// `"sum", async { .. }` to `"sum", krate::__private::typed(async { .. })`
    ///
    /// Looks from the end, because an id that is no literal may have commas of its own.
    fn fix_error_type(&self, args: &mut Vec<TokenTree>) -> bool {
        let end = args.len() - args.last().map_or(0, |last| usize::from(is_punct(last, ',')));
        let Some(start) = args[..end].iter().rposition(|token| is_punct(token, ',')).map(|comma| comma + 1)
        else {
            return false;
        };
        let future = &args[start..end];
        if !typed::async_block(future).is_some_and(typed::is_open) {
            return false;
        }
        let krate = self.krate;
        let span = Span::call_site().located_at(TokenStream::from_iter(future.to_vec()).span());
        let typed = quote_spanned!(span=> #krate::__private::typed(#(#future)*));
        args.splice(start..end, typed);
        true
    }
}

/// `step.run(..)`, `step.clone().run::<T, _>(..)`
struct Call<'a> {
    method: &'static Method,
    args: &'a Group,
    args_at: usize,
    /// The turbofish says more than the step's value.
    fixes_error: bool,
}

impl<'a> Call<'a> {
    fn read(tokens: &'a [TokenTree], at: usize, known: &[String]) -> Option<Self> {
        let receiver = as_ident(&tokens[at])?;
        if is_part_of_path(&tokens[..at]) || !known.iter().any(|name| receiver == name) {
            return None;
        }
        let mut at = at + 1;
        while is_clone(&tokens[at..]) {
            at += 3;
        }
        let [dot, method, rest @ ..] = &tokens[at..] else { return None };
        if !is_punct(dot, '.') {
            return None;
        }
        let method = METHODS.iter().find(|known| is_ident(method, known.name))?;
        let generics = turbofish(rest);
        let args_at = at + 2 + generics;
        let args = as_group(tokens.get(args_at)?, Delimiter::Parenthesis)?;
        Some(Call { method, args, args_at, fixes_error: names_more_than_value(&rest[..generics]) })
    }
}

/// `self.step` and `module::step` are something else.
fn is_part_of_path(before: &[TokenTree]) -> bool {
    match before {
        [.., a, b] if is_punct(a, ':') && is_punct(b, ':') => true,
        [.., b] => is_punct(b, '.'),
        [] => false,
    }
}

/// `.clone()`
fn is_clone(tokens: &[TokenTree]) -> bool {
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

/// `let name = ..;`, which makes `name` a step, or takes a step's name for something else.
struct Binding {
    name: String,
    is_step: bool,
}

impl Binding {
    fn read(tokens: &[TokenTree], known: &[String]) -> Option<Self> {
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

/// `step`, `&step`, `step.clone()`, `Step::clone(&step)`
fn holds_step(value: &[TokenTree], known: &[String]) -> bool {
    let is_step = |token| as_ident(token).is_some_and(|ident| known.iter().any(|name| ident == name));
    match value {
        [step] => is_step(step),
        [and, step] if is_punct(and, '&') => is_step(step),
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

impl StepCall {
    /// `krate::__private::step_meta("charge-card", *b"..", krate::StepKind::Run, file!(), line!())`
    pub(crate) fn meta(&self, krate: &Path) -> TokenStream {
        let id = Literal::string(&self.id.value());
        let hash = hash(&self.id.value(), Span::call_site());
        let kind = Ident::new(self.method.kind, Span::call_site()).into_token_stream();
        let place = self.id.span();
        let place = quote_spanned!(place=> ::core::file!(), ::core::line!());
        quote!(#krate::__private::step_meta(#id, #hash, #krate::StepKind::#kind, #place))
    }
}
