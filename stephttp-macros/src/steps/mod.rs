//! Finds the step calls in a body and rewrites them: tokens to tokens, nothing is parsed.
//!
//! A literal id is hashed here, so that it costs nothing at run time, and is listed in
//! `ApiFn::STEPS`. Calls are recognised by their receiver's name, also inside closures and macros
//! such as `join!`. A call that is missed still works: its id is hashed at run time, it is not in
//! the list, and its mistakes are found when it runs.

mod answer;
mod arguments;
mod binding;
mod borrowed;
mod branches;
mod call;
mod closure;
mod configured;
mod filter;
mod future;
mod guard;
mod limit;
mod misuse;
mod place;
mod result;
mod spawn;
mod volatile;

use std::ops::Range;

use proc_macro2::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use sha1::{Digest, Sha1};
use syn::{LitInt, LitStr, Path, spanned::Spanned};

pub(crate) use self::{answer::Answer, call::unbound};

use self::{
    binding::Binding,
    branches::{Branches, Level},
    call::{Call, Method},
    configured::Conditions,
    place::Place,
    spawn::Spawners,
};
use crate::{
    args::Warning,
    errors::Errors,
    krate,
    tokens::{as_literal, as_string, is_ident, is_punct, is_text, regroup},
};

/// A step call in the source.
pub(crate) struct StepCall {
    /// A literal id.
    pub(crate) id: Option<LitStr>,
    pub(crate) renamed_from: Option<LitStr>,
    /// A literal number of retries.
    pub(crate) retries: Option<LitInt>,
    pub(crate) method: &'static Method,
    /// The method's name.
    pub(crate) place: Span,
    pub(crate) branches: Branches,
    /// Under which it exists.
    pub(crate) cfgs: Conditions,
}

/// Something that does harm when the handler runs again, or is dropped while it waits.
pub(crate) struct Warned {
    pub(crate) warning: Warning,
    /// Where to say it.
    pub(crate) place: Span,
    /// Only a step that is retried makes it so.
    pub(crate) by_retries: bool,
}

/// What a body has in it.
pub(crate) struct Body {
    pub(crate) tokens: TokenStream,
    /// In source order.
    pub(crate) calls: Vec<StepCall>,
    /// Where the `Step` is given to something else, which may run steps of any kind.
    pub(crate) escape: Option<Span>,
    pub(crate) warned: Vec<Warned>,
    /// Methods of `krate::__private::block::methods` are called.
    pub(crate) typed: bool,
}

/// Rewrites the calls on `step` in `body`, and reports what is wrong with where they stand.
pub(crate) fn rewrite(
    body: TokenStream,
    step: &Ident,
    krate: &Path,
    allowed: &[Warning],
    answer: Answer,
    errors: &mut Errors,
) -> Body {
    let body = result::mend(&body, step, krate, errors).unwrap_or(body);
    let mut scanner = Scanner::new(krate, errors);
    scanner.known.push(step.to_string());
    scanner.answer = answer;
    scanner.spawners = (!allowed.contains(&Warning::Spawn)).then(Spawners::default);
    let place = Place { is_block: true, ..Place::default() };
    let tokens = scanner.stream(body.clone(), &place).unwrap_or(body);
    let Scanner { calls, escape, warned, typed, .. } = scanner;
    Body { tokens, calls, escape, warned, typed }
}

/// Types the bare blocks in a body whose `Step` is not known,
/// `self.step.run("charge", async { .. })`, so that nothing is said of them beside that.
pub(crate) fn type_blocks(tokens: TokenStream, krate: &Path) -> TokenStream {
    let mut errors = Errors::default();
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut out = TokenStream::new();
    for (at, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else {
            out.extend([token.clone()]);
            continue;
        };
        let inside = type_blocks(group.stream(), krate);
        let is_run = matches!(&tokens[..at], [.., dot, run] if is_punct(dot, '.') && is_ident(run, "run"));
        let mut args: Vec<TokenTree> = inside.into_iter().collect();
        if is_run && group.delimiter() == Delimiter::Parenthesis {
            Scanner::new(krate, &mut errors).fix_future(&mut args, false);
        }
        out.extend([regroup(group, args.into_iter().collect())]);
    }
    out
}

