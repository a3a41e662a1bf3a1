//! `Live`: a function whose client reads a stream.

use syn::{FnArg, ReturnType, Signature, Type, spanned::Spanned};

use super::Opts;
use crate::{args::Places, errors::Errors, steps::Body, tokens::mentions};

/// Whether the function streams. Reports what cannot go with that.
pub(super) fn live(
    sig: &Signature,
    opts: &Opts,
    body: Option<&Body>,
    places: &Places,
    errors: &mut Errors,
) -> bool {
    let mut lives = sig.inputs.iter().filter_map(|arg| match arg {
        FnArg::Typed(arg) if is_live(&arg.ty) => Some(&*arg.ty),
        _ => None,
    });
    let Some(first) = lives.next() else { return false };
    for second in lives {
        errors.on(
            second,
            "one `Live` is all that a handler needs: remove this one, and clone the other where two are used",
        );
    }
    if body.is_none() {
        errors.on(
            first,
            "`Live` streams what a run's steps have for its client: take `step: Step` beside it. A handler without steps \
             answers with axum's `Sse`",
        );
    }
    if let ReturnType::Type(_, output) = &sig.output
        && mentions(output, "Sse")
    {
        errors.at(
            output.span(),
            "a handler with `Live` cannot answer with a stream of its own: its response is the last event of the run's \
             stream. Answer with what the stream comes to, or remove `Live`",
        );
    }
    if opts.omit_response_body && !opts.sync_only {
        errors.at(
            places.of("omit_response_body"),
            "`omit_response_body` keeps the response from Inngest, and what a `Live` sends passes through Inngest once the \
             run is handed over: remove one of the two, or add `sync_only`",
        );
    }
    true
}

/// `Live`, `inngest::Live`
fn is_live(ty: &Type) -> bool {
    let Type::Path(path) = ty else { return false };
    path.qself.is_none()
        && path.path.segments.last().is_some_and(|last| last.ident == "Live" && last.arguments.is_none())
}
