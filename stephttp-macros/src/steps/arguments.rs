//! What is given to a step: too much, too little, or of another kind.
//!
//! rustc counts the arguments and proposes to remove one; here it is said how the call is written.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Expr, ExprLit, Lit, Path, Token, parse::Parser, punctuated::Punctuated, spanned::Spanned};

use super::call::Call;
use crate::{errors::Errors, krate};

/// How a step method is called.
struct Usage {
    name: &'static str,
    arguments: usize,
    takes: &'static str,
    write: &'static str,
}

const USAGES: &[Usage] = &[
    usage("run", 2, "an id and a future", "step.run(\"charge-card\", charge(&card))"),
    usage("sleep", 2, "an id and a `Duration`", "step.sleep(\"cool-off\", Duration::from_secs(3_600))"),
    usage("sleep_until", 2, "an id and a time", "step.sleep_until(\"renewal\", time)"),
    usage(
        "wait_for_event",
        2,
        "an id and the event's name",
        "step.wait_for_event::<Paid>(\"payment\", \"shop/paid\")",
    ),
    usage(
        "wait_for",
        1,
        "an id, and the event's name from its type",
        "step.wait_for::<Paid>(\"payment\")`, where `Paid` derives `EventData`, or \
         `step.wait_for_event::<Paid>(\"payment\", \"shop/paid\")",
    ),
    usage("send", 2, "an id and an event that derives `EventData`", "step.send(\"tell\", Paid { .. })"),
    usage(
        "send_event",
        2,
        "an id and one `Event`",
        "step.send_event(\"tell\", Event::new(\"shop/paid\", data))",
    ),
    usage("send_events", 2, "an id and a `Vec` of events", "step.send_events(\"tell-all\", events)"),
    usage(
        "invoke",
        2,
        "two ids, the step's and the function's, and what the function gets after them",
        "step.invoke::<Receipt>(\"bill\", \"app-bill\").data(data)",
    ),
    usage(
        "wait_for_signal",
        2,
        "an id and the signal's name",
        "step.wait_for_signal::<Decision>(\"decision\", \"expense-7\")",
    ),
    usage(
        "send_signal",
        3,
        "an id, the signal's name and data",
        "step.send_signal(\"decide\", \"expense-7\", data)",
    ),
    usage(
        "publish",
        4,
        "an id, a channel, a topic of it and data",
        "step.publish(\"tell\", \"order-7\", \"progress\", data)",
    ),
    usage("fetch", 2, "an id and a request", "step.fetch(\"rates\", FetchRequest::get(url))"),
    usage(
        "ai_infer",
        2,
        "an id and an `Inference`",
        "step.ai_infer::<Value>(\"summary\", Inference::openai_chat(key, body))",
    ),
];

const fn usage(name: &'static str, arguments: usize, takes: &'static str, write: &'static str) -> Usage {
    Usage { name, arguments, takes, write }
}

/// The good case of what was reported.
pub(super) struct Mended {
    pub(super) args: TokenStream,
    /// Another method is meant.
    pub(super) name: Option<&'static str>,
}