/// SHA-1 of the id, as Inngest computes it, as `*b"..."`.
fn hash(id: &str, span: Span) -> TokenStream {
    let mut literal = Literal::byte_string(&Sha1::digest(id.as_bytes()));
    literal.set_span(span);
    let mut star = Punct::new('*', Spacing::Alone);
    star.set_span(span);
    quote!(#star #literal)
}

struct Scanner<'a> {
    krate: &'a Path,
    errors: &'a mut Errors,
    /// The names that hold a `Step` here.
    known: Vec<String>,
    answer: Answer,
    /// The name of the method that is meant by the call that was read last.
    renamed: Option<&'static str>,
    /// Unless steps may be spawned.
    spawners: Option<Spawners>,
    constructs: usize,
    /// The blocks that ended in `return`, before here.
    left: Vec<usize>,
    calls: Vec<StepCall>,
    escape: Option<Span>,
    warned: Vec<Warned>,
    typed: bool,
}

impl<'a> Scanner<'a> {
    fn new(krate: &'a Path, errors: &'a mut Errors) -> Self {
        Self {
            krate,
            errors,
            known: Vec::new(),
            answer: Answer::Open,
            renamed: None,
            spawners: None,
            constructs: 0,
            left: Vec::new(),
            calls: Vec::new(),
            escape: None,
            warned: Vec::new(),
            typed: false,
        }
    }

    /// `None`: nothing to change. The original is kept then, because a rebuilt group loses its
    /// braces' own spans.
    fn stream(&mut self, stream: TokenStream, place: &Place) -> Option<TokenStream> {
        let outside = self.known.clone();
        let tokens: Vec<TokenTree> = stream.into_iter().collect();
        let changed = self.tokens(&tokens, place);
        self.known = outside;
        changed.map(TokenStream::from_iter)
    }

    fn group(&mut self, group: &Group, is_own_function: bool, mut place: Place) -> Option<TokenTree> {
        let left_before = self.left.len();
        let leaves = branches::ends_in_return(group);
        let construct = self.constructs;
        self.constructs += 1;
        if leaves {
            place.branches = place.branches.within(construct, 0);
        }
        let new = self.stream(group.stream(), &place).map(|new| regroup(group, new));
        if is_own_function {
            self.left.truncate(left_before);
        } else if leaves {
            self.left.push(construct);
        }
        new
    }

