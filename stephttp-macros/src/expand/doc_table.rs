//! What a function's documentation says about the endpoint, or the helper.

use std::fmt::Write;

use proc_macro2::TokenStream;
use quote::quote;
use syn::Attribute;

use crate::{
    args::{AsyncResponse, Deliver, OnError, Track},
    steps::StepCall,
    validate::{Endpoint, Opts},
};

/// `#[doc = " .."]`, to stand after the user's own.
pub(super) fn of(endpoint: &Endpoint) -> TokenStream {
    documented(&endpoint.attrs, &table(endpoint))
}

/// The same for a helper.
pub(super) fn of_helper(attrs: &[Attribute], calls: &[StepCall]) -> TokenStream {
    documented(
        attrs,
        &format!("\n\n| Helper of durable endpoints | |\n|-|-|\n| steps | {} |\n", steps(calls)),
    )
}

fn documented(attrs: &[Attribute], table: &str) -> TokenStream {
    // Attributes that make a description of the documentation would take this for a part of it;
    // they do not look into `cfg_attr`.
    if attrs.iter().any(describes) { quote!(#[cfg_attr(doc, doc = #table)]) } else { quote!(#[doc = #table]) }
}

/// `#[utoipa::path(..)]`
fn describes(attr: &Attribute) -> bool {
    attr.path().segments.last().is_some_and(|last| last.ident == "path")
        && attr.meta.require_name_value().is_err()
}

fn table(endpoint: &Endpoint) -> String {
    let Endpoint { opts, calls, reentered, .. } = endpoint;
    let mut table = String::from("\n\n| Durable endpoint | |\n|-|-|\n");
    let mut row = |name: &str, value: &str| _ = writeln!(table, "| {name} | {value} |");

    row("id", &code(&opts.id));
    row("steps", &steps(calls));
    row("retries", &retries(opts));
    row("stored at Inngest", &stored(opts, endpoint.step.is_some()));
    if *reentered {
        row("answer when handed over", answer(opts));
    }
    if opts.streams {
        row("streams", "to clients that send `Accept: text/event-stream`");
    }
    if let Some(time) = opts.max_request_time {
        row("handed over", &format!("before the first step after {time:?}"));
    }
    match opts.deliver {
        Some(Deliver::BeforeResponseEnds) => row("told to Inngest", "before the response ends"),
        Some(Deliver::AfterResponse) => row("told to Inngest", "after the response"),
        None => {}
    }
    if let Some(limit) = opts.step_timeout {
        row("time limit", &format!("{limit:?} for each attempt of a step"));
    }
    if let Some(on_error) = opts.on_error {
        row(
            "an error of the handler",
            match on_error {
                OnError::Retry => "is retried when Inngest has called it back",
                OnError::Fail => "ends the run",
            },
        );
    }
    table
}

fn steps(calls: &[StepCall]) -> String {
    let steps: Vec<String> = calls
        .iter()
        .filter_map(|call| Some((code(&call.id.as_ref()?.value()), call.method.name)))
        .map(|(id, method)| if method == "run" { id } else { format!("{id} ({method})") })
        .collect();
    if steps.is_empty() { "none with a literal id".to_owned() } else { steps.join(", ") }
}

fn retries(opts: &Opts) -> String {
    match opts.retries {
        _ if opts.sync_only => "none: always answers in its first request".to_owned(),
        None => "the default".to_owned(),
        Some(0) => "none".to_owned(),
        Some(1) => "1 for each step".to_owned(),
        Some(retries) => format!("{retries} for each step"),
    }
}

fn stored(opts: &Opts, has_step: bool) -> String {
    let mut stored = Vec::new();
    if !opts.omit_request_body {
        stored.push("request body");
    }
    if has_step {
        stored.push("results of steps");
    }
    if !opts.omit_response_body {
        stored.push("response body");
    }
    let stored = if stored.is_empty() { "no bodies".to_owned() } else { stored.join(", ") };
    match opts.track {
        Track::Always => format!("{stored}; for each request"),
        Track::WithSteps => format!("{stored}; for requests that run a step"),
    }
}

fn answer(opts: &Opts) -> &'static str {
    match &opts.async_response {
        None => "the provider's default",
        Some(AsyncResponse::Redirect) => "303 to the run's output at Inngest",
        Some(AsyncResponse::RedirectTo(_)) => "303 to a URL of the application's",
        Some(AsyncResponse::Proxy) => "303 to the run's output at the app's own output route",
        Some(AsyncResponse::Negotiate) => "303, or 202 with `{\"run_id\", \"token\"}`, as the client prefers",
        Some(AsyncResponse::Token) => "200 with `{\"run_id\", \"token\"}`",
        Some(AsyncResponse::Custom(_)) => "the application's own",
    }
}

/// As inline code within a table, whatever is in it.
fn code(text: &str) -> String {
    let fence = "`".repeat(text.split(|c| c != '`').map(str::len).max().unwrap_or(0) + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    let text = text.replace('|', "\\|").replace(['\n', '\r'], " ");
    format!("{fence}{pad}{text}{pad}{fence}")
}
