//! The attribute's options: tokens to typed values that keep their spans.
//!
//! A new option is a field of [`Args`], a row of [`OPTIONS`], and a line in `validate`, which takes
//! `Args` apart without `..` so that none is forgotten. `#[step_fn]` takes those of
//! [`OF_HELPERS`].

mod duration;
mod given;
mod split;

use std::time::Duration;

use proc_macro2::{Span, TokenStream};
use syn::{Ident, LitStr, Path, ext::IdentExt};

use self::given::Given;
use crate::{
    errors::Errors,
    kind::Kind,
    nearest::{listed, nearest},
};

/// What the user wrote between the parentheses of `#[api_fn(..)]` or `#[step_fn(..)]`.
#[derive(Default)]
pub(crate) struct Args {
    pub(crate) id: Value<LitStr>,
    pub(crate) retries: Value<u8>,
    pub(crate) omit_request_body: Value<bool>,
    pub(crate) omit_response_body: Value<bool>,
    pub(crate) async_response: Value<AsyncResponse>,
    pub(crate) track: Value<Track>,
    pub(crate) sync_only: Value<bool>,
    pub(crate) max_request_time: Value<Duration>,
    pub(crate) deliver: Value<Deliver>,
    pub(crate) step_timeout: Value<Duration>,
    pub(crate) on_error: Value<OnError>,
    pub(crate) allow: Value<Vec<Warning>>,
    pub(crate) krate: Value<Path>,
    pub(crate) places: Places,
    /// Something was not understood. It may be the option that seems to be missing.
    pub(crate) incomplete: bool,
}

/// An option's value. `Bad` was given and has been reported, so it must not be reported as missing
/// too.
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

/// What a client gets when its run is handed over.
#[derive(Clone)]
pub(crate) enum AsyncResponse {
    Redirect,
    RedirectTo(Path),
    Proxy,
    Token,
    Negotiate,
    Custom(Path),
}

/// Which requests are recorded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Track {
    WithSteps,
    Always,
}

/// When Inngest is told of a run that has ended in its client's request.
#[derive(Clone, Copy)]
pub(crate) enum Deliver {
    AfterResponse,
    BeforeResponseEnds,
}

/// What an error of the handler does when Inngest has called it back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnError {
    Retry,
    Fail,
}

/// What the attribute warns of; steps that are spawned are an error.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Warning {
    Clock,
    Random,
    Guard,
    Transaction,
    Sleep,
    Spawn,
}

impl Warning {
    pub(crate) const ALL: &[(&str, Self)] = &[
        ("clock", Self::Clock),
        ("random", Self::Random),
        ("guard", Self::Guard),
        ("transaction", Self::Transaction),
        ("sleep", Self::Sleep),
        ("spawn", Self::Spawn),
    ];
}