    /// Every token of `tokens` becomes exactly one token of the result, but for a `?` that is
    /// wrong.
    fn tokens(&mut self, tokens: &[TokenTree], place: &Place) -> Option<Vec<TokenTree>> {
        let mut out: Vec<TokenTree> = tokens.to_vec();
        let mut changed = false;
        // What takes the place of a token in the end.
        let mut edits: Vec<(usize, TokenStream)> = Vec::new();
        let mut binding = None;
        let level = Level::read(tokens);
        let first_construct = self.constructs;
        self.constructs += tokens.len();
        let mut place = place.clone();
        let around = place.branches.clone();
        let mut configured =
            configured::Level::new(place.cfgs.clone(), place.is_block, place.arms_of.is_some());
        let mut arm = 0;
        let mut spawn = None;
        let mut at = 0;
        while at < tokens.len() {
            binding = Binding::read(&tokens[at..], &self.known).or(binding);
            if is_punct(&tokens[at], ';') {
                self.apply(binding.take());
            }
            if let Some(construct) = place.arms_of
                && branches::begins_arm(tokens, at)
            {
                arm += 1;
                place.branches = around.within(construct, arm);
            }
            if let Some(cfgs) = configured.at(tokens, at) {
                place.cfgs = cfgs;
            }
            if let Some(spawners) = &mut self.spawners {
                spawners.learn(tokens, at);
                spawn = spawners.args(tokens, at).or(spawn);
            }

            let call = Call::read(tokens, at, &self.known);
            let (group_at, new) = match (&call, &tokens[at]) {
                (Some(call), _) => {
                    misuse::report_call(call, tokens, at, &place, self.errors);
                    edits.extend(self.chain(call, tokens, &place));
                    let new = self.call(call, &place);
                    if let Some(name) = self.renamed.take() {
                        out[call.name_at] = Ident::new(name, call.name.span()).into();
                    }
                    (call.args_at, new)
                }
                (None, TokenTree::Group(group)) => {
                    if matches!(self.answer, Answer::StepError)
                        && let Some(failure) = answer::failure(tokens, at, &place)
                    {
                        self.errors.on(&failure, answer::FAILURE);
                        let door =
                            krate::located_at(self.krate, Span::call_site().located_at(failure.span()));
                        edits.push((at, quote_spanned!(failure.span()=> (#door::__private::any(#failure)))));
                    }
                    let mut inner = place.within(tokens, at, spawn.as_ref());
                    if let Some((construct, number)) = level.branch(at) {
                        inner.branches = place.branches.within(first_construct + construct, number);
                    }
                    inner.arms_of = level.is_match(at).then_some(first_construct + at);
                    (at, self.group(group, branches::is_own_function(tokens, at), inner))
                }
                (None, _) => {
                    self.other(tokens, at, binding.as_ref(), &place);
                    (at, None)
                }
            };
            if let Some(new) = new {
                out[group_at] = new;
                changed = true;
            }
            at = group_at + 1;
        }
        changed |= !edits.is_empty();
        edits.sort_by_key(|(at, _)| *at);
        for (at, edit) in edits.into_iter().rev() {
            out.splice(at..=at, edit);
        }
        changed.then_some(out)
    }

    /// What is wrong after the arguments of `call`, each with what takes the place of the token.
    fn chain(&mut self, call: &Call<'_>, tokens: &[TokenTree], place: &Place) -> Vec<(usize, TokenStream)> {
        let mut edits = Vec::new();
        let first = call.args_at + 1;
        for (method, at) in &call.chain.methods {
            let at = first + at;
            let Some(TokenTree::Group(args)) = tokens.get(at) else { continue };
            let mended = match *method {
                "timeout" => syn::parse2(args.stream())
                    .ok()
                    .and_then(|time| arguments::literal_duration(&time, "a time limit", self.errors)),
                "matching" if call.method.name == "wait_for" => filter::mend(&args.stream(), self.errors),
                _ => None,
            };
            edits.extend(mended.map(|mended| (at, regroup(args, mended).into())));
        }
        let Some(asks) = call.chain.asks.map(|at| first + at) else { return edits };
        if matches!(call.method.name, "sleep" | "sleep_until") {
            self.errors.on(&tokens[asks], "a pause cannot fail, and gives `()`: remove the `?`");
            edits.push((asks, TokenStream::new()));
        } else if answer::leaves(tokens, asks, place)
            && let Some(refusal) = self.answer.refusal()
        {
            self.errors.on(&tokens[asks], refusal);
            edits.push((asks, quote_spanned!(tokens[asks].span()=> .unwrap())));
        }
        edits
    }

    fn apply(&mut self, binding: Option<Binding>) {
        let Some(Binding { name, is_step }) = binding else { return };
        self.known.retain(|known| *known != name);
        if is_step {
            self.known.push(name);
        }
    }

    /// A token that begins no call.
    fn other(&mut self, tokens: &[TokenTree], at: usize, binding: Option<&Binding>, place: &Place) {
        if !place.is_argument {
            self.warned.extend(volatile::read(tokens, at));
            if !place.in_own_function && place.spawned.is_none() {
                self.warned.extend(volatile::pause(tokens, at));
            }
            if place.is_block {
                self.warned.extend(guard::held(tokens, at, &self.known));
            }
        }
        let renames = binding.is_some_and(|binding| binding.is_step);
        if renames || !call::is_known(tokens, at, &self.known) || call::is_harmless_use(&tokens[at + 1..]) {
            return;
        }
        self.escape.get_or_insert(tokens[at].span());
        if let Some(spawned) = &place.spawned {
            misuse::report_spawn(&tokens[at], &spawned.by, self.errors);
        }
    }

    /// ```text
    /// step.run("sum", async { .. })
    ///         ^ to ^
    ///         (krate::__private::step_id("sum", *b".."), krate::__private::block::block(async { .. }).stephttp_typed())
    /// ```
    fn call(&mut self, call: &Call<'_>, place: &Place) -> Option<TokenTree> {
        let mended = arguments::mend(call, self.krate, self.errors);
        self.renamed = mended.as_ref().and_then(|mended| mended.name);
        let is_mended = mended.is_some();
        let args = mended.map_or_else(|| call.args.stream(), |mended| mended.args);
        let mut tokens: Vec<TokenTree> = args.into_iter().collect();
        let swapped = call.method.takes_future && future::swap(&mut tokens);
        if swapped {
            misuse::report_swapped(call.name, self.errors);
        }
        let id = match &tokens[..] {
            [id] => Some(id),
            [id, comma, ..] if is_punct(comma, ',') => Some(id),
            _ => None,
        };
        let literal = id.and_then(as_literal);
        let id = id.and_then(as_string);
        let bad = literal.filter(|literal| id.is_none() && !is_text(literal));
        if let Some(literal) = &bad {
            misuse::report_id(literal, self.errors);
        }
        self.calls.push(StepCall {
            id: id.clone(),
            renamed_from: call.chain.renamed_from.clone(),
            retries: call.chain.retries.clone().filter(|_| !call.method.waits),
            method: call.method,
            place: call.name.span(),
            branches: self
                .left
                .iter()
                .fold(place.branches.clone(), |branches, left| branches.within(*left, 1)),
            cfgs: place.cfgs.clone(),
        });

        // One to one, so that places in the new tokens are places in the old.
        let outside = self.known.clone();
        let scanned = self.tokens(&tokens, &place.of_arguments(call, tokens.first()));
        self.known = outside;
        // What is no text is reported here alone: rustc sees a good one.
        let written = id.or_else(|| bad.map(|literal| LitStr::new("step", literal.span())));
        let mut changed = is_mended || swapped || written.is_some() || scanned.is_some();
        let mut args = scanned.unwrap_or(tokens);

        if call.method.takes_future {
            changed |= self.fix_future(&mut args, call.fixes_error);
        }
        let mut out = TokenStream::new();
        let mut args = args.into_iter();
        if let Some(id) = &written {
            args.next();
            out.extend(self.step_id(id));
        }
        out.extend(args);
        changed.then(|| regroup(call.args, out))
    }

    /// Spanned at the literal: a hover, or an error about the argument, stays on what the user
    /// wrote.
    fn step_id(&self, id: &LitStr) -> TokenStream {
        let span = Span::call_site().located_at(id.span());
        let krate = krate::located_at(self.krate, span);
        let hash = hash(&id.value(), span);
        quote_spanned!(span=> #krate::__private::step_id(#id, #hash))
    }

    /// `"sum", async { .. }` to `"sum", krate::__private::block::block(async { ..
    /// }).stephttp_typed()`
    fn fix_future(&mut self, args: &mut Vec<TokenTree>, fixes_error: bool) -> bool {
        let Some(Range { start, end }) = future::range(args) else { return false };
        let body = closure::mend(&args[start..end], self.errors);
        let mut mended = body.is_some();
        let end = body.as_ref().map_or(end, |body| start + body.len());
        if let Some(body) = body {
            args.splice(start.., body);
        }
        mended |= borrowed::mend(&mut args[start..end], self.krate, self.errors);
        let is_task = future::is_task(&args[start..end]);
        if !is_task && (fixes_error || future::is_plain_call(&args[start..end])) {
            return mended;
        }
        let future = &args[start..end];
        let place = TokenStream::from_iter(future.to_vec()).span();
        let span = Span::call_site().located_at(place);
        // As if it were the user's: rustc reports a bound that fails there.
        let (function, typed) = if is_task { ("task", "stephttp_task") } else { ("block", "stephttp_typed") };
        let (function, typed) = (Ident::new(function, span), Ident::new(typed, place));
        let krate = krate::located_at(self.krate, span);
        let typed = quote_spanned!(span=> #krate::__private::block::#function(#(#future)*).#typed());
        args.splice(start..end, typed);
        self.typed = true;
        true
    }
}

impl StepCall {
    /// `krate::__private::step_meta("charge-card", *b"..", krate::function::StepKind::Run, file!(),
    /// line!())`
    pub(crate) fn meta(&self, krate: &Path) -> Option<TokenStream> {
        let id = self.id.as_ref()?;
        let text = Literal::string(&id.value());
        let hash = hash(&id.value(), Span::call_site());
        let kind = Ident::new(self.method.kind, Span::call_site()).into_token_stream();
        let place = quote_spanned!(id.span()=> ::core::file!(), ::core::line!());
        let renamed = self.renamed_from.as_ref().map(|old| {
            let old = Literal::string(&old.value());
            quote!(.with_renamed_from(#old))
        });
        let cfgs = self.cfgs.iter().map(|condition| quote!(#[cfg(#condition)]));
        Some(
            quote!(#(#cfgs)* #krate::__private::step_meta(#text, #hash, #krate::function::StepKind::#kind, #place)#renamed),
        )
    }
}
