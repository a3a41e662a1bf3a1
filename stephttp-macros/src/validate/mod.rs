//! Checks that need more than one piece at once, and the model that has passed them.

mod arguments;
mod function_id;
mod hand_over;
mod helper;
mod limits;
mod live;
mod signature;
mod step_argument;
mod step_calls;

use std::time::Duration;

use quote::quote;
use syn::{Attribute, Ident, Path, Signature, Visibility};

pub(crate) use self::{
    arguments::{Argument, Replay},
    helper::{Helper, check as check_helper},
};
use crate::{
    args::{Args, AsyncResponse, Deliver, OnError, Track, Value, Warning},
    errors::Errors,
    item::{Body, Item},
    kind::Kind,
    krate::{self, FindCrate},
    place::Place,
    steps::{self, Answer, StepCall, Warned},
    tokens::mentions,
};

/// An annotated function that can be expanded. Where the user's was at fault this is the good case
/// of it, so that the rest of the program sees what it will see once the fault is mended.
pub(crate) struct Endpoint {
    pub(crate) krate: Path,
    pub(crate) cfgs: Vec<Attribute>,
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    pub(crate) body: Body,
    pub(crate) opts: Opts,
    /// The argument that holds the `Step`.
    pub(crate) step: Option<Ident>,
    /// The conditions under which that argument exists.
    pub(crate) step_cfgs: Vec<Attribute>,
    pub(crate) calls: Vec<StepCall>,
    /// The body calls methods of `krate::__private::block::methods`.
    pub(crate) typed: bool,
    /// The handler can run again for the same run.
    pub(crate) reentered: bool,
    pub(crate) warned: Vec<Warned>,
    /// If axum can call the function.
    pub(crate) arguments: Option<Vec<Argument>>,
    /// It stands in an `impl`, where nothing can be put beside it.
    pub(crate) is_method: bool,
    /// Nothing was at fault.
    pub(crate) sound: bool,
}

/// The options, as far as they are good.
pub(crate) struct Opts {
    pub(crate) id: String,
    pub(crate) retries: Option<u8>,
    pub(crate) omit_request_body: bool,
    pub(crate) omit_response_body: bool,
    pub(crate) async_response: Option<AsyncResponse>,
    pub(crate) track: Track,
    pub(crate) sync_only: bool,
    pub(crate) max_request_time: Option<Duration>,
    pub(crate) deliver: Option<Deliver>,
    pub(crate) step_timeout: Option<Duration>,
    pub(crate) on_error: Option<OnError>,
    /// It takes a `Live`.
    pub(crate) streams: bool,
}

/// `None`: only the function itself can be emitted, as it was.
pub(crate) fn check(
    args: Args,
    item: Item,
    find: FindCrate,
    place: Place,
    errors: &mut Errors,
) -> Option<Endpoint> {
    let Args {
        id,
        retries,
        omit_request_body,
        omit_response_body,
        async_response,
        track,
        sync_only,
        max_request_time,
        deliver,
        step_timeout,
        on_error,
        allow,
        krate,
        places,
        incomplete,
    } = args;
    let cfgs = item.cfgs();
    let Item { mut attrs, vis, mut sig, mut body } = item;
    helper::stacked(&mut attrs, errors);

    let id = function_id::function_id(id, incomplete, &sig.ident, errors);
    let krate = krate::resolve(krate, find, errors);
    let mut opts = Opts {
        id,
        retries: None,
        omit_request_body: omit_request_body.good().unwrap_or_default(),
        omit_response_body: omit_response_body.good().unwrap_or_default(),
        async_response: async_response.good(),
        track: track.good().unwrap_or(Track::WithSteps),
        sync_only: sync_only.good().unwrap_or_default(),
        max_request_time: max_request_time.good(),
        deliver: deliver.good(),
        step_timeout: step_timeout.good(),
        on_error: on_error.good(),
        streams: false,
    };
    hand_over::conflicts(&opts, &retries, &places, errors);
    let has_retries = !matches!(retries, Value::Absent);
    opts.retries = retries.good();

    let before = errors.len();
    let borrows_step = signature::borrows_step(&sig);
    let is_method = signature::signature(&mut sig, &body, place, errors);
    let (step, step_cfgs) = step_argument::step_argument(&mut sig, Kind::Handler, errors).unzip();
    let step_cfgs = step_cfgs.unwrap_or_default();
    let arguments = arguments::arguments(&mut sig, errors);
    // What is configured out has a type that may not exist, which only the compiler knows.
    let configured = sig.inputs.iter().any(|arg| mentions(arg, "cfg") || mentions(arg, "cfg_attr"));
    let arguments = (errors.len() == before && !configured).then_some(arguments);
    let krate = krate?;
    let step = step.or_else(|| step_argument::missing_step(&mut sig, &body, &krate, Kind::Handler, errors));

    let allowed: Vec<Warning> = allow.good().unwrap_or_default();
    let answer = Answer::of(&sig.output, Kind::Handler);
    let scanned = step.as_ref().map(|step| {
        let mut scanned = steps::rewrite(body.tokens.clone(), step, &krate, &allowed, answer, errors);
        body.tokens = std::mem::take(&mut scanned.tokens);
        scanned
    });
    opts.streams = live::live(&sig, &opts, scanned.as_ref(), &places, errors);
    // It is owned now, and used as it was written.
    if let Some(step) = step.as_ref().filter(|_| borrows_step) {
        let tokens = &body.tokens;
        body.tokens = quote!(let #step = &#step; #tokens);
    }
    hand_over::idle_options(&opts, scanned.as_ref(), &places, errors);
    limits::idle_timeout(&opts, scanned.as_ref(), &places, errors);
    let reentered = scanned.as_ref().is_some_and(|body| hand_over::can_be_reentered(&opts, body));
    let typed = scanned.as_ref().is_some_and(|body| body.typed);
    let (calls, mut warned) = scanned.map(|body| (body.calls, body.warned)).unwrap_or_default();
    step_calls::ids(&calls, errors);
    limits::retries(&opts, has_retries, &calls, errors);
    if opts.sync_only {
        hand_over::waits(&calls, errors);
    }
    let retried = opts.retries != Some(0);
    warned
        .retain(|warned| reentered && (retried || !warned.by_retries) && !allowed.contains(&warned.warning));

    let sound = errors.is_empty();
    Some(Endpoint {
        krate,
        cfgs,
        attrs,
        vis,
        sig,
        body,
        opts,
        step,
        step_cfgs,
        calls,
        typed,
        reentered,
        warned,
        arguments,
        is_method,
        sound,
    })
}