/// Where each option is named.
#[derive(Default)]
pub(crate) struct Places(Vec<(&'static str, Span)>);

impl Places {
    /// The option's name, or else the attribute.
    pub(crate) fn of(&self, option: &str) -> Span {
        let place = self.0.iter().find(|(name, _)| *name == option);
        place.map_or_else(Span::call_site, |(_, place)| *place)
    }

    fn contains(&self, option: &str) -> bool {
        self.0.iter().any(|(name, _)| *name == option)
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
        name: "omit_request_body",
        example: "omit_request_body",
        read: |args, given, errors| args.omit_request_body = Value::read(given.flag(), errors),
    },
    Spec {
        name: "omit_response_body",
        example: "omit_response_body",
        read: |args, given, errors| args.omit_response_body = Value::read(given.flag(), errors),
    },
    Spec {
        name: "async_response",
        example: "async_response = token",
        read: |args, given, errors| args.async_response = Value::read(given.async_response(), errors),
    },
    Spec {
        name: "track",
        example: "track = always",
        read: |args, given, errors| args.track = Value::read(given.track(), errors),
    },
    Spec {
        name: "sync_only",
        example: "sync_only",
        read: |args, given, errors| args.sync_only = Value::read(given.flag(), errors),
    },
    Spec {
        name: "max_request_time",
        example: r#"max_request_time = "30s""#,
        read: |args, given, errors| args.max_request_time = Value::read(given.duration(), errors),
    },
    Spec {
        name: "deliver",
        example: "deliver = before_response_ends",
        read: |args, given, errors| args.deliver = Value::read(given.deliver(), errors),
    },
    Spec {
        name: "step_timeout",
        example: r#"step_timeout = "5m""#,
        read: |args, given, errors| args.step_timeout = Value::read(given.time_limit(), errors),
    },
    Spec {
        name: "on_error",
        example: "on_error = fail",
        read: |args, given, errors| args.on_error = Value::read(given.on_error(), errors),
    },
    Spec {
        name: "allow",
        example: "allow(clock)",
        read: |args, given, errors| args.allow = Value::read(given.warnings(), errors),
    },
    Spec {
        name: "crate",
        example: "crate = path::to::facade",
        read: |args, given, errors| args.krate = Value::read(given.path(), errors),
    },
];

/// The options of `#[step_fn]`; the others are said by the handlers that call it.
const OF_HELPERS: &[&str] = &["allow", "crate"];

impl Args {
    /// Never fails: what cannot be read is reported, and the rest is kept.
    pub(crate) fn parse(tokens: TokenStream, kind: Kind, errors: &mut Errors) -> Self {
        let mut args = Args::default();
        for given in split::read_all(tokens, kind, errors) {
            let Some(given) = errors.keep(given) else {
                args.incomplete = true;
                continue;
            };
            let name = given.name.unraw().to_string();
            let Some(spec) = spec(&name).filter(|_| is_option(&name, kind)) else {
                let nearest = nearest(&name, names(kind));
                args.incomplete |= nearest.is_some();
                let message =
                    if spec(&name).is_some() { of_handlers(&name) } else { unknown(&name, nearest, kind) };
                errors.at(given.name.span(), message);
                continue;
            };
            if args.places.contains(spec.name) {
                errors.at(given.name.span(), format_args!("`{name}` is given twice; remove one of the two"));
                continue;
            }
            args.places.0.push((spec.name, given.name.span()));
            (spec.read)(&mut args, &given, errors);
        }
        args
    }
}

fn spec(name: &str) -> Option<&'static Spec> {
    OPTIONS.iter().find(|spec| spec.name == name)
}

fn is_option(name: &str, kind: Kind) -> bool {
    kind == Kind::Handler || OF_HELPERS.contains(&name)
}

fn names(kind: Kind) -> impl Iterator<Item = &'static str> {
    OPTIONS.iter().map(|spec| spec.name).filter(move |name| is_option(name, kind))
}

/// What to write for the option `name`.
fn example(name: &Ident) -> String {
    let name = name.unraw().to_string();
    spec(&name).map_or_else(|| format!("{name} = .."), |spec| spec.example.to_owned())
}

/// An option of `#[api_fn]` on a helper.
fn of_handlers(name: &str) -> String {
    let instead = match name {
        "id" => return "a helper has no id: its steps are found by their own; remove `id`".to_owned(),
        "retries" => ", or write `.retries(..)` after its steps",
        "step_timeout" => ", or write `.timeout(..)` after its steps",
        _ => "",
    };
    format!(
        "`{name}` is said of a handler, and holds for the helpers that it calls: write it in `#[api_fn(..)]` there{instead}"
    )
}

fn unknown(name: &str, nearest: Option<&str>, kind: Kind) -> String {
    let known = listed(names(kind));
    match nearest {
        Some(option) => format!("unknown option `{name}`; did you mean `{option}`? The options are {known}"),
        None => format!("unknown option `{name}`; the options are {known}"),
    }
}
