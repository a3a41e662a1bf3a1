//! The argument that holds the `Step`.

use proc_macro2::Span;
use syn::{
    Attribute, FnArg, Ident, Pat, PatIdent, PatType, Path, PathArguments, Signature, Type, parse_quote,
};

use crate::{cfgs, errors::Errors, item::Body, kind::Kind, steps, tokens::ungrouped};

/// Finds the argument that holds the `Step`, gives it a name if it has none, and says on what
/// conditions it exists.
pub(super) fn step_argument(
    sig: &mut Signature,
    kind: Kind,
    errors: &mut Errors,
) -> Option<(Ident, Vec<Attribute>)> {
    let mut typed: Vec<&mut PatType> = sig.inputs.iter_mut().filter_map(typed_argument).collect();
    // An alias hides the type's name; the argument's own name is then the best hint there is.
    let by_name = !typed.iter().any(|arg| is_step(&arg.ty));
    typed.retain(|arg| if by_name { is_called_step(arg) } else { is_step(&arg.ty) });

    let mut typed = typed.into_iter();
    let step = typed.next()?;
    for other in typed {
        errors.on(
            &other.ty,
            match kind {
                Kind::Handler => {
                    "a handler has one `Step`; remove this one, and clone the other where you need two"
                }
                Kind::Helper => {
                    "a helper takes one `Step`, since all of its steps are of one run; remove this one, and clone the \
                     other where you need two"
                }
            },
        );
    }
    let cfgs = cfgs::of(&step.attrs);
    match &mut *step.pat {
        Pat::Ident(pat) => Some((pat.ident.clone(), cfgs)),
        Pat::Wild(wild) => {
            // The user cannot name it, and it cannot hide anything of the user's. A static of this
            // name could hide it.
            let ident =
                Ident::new("stephttp_hidden_step", Span::mixed_site().located_at(wild.underscore_token.span));
            // A helper does nothing with it.
            if kind == Kind::Helper {
                return Some((ident, cfgs));
            }
            let (attrs, ident_pat) = (std::mem::take(&mut wild.attrs), ident.clone());
            let pat = PatIdent { attrs, by_ref: None, mutability: None, ident: ident_pat, subpat: None };
            *step.pat = Pat::Ident(pat);
            Some((ident, cfgs))
        }
        other => {
            let example = if kind == Kind::Handler { "step: Step" } else { "step: &Step" };
            errors.on(other, format_args!("the `Step` needs a name here: write `{example}`"));
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

/// `Step`, `inngest::Step`, `&Step`. The last is a mistake of its own in a handler.
pub(super) fn is_step(ty: &Type) -> bool {
    match ungrouped(ty) {
        Type::Path(ty) => ty.path.segments.last().is_some_and(|segment| segment.ident == "Step"),
        Type::Reference(ty) => is_step(&ty.elem),
        _ => false,
    }
}

/// `step: Alias`, `step: &Alias`, but not `step: Json<..>`
fn is_called_step(arg: &PatType) -> bool {
    let plain =
        |path: &Path| path.segments.iter().all(|segment| matches!(segment.arguments, PathArguments::None));
    let mut ty = ungrouped(&arg.ty);
    while let Type::Reference(reference) = ty {
        ty = ungrouped(&reference.elem);
    }
    matches!(&*arg.pat, Pat::Ident(pat) if pat.ident == "step")
        && matches!(ty, Type::Path(ty) if plain(&ty.path))
}

/// Reports steps in a function that has no `Step`, and gives it one.
pub(super) fn missing_step(
    sig: &mut Signature,
    body: &Body,
    krate: &Path,
    kind: Kind,
    errors: &mut Errors,
) -> Option<Ident> {
    let named_so = sig.inputs.iter().any(|arg| crate::tokens::mentions(arg, "step"));
    let tokens: Vec<_> = body.tokens.clone().into_iter().collect();
    let step = steps::unbound(&tokens).filter(|_| !named_so)?;
    let (message, arg): (_, FnArg) = match kind {
        Kind::Handler => (
            "this handler has no `Step`, which is what steps are run with: add `step: Step` to its arguments, before the \
             one that reads the body",
            parse_quote!(#step: #krate::Step),
        ),
        Kind::Helper => (
            "this helper has no `Step`, which is what steps are run with: add `step: &Step` to its arguments",
            parse_quote!(#step: &#krate::Step),
        ),
    };
    errors.at(step.span(), message);
    sig.inputs.insert(usize::from(sig.receiver().is_some()), arg);
    Some(step)
}
