//! What only the compiler knows: whether types are extractors, answers, and the same in a re-entry.
//!
//! Each check is a call of a function in `inngest::__private` with the user's type, in a closure
//! that is never called. Its bound fails with words of ours, at the type.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{GenericArgument, Ident, Path, PathArguments, ReturnType, Type, spanned::Spanned};

use super::warnings;
use crate::{
    kind::Kind,
    krate,
    tokens::{mentions, ungrouped},
    validate::{Argument, Endpoint, Replay},
};

/// `const _: fn() = || { .. };`
pub(super) fn of(endpoint: &Endpoint) -> TokenStream {
    let Endpoint { krate, cfgs, .. } = endpoint;
    let send = send(endpoint);
    let arguments = arguments(endpoint);
    let answer = answer(endpoint);
    let warnings = warnings::of(&endpoint.warned, krate, Kind::Handler);
    if arguments.is_empty() && answer.is_empty() && warnings.is_empty() && send.is_empty() {
        return TokenStream::new();
    }
    let traits = (!arguments.is_empty() || !answer.is_empty())
        .then(|| quote!(#[allow(unused_imports)] use #krate::__private::probe::methods::*;));
    quote! {
        #(#cfgs)*
        const _: fn() = || {
            #traits
            #arguments
            #answer
            #warnings
            #send
        };
    }
}

/// Words of bodies that may hold what is not `Send`.
const HINTS: &[&str] = &[
    "Rc",
    "RefCell",
    "Cell",
    "borrow",
    "borrow_mut",
    "lock",
    "read",
    "write",
    "MutexGuard",
    "rng",
    "thread_rng",
    "mut_ptr",
    "as_ptr",
    "NonNull",
    "LocalSet",
];

/// That the future is `Send`. axum asks for it, too, and says only that the function is no handler;
/// rustc names what is held over which `.await`.
fn send(endpoint: &Endpoint) -> TokenStream {
    let Endpoint { krate, sig, sound, .. } = endpoint;
    let Some(arguments) = endpoint.arguments.as_ref().filter(|_| *sound) else { return TokenStream::new() };
    // It takes rustc long, for every handler.
    if !HINTS.iter().any(|hint| mentions(&endpoint.body.tokens, hint)) {
        return TokenStream::new();
    }
    let name = &sig.ident;
    let types = arguments.iter().map(|argument| &argument.ty);
    let values = (0..arguments.len()).map(|number| Ident::new(&format!("value{number}"), Span::mixed_site()));
    let given = values.clone();
    let span = Span::call_site().located_at(name.span());
    let door = krate::located_at(krate, span);
    // As if it were the user's: rustc reports it there.
    let check = Ident::new("handler", name.span());
    let check = quote_spanned!(span=> #door::__private::probe::#check(#name(#(#given),*)));
    quote! {
        #[allow(deprecated, clippy::needless_pass_by_value, clippy::type_complexity, clippy::too_many_arguments)]
        {
            let _ = |#(#values: #types),*| #check;
        }
    }
}

/// Arguments about which there is nothing to find out. Each check takes rustc long, for every
/// handler; a type of somebody else's with one of these names is axum's to refuse.
const SURE: [&str; 2] = ["State", "Step"];

/// Extractors that read the same in a re-entry, whatever is in them.
const REPLAYED: [&str; 5] = ["Bytes", "Form", "Json", "Path", "Query"];

/// Halves of a `Result` that are answers for sure.
const ANSWERS: [&str; 2] = ["StatusCode", "StepError"];

/// Whether the last name of a type's path is one of these.
fn names(ty: &Type, known: &[&str]) -> bool {
    let Type::Path(path) = ungrouped(ty) else { return false };
    path.path.segments.last().is_some_and(|last| known.iter().any(|name| last.ident == name))
}

fn arguments(endpoint: &Endpoint) -> TokenStream {
    let Some(arguments) = &endpoint.arguments else { return TokenStream::new() };
    let last = arguments.len().checked_sub(1);
    let checks = arguments.iter().enumerate().map(|(number, Argument { ty, replay })| {
        if names(ty, &SURE) {
            return TokenStream::new();
        }
        let (span, krate) = place(ty, &endpoint.krate);
        let kind = method("stephttp_kind", only_generic(ty).unwrap_or(ty));
        let kind = quote_spanned!(span=> (&&&&#krate::__private::Probe::<#ty>::NEW).#kind());
        let omitted = endpoint.reentered && endpoint.opts.omit_request_body && *replay != Replay::Waived;
        let order = match (Some(number) == last, omitted) {
            (false, _) => method("before_last", ty),
            (true, true) => method("last_without_body", ty),
            (true, false) => method("last", ty),
        };
        let order = quote_spanned!(span=> #kind.#order::<#ty>(););
        let extractor = (*replay == Replay::Asked && !names(ty, &REPLAYED)).then(|| {
            let check = method(if endpoint.reentered { "stephttp_replays" } else { "stephttp_extracts" }, ty);
            quote_spanned!(span=> (&&&&&#krate::__private::Probe::<#ty>::NEW).#check();)
        });
        quote!(#order #extractor)
    });
    checks.collect()
}

fn answer(endpoint: &Endpoint) -> TokenStream {
    let ReturnType::Type(_, ty) = &endpoint.sig.output else { return TokenStream::new() };
    // Neither can be named here.
    if endpoint.arguments.is_none() || mentions(ty, "impl") || matches!(**ty, Type::Never(_)) {
        return TokenStream::new();
    }
    if let Some(halves) = halves(ty) {
        let checks = halves.map(|half| {
            if names(half, &ANSWERS) {
                return TokenStream::new();
            }
            let (span, krate) = place(half, &endpoint.krate);
            let half_answer = method("stephttp_half_answer", half);
            quote_spanned!(span=> (&&&&#krate::__private::Probe::<(#ty, #half)>::NEW).#half_answer();)
        });
        return checks.into_iter().collect();
    }
    let (span, krate) = place(ty, &endpoint.krate);
    let answer = method("stephttp_answer", ty);
    quote_spanned!(span=> (&&&#krate::__private::Probe::<#ty>::NEW).#answer();)
}

/// A method's name as if it were the user's, at the type: rustc reports a bound that fails there.
///
/// Those of traits have a prefix, because the user's traits are in scope too, and may have methods
/// for every type.
fn method(name: &str, ty: &Type) -> Ident {
    Ident::new(name, ty.span())
}

/// `A` and `B` of `Result<A, B>`.
fn halves(ty: &Type) -> Option<[&Type; 2]> {
    let (name, generics) = last_segment(ty)?;
    match (name == "Result", &generics[..]) {
        (true, [value, error]) => Some([value, error]),
        _ => None,
    }
}

/// `T` of `Json<T>`.
fn only_generic(ty: &Type) -> Option<&Type> {
    match last_segment(ty)?.1[..] {
        [only] => Some(only),
        _ => None,
    }
}

fn last_segment(ty: &Type) -> Option<(&Ident, Vec<&Type>)> {
    let Type::Path(path) = ungrouped(ty) else { return None };
    let last = path.path.segments.last()?;
    let PathArguments::AngleBracketed(generics) = &last.arguments else { return None };
    let types = generics.args.iter().filter_map(|arg| match arg {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    Some((&last.ident, types.collect()))
}

/// Where to say it, and the crate's path there.
fn place(ty: &Type, krate: &Path) -> (Span, TokenStream) {
    let span = Span::call_site().located_at(ty.span());
    (span, krate::located_at(krate, span))
}
