//! A function that runs steps for the handlers that call it.

use proc_macro2::Span;
use syn::{Attribute, Path, Signature, Visibility};

use super::{step_argument, step_calls};
use crate::{
    args::{Args, Warning},
    errors::Errors,
    item::{Body, Item},
    kind::Kind,
    krate::{self, FindCrate},
    steps::{self, Answer, StepCall, Warned},
};

/// A helper that can be expanded; the good case of it, as an `Endpoint` is.
pub(crate) struct Helper {
    pub(crate) krate: Path,
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    pub(crate) body: Body,
    pub(crate) calls: Vec<StepCall>,
    /// The body calls methods of `krate::__private::block::methods`.
    pub(crate) typed: bool,
    pub(crate) warned: Vec<Warned>,
    /// Nothing was at fault.
    pub(crate) sound: bool,
}

/// What is said of a function that has both attributes.
const STACKED: &str = "`#[api_fn]` does for a handler what `#[step_fn]` does for the functions that it calls; remove \
                       `#[step_fn]`";

/// `None`: only the function itself can be emitted, as it was.
pub(crate) fn check(args: Args, item: Item, find: FindCrate, errors: &mut Errors) -> Option<Helper> {
    // It has been refused to take others.
    let Args { allow, krate, .. } = args;
    let Item { attrs, vis, mut sig, mut body } = item;
    if attrs.iter().any(|attr| is_named(attr, "api_fn")) {
        errors.at(Span::call_site(), STACKED);
        return None;
    }
    let krate = krate::resolve(krate, find, errors)?;

    let before = errors.len();
    let mut unseen = false;
    let step = step_argument::step_argument(&mut sig, Kind::Helper, errors);
    let step = step.map(|(step, _)| step);
    let step = step.or_else(|| step_argument::missing_step(&mut sig, &body, &krate, Kind::Helper, errors));
    if step.is_none() && errors.len() == before {
        errors.at(
            sig.ident.span(),
            "a helper takes the `Step` of the handler that calls it: add `step: &Step` to its arguments. Steps of a \
             `Step` that comes by another way, in a struct say, are not seen by `#[step_fn]`",
        );
        body.tokens = steps::type_blocks(std::mem::take(&mut body.tokens), &krate);
        unseen = true;
    }

    let allowed: Vec<Warning> = allow.good().unwrap_or_default();
    let answer = Answer::of(&sig.output, Kind::Helper);
    let scanned = step.map(|step| {
        steps::rewrite(std::mem::take(&mut body.tokens), &step, &krate, &allowed, answer, errors)
    });
    let (mut calls, mut warned, mut typed) = (Vec::new(), Vec::new(), unseen);
    if let Some(scanned) = scanned {
        body.tokens = scanned.tokens;
        (calls, warned, typed) = (scanned.calls, scanned.warned, scanned.typed);
    }
    step_calls::ids(&calls, errors);
    // That the handler can run again is not known here, and is the rule.
    warned.retain(|warned: &Warned| !allowed.contains(&warned.warning));

    let sound = errors.is_empty();
    Some(Helper { krate, attrs, vis, sig, body, calls, typed, warned, sound })
}

/// Takes `#[step_fn]` off a handler.
pub(super) fn stacked(attrs: &mut Vec<Attribute>, errors: &mut Errors) {
    attrs.retain(|attr| {
        let is_stacked = is_named(attr, "step_fn");
        if is_stacked {
            errors.on(attr, STACKED);
        }
        !is_stacked
    });
}

fn is_named(attr: &Attribute, name: &str) -> bool {
    attr.path().segments.last().is_some_and(|last| last.ident == name)
}
