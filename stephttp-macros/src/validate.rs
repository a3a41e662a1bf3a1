//! Checks that need more than one piece at once, and the model that has passed them.

use proc_macro2::Span;
use syn::{
    Attribute, FnArg, GenericParam, Ident, LitStr, Pat, PatIdent, PatType, Path, PathArguments, Safety,
    Signature, Token, Type, Visibility, ext::IdentExt,
};

use crate::{
    args::{Args, Value},
    errors::Errors,
    item::{Body, Item},
    krate::{self, FindCrate},
    steps::{self, StepCall},
};

/// Inngest's limit for a function id, in bytes.
const MAX_FUNCTION_ID: usize = 255;
/// Inngest's limit for a step id, in bytes.
const MAX_STEP_ID: usize = 1024;
/// Inngest saves the run's result under this id.
const RESERVED_STEP_ID: &str = "complete";

/// An annotated function that can be expanded. Where the user's was at fault this is the good case of it, so that the
/// rest of the program sees what it will see once the fault is mended.
pub(crate) struct Endpoint {
    pub(crate) krate: Path,
    pub(crate) cfgs: Vec<Attribute>,
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    pub(crate) body: Body,
    pub(crate) id: String,
    pub(crate) retries: Option<u8>,
    /// The argument that holds the `Step`.
    pub(crate) step: Option<Ident>,
    pub(crate) calls: Vec<StepCall>,
    /// Nothing was at fault.
    pub(crate) sound: bool,
}

/// `None`: only the function itself can be emitted, as it was.
pub(crate) fn check(args: Args, item: Item, find: FindCrate, errors: &mut Errors) -> Option<Endpoint> {
    let Args { id, retries, krate, incomplete } = args;
    let cfgs = item.cfgs();
    let Item { attrs, vis, mut sig, mut body } = item;

    let id = function_id(id, incomplete, &sig.ident, errors);
    let krate = krate::resolve(krate, find, errors);
    let is_method = signature(&mut sig, errors);
    let step = step_argument(&mut sig, errors);
    let krate = krate.filter(|_| !is_method)?;

    let mut calls = Vec::new();
    if let Some(step) = &step {
        (body.tokens, calls) = steps::rewrite(body.tokens, step, &krate);
        step_ids(&calls, errors);
    }
    let sound = errors.is_empty();
    Some(Endpoint { krate, cfgs, attrs, vis, sig, body, id, retries: retries.good(), step, calls, sound })
}

/// The id to use; one made of the function's name where the user's cannot be.
fn function_id(id: Value<LitStr>, incomplete: bool, name: &Ident, errors: &mut Errors) -> String {
    let suggestion = name.unraw().to_string().trim_matches('_').replace('_', "-");
    let id = match id {
        Value::Good(id) => id,
        Value::Bad => return suggestion,
        Value::Absent if incomplete => return suggestion,
        Value::Absent => {
            errors.at(
                Span::call_site(),
                format_args!(
                    "`id` is missing; Inngest knows the function by it, also when the code has changed: write \
                     `#[api_fn(id = \"{suggestion}\")]`"
                ),
            );
            return suggestion;
        }
    };
    let text = id.value();
    if text.trim().is_empty() {
        errors.at(id.span(), format_args!("`id` is empty; write `id = \"{suggestion}\"`"));
    } else if text.trim() != text {
        errors
            .at(id.span(), format_args!("`id` begins or ends with a space; write `id = {:?}`", text.trim()));
    } else if text.len() > MAX_FUNCTION_ID {
        errors.at(
            id.span(),
            format_args!("`id` has {} bytes, and Inngest takes {MAX_FUNCTION_ID}; shorten it", text.len()),
        );
    } else {
        return text;
    }
    suggestion
}

/// Reports what axum cannot call and mends what can be mended. Returns whether this is a method.
fn signature(sig: &mut Signature, errors: &mut Errors) -> bool {
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
    let receiver = sig.receiver();
    if let Some(receiver) = receiver {
        errors.on(
            receiver,
            "a handler cannot have `self`: axum calls a free function; move it out of the `impl` and take what it \
             needs as `State(..)`",
        );
    }
    receiver.is_some()
}

/// Finds the argument that holds the `Step`, and gives it a name if it has none.
fn step_argument(sig: &mut Signature, errors: &mut Errors) -> Option<Ident> {
    let mut typed: Vec<&mut PatType> = sig.inputs.iter_mut().filter_map(typed_argument).collect();
    // An alias hides the type's name; the argument's own name is then the best hint there is.
    let by_name = !typed.iter().any(|arg| is_step(&arg.ty));
    typed.retain(|arg| if by_name { is_called_step(arg) } else { is_step(&arg.ty) });

    let mut typed = typed.into_iter();
    let step = typed.next()?;
    for other in typed {
        errors.on(
            &other.ty,
            "a handler has one `Step`; remove this one, and clone the other where you need two",
        );
    }
    match &mut *step.pat {
        Pat::Ident(pat) => Some(pat.ident.clone()),
        Pat::Wild(wild) => {
            // The user cannot name it, and it cannot hide anything of the user's.
            let ident = Ident::new("hidden_step", Span::mixed_site().located_at(wild.underscore_token.span));
            let (attrs, ident_pat) = (std::mem::take(&mut wild.attrs), ident.clone());
            let pat = PatIdent { attrs, by_ref: None, mutability: None, ident: ident_pat, subpat: None };
            *step.pat = Pat::Ident(pat);
            Some(ident)
        }
        other => {
            errors.on(other, "the `Step` needs a name here: write `step: Step`");
            None
        }
    }
}

fn typed_argument(arg: &mut FnArg) -> Option<&mut PatType> {
    match arg {
        FnArg::Typed(arg) => Some(arg),
        FnArg::Receiver(_) => None,
    }
}

/// `Step`, `inngest::Step`, `&Step`. The last is no extractor, which rustc will say.
fn is_step(ty: &Type) -> bool {
    match ty {
        Type::Path(ty) => ty.path.segments.last().is_some_and(|segment| segment.ident == "Step"),
        Type::Reference(ty) => is_step(&ty.elem),
        Type::Group(ty) => is_step(&ty.elem),
        Type::Paren(ty) => is_step(&ty.elem),
        _ => false,
    }
}

/// `step: Alias`, but not `step: Json<..>`
fn is_called_step(arg: &PatType) -> bool {
    let plain =
        |path: &Path| path.segments.iter().all(|segment| matches!(segment.arguments, PathArguments::None));
    matches!(&*arg.pat, Pat::Ident(pat) if pat.ident == "step")
        && matches!(&*arg.ty, Type::Path(ty) if plain(&ty.path))
}

fn step_ids(calls: &[StepCall], errors: &mut Errors) {
    for StepCall { id, .. } in calls {
        let text = id.value();
        if text.is_empty() {
            errors.at(
                id.span(),
                "a step's id is empty; write one that says what the step does, as \"charge-card\"",
            );
        } else if text.len() > MAX_STEP_ID {
            errors.at(
                id.span(),
                format_args!(
                    "a step's id has {} bytes, and the limit is {MAX_STEP_ID}; shorten it",
                    text.len()
                ),
            );
        } else if text == RESERVED_STEP_ID {
            errors.at(
                id.span(),
                format_args!(
                    "the step id {RESERVED_STEP_ID:?} is reserved: Inngest saves the run's result under it; write \
                     another, as \"complete-order\""
                ),
            );
        }
    }
}