/// Reports what is wrong with the arguments of `call`.
pub(super) fn mend(call: &Call<'_>, krate: &Path, errors: &mut Errors) -> Option<Mended> {
    let usage = USAGES.iter().find(|usage| usage.name == call.method.name)?;
    let args = Punctuated::<Expr, Token![,]>::parse_terminated.parse2(call.args.stream()).ok()?;
    let args: Vec<Expr> = args.into_iter().collect();
    let mended = |args| Some(Mended { args, name: None });
    match args.len() {
        0 => None,
        // Without a literal it is not sure that this is a step's call.
        given if given > usage.arguments && (usage.name != "run" || is_text(&args[0])) => {
            let (kept, surplus) = args.split_at(usage.arguments);
            errors.on(&surplus[0], says(usage));
            match (usage.name, kept, surplus) {
                ("send_event" | "send", [id, name], [data]) if is_text(name) => {
                    let door = door(name, krate);
                    let args = quote_spanned!(name.span()=> #id, #door::Event::new(#name, #data));
                    Some(Mended { args, name: Some("send_event") })
                }
                // As other SDKs have it: the function, and then its arguments.
                ("run", [id, function @ Expr::Path(_)], given) => mended(quote!(#id, #function(#(#given),*))),
                (_, [first @ .., last], surplus) => {
                    mended(quote!(#(#first,)* { let _ = (#(&#surplus),*); #last }))
                }
                (_, [], _) => None,
            }
        }
        // Of a name it is not known which of the two it is.
        given if given + 1 == usage.arguments && !matches!(args[0], Expr::Lit(_) | Expr::Path(_)) => {
            errors.on(call.name, says(usage));
            // Of no text that is known here, so that it is not compared with other ids.
            mended(quote!(::std::string::String::new(), #(#args),*))
        }
        given if given == usage.arguments => kind(usage.name, &args, krate, errors).and_then(mended),
        _ => None,
    }
}

fn says(usage: &Usage) -> String {
    let Usage { name, takes, write, .. } = usage;
    format!("`step.{name}` takes {takes}: write `{write}`")
}

/// An argument that is of another kind.
fn kind(name: &str, args: &[Expr], krate: &Path, errors: &mut Errors) -> Option<TokenStream> {
    let [id, given] = args else { return None };
    match name {
        "sleep" => {
            let duration = literal_duration(given, "a pause", errors)?;
            Some(quote!(#id, #duration))
        }
        "sleep_until" if is_instant(given) => {
            errors.on(
                given,
                "an `Instant` is a time of this process alone, and Inngest holds the pause: write a `SystemTime`, as \
                 `SystemTime::now() + duration`, or `step.sleep(\"cool-off\", duration)`",
            );
            let door = door(given, krate);
            Some(
                quote_spanned!(given.span()=> #id, #door::__private::any::<_, ::std::time::SystemTime>(#given)),
            )
        }
        "send_event" if is_text(given) => {
            errors.on(given, says(USAGES.iter().find(|usage| usage.name == name)?));
            let door = door(given, krate);
            Some(quote_spanned!(given.span()=> #id, #door::Event::new(#given, ())))
        }
        _ => None,
    }
}

/// Reports a number or a text in the place of a `Duration`, and gives one.
pub(super) fn literal_duration(given: &Expr, what: &str, errors: &mut Errors) -> Option<TokenStream> {
    let Expr::Lit(ExprLit { lit, .. }) = given else { return None };
    let write = match lit {
        Lit::Int(number) => format!("Duration::from_secs({})", number.base10_digits()),
        Lit::Float(number) => format!("Duration::from_secs_f64({})", number.base10_digits()),
        Lit::Str(_) => "Duration::from_secs(3_600)".to_owned(),
        _ => return None,
    };
    errors.on(given, format_args!("{what} is a `std::time::Duration`: write `{write}`"));
    Some(quote_spanned!(given.span()=> ::core::time::Duration::MAX))
}

/// `Instant::now()`, `Instant::now() + duration`, and not what is made of one by a call.
fn is_instant(given: &Expr) -> bool {
    match given {
        Expr::Binary(sum) => is_instant(&sum.left),
        Expr::Paren(inner) => is_instant(&inner.expr),
        Expr::Call(call) => match &*call.func {
            Expr::Path(function) => function.path.segments.iter().any(|segment| segment.ident == "Instant"),
            _ => false,
        },
        _ => false,
    }
}

fn is_text(given: &Expr) -> bool {
    matches!(given, Expr::Lit(ExprLit { lit: Lit::Str(_), .. }))
}

fn door(place: &Expr, krate: &Path) -> TokenStream {
    krate::located_at(krate, Span::call_site().located_at(place.span())).into_token_stream()
}
