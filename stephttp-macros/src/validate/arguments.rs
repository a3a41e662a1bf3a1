//! The arguments, and what is said of them.

use syn::{Attribute, FnArg, Meta, Signature, Type};

use crate::{errors::Errors, nearest::nearest};

pub(crate) struct Argument {
    pub(crate) ty: Type,
    pub(crate) replay: Replay,
}

/// Whether an argument is the same in a re-entry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Replay {
    /// Its type must say so.
    Asked,
    /// `#[replayable]`: it is.
    Declared,
    /// `#[not_replayed]`: it need not be.
    Waived,
}

const ATTRIBUTES: &[(&str, Replay)] = &[("replayable", Replay::Declared), ("not_replayed", Replay::Waived)];

/// Takes our attributes off the arguments.
pub(super) fn arguments(sig: &mut Signature, errors: &mut Errors) -> Vec<Argument> {
    let mut arguments = Vec::new();
    for arg in &mut sig.inputs {
        let FnArg::Typed(arg) = arg else { continue };
        let mut replay = Replay::Asked;
        arg.attrs.retain(|attr| match said(attr, errors) {
            Some(said) => {
                replay = said;
                false
            }
            None => true,
        });
        arguments.push(Argument { ty: (*arg.ty).clone(), replay });
    }
    arguments
}

fn said(attr: &Attribute, errors: &mut Errors) -> Option<Replay> {
    let name = attr.path().get_ident()?.to_string();
    let names = || ATTRIBUTES.iter().map(|(known, _)| *known);
    // Of one that is misspelt rustc says only that there is none.
    let meant = nearest(&name, names())?;
    if meant != name {
        errors.on(&attr.meta, format_args!("unknown attribute `{name}`; did you mean `#[{meant}]`?"));
    } else if !matches!(attr.meta, Meta::Path(_)) {
        errors.on(&attr.meta, format_args!("`#[{name}]` takes nothing: write it alone"));
    }
    ATTRIBUTES.iter().find(|(known, _)| *known == meant).map(|(_, replay)| *replay)
}
