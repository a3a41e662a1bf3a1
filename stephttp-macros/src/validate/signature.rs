//! The signature that axum can call.

use syn::{FnArg, GenericParam, Safety, Signature, Token, Type};

use super::step_argument::is_step;
use crate::{cfgs, errors::Errors, item::Body, place::Place, tokens::mentions};

/// How many arguments axum takes.
const MAX_ARGUMENTS: usize = 16;

/// Reports what axum cannot call and mends what can be mended. Returns whether this is a method.
pub(super) fn signature(sig: &mut Signature, body: &Body, place: Place, errors: &mut Errors) -> bool {
    if let Some(keyword) = sig.constness.take() {
        errors.on(keyword, "a handler cannot be `const`: it waits for its steps; remove `const`");
    }
    if let Safety::Unsafe(keyword) = std::mem::take(&mut sig.safety) {
        errors.on(
            keyword,
            "a handler cannot be `unsafe`: axum calls it for anybody's request; remove `unsafe`",
        );
    }
    if let Some(abi) = sig.abi.take() {
        errors.on(abi, "a handler cannot be `extern`: axum calls it as a Rust function; remove this");
    }
    if sig.asyncness.is_none() {
        errors
            .on(sig.fn_token, "a handler must be `async`, because it waits for its steps: write `async fn`");
        sig.asyncness = Some(Token![async](sig.fn_token.span));
    }
    if let Some(variadic) = sig.variadic.take() {
        errors.on(
            variadic,
            "a handler cannot take `...`: axum gives it one value for each argument; remove this",
        );
    }
    if !sig.generics.params.is_empty() {
        let only_lifetimes =
            sig.generics.params.iter().all(|param| matches!(param, GenericParam::Lifetime(_)));
        errors.on(
            &sig.generics,
            if only_lifetimes {
                "a handler cannot have lifetimes: what it takes is made for it and owned by it; remove them"
            } else {
                "handlers cannot be generic: axum needs one concrete function; write the types themselves"
            },
        );
    }
    let mut number = 0;
    for arg in &mut sig.inputs {
        if let FnArg::Typed(arg) = arg {
            argument(&mut arg.ty, errors);
            // Which of those under a condition exist is not known.
            if !cfgs::of(&arg.attrs).is_empty() {
                continue;
            }
        }
        number += 1;
        if number == MAX_ARGUMENTS + 1 {
            errors.on(
                arg,
                format_args!(
                    "a handler takes at most {MAX_ARGUMENTS} arguments in axum; put several into one struct that \
                     derives `FromRequestParts`"
                ),
            );
        }
    }
    let receiver = sig.receiver();
    if let Some(receiver) = receiver {
        errors.on(
            receiver,
            "a handler cannot have `self`: axum calls a free function; move it out of the `impl` and take what it \
             needs as `State(..)`",
        );
    }
    let is_in_impl = receiver.is_none() && (place == Place::Impl || mentions_self(sig, body));
    if is_in_impl {
        errors.on(
            &sig.ident,
            "a handler cannot stand in an `impl`: axum calls a free function; move it out, and write the type's name for \
             `Self`. In an `impl`, `#[step_fn]` is for functions that a handler calls",
        );
    }
    receiver.is_some() || is_in_impl
}

/// `step: &Step`
pub(super) fn borrows_step(sig: &Signature) -> bool {
    sig.inputs.iter().any(|arg| match arg {
        FnArg::Typed(arg) => matches!(&*arg.ty, Type::Reference(ty) if is_step(&ty.elem)),
        FnArg::Receiver(_) => false,
    })
}

/// Whether it says `Self`, as only what is in an `impl` can.
fn mentions_self(sig: &Signature, body: &Body) -> bool {
    let has_own = || mentions(&body.tokens, "impl") || mentions(&body.tokens, "trait");
    mentions(sig, "Self") || (mentions(&body.tokens, "Self") && !has_own())
}

fn argument(ty: &mut Type, errors: &mut Errors) {
    match ty {
        Type::Reference(reference) => {
            errors.on(
                &*reference,
                "a handler cannot borrow: what it takes is made for it and owned by it; remove the `&`",
            );
            // So that axum does not complain of it, too, where it is routed.
            if is_step(&reference.elem) {
                *ty = (*reference.elem).clone();
            }
        }
        ty if mentions(&*ty, "impl") => errors.on(
            &*ty,
            "a handler's argument cannot be `impl ..`: axum needs one concrete function; write the type itself",
        ),
        _ => {}
    }
}
