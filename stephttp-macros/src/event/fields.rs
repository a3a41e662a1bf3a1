//! The fields, by the names that they have in JSON.

use quote::ToTokens;
use syn::{
    Data, DeriveInput, Field, Fields, GenericParam, Ident, Token, Type, Visibility, ext::IdentExt,
    punctuated::Punctuated,
};

use super::{
    integers, options,
    serde::{Serde, renamed},
};
use crate::errors::Errors;

/// A field that a filter can name.
pub(super) struct Named<'a> {
    pub(super) ident: &'a Ident,
    pub(super) vis: &'a Visibility,
    pub(super) ty: &'a Type,
    /// In JSON; `None` if it is flattened into what it stands in.
    pub(super) name: Option<String>,
    /// What is in JSON is not what the type says.
    pub(super) custom: bool,
}

/// The fields; `None` if it can have none, which has been reported.
pub(super) fn read<'a>(
    input: &'a DeriveInput,
    rename_all: Option<&str>,
    errors: &mut Errors,
) -> Option<Vec<Named<'a>>> {
    let fields = shape(input, errors)?;
    let named = fields.iter().filter_map(|field| one(field, rename_all, errors)).collect();
    // What borrows is sent, and what waits for it says that it owns nothing.
    if input.generics.params.iter().all(|param| matches!(param, GenericParam::Lifetime(_))) {
        return Some(named);
    }
    errors.on(
        &input.generics,
        "an event has one form: write the types out; or send the value as it is, with `Event::new(name, value)`",
    );
    None
}

/// Fields that make a JSON object, always the same ones.
fn shape<'a>(input: &'a DeriveInput, errors: &mut Errors) -> Option<&'a Punctuated<Field, Token![,]>> {
    let name = &input.ident;
    let (place, problem): (&dyn ToTokens, String) = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => return Some(&fields.named),
            Fields::Unnamed(fields) => {
                (fields, "an event's data is a JSON object, whose fields have names: name them, as `{ order: String }`".to_owned())
            }
            Fields::Unit => {
                (name, format!("an event's data is a JSON object, and this is written as `null`: write `struct {name} {{}}`"))
            }
        },
        Data::Enum(data) => (
            &data.enum_token,
            "an event has the same fields each time, and an enum other ones for each variant: derive `EventData` for a \
             struct for each event, or put the enum into a field; or send the value as it is, with `Event::new(name, value)`"
                .to_owned(),
        ),
        Data::Union(data) => (&data.union_token, "a union cannot be written as JSON: make it a struct".to_owned()),
    };
    errors.on(place, problem);
    None
}

fn one<'a>(field: &'a Field, rename_all: Option<&str>, errors: &mut Errors) -> Option<Named<'a>> {
    let ident = field.ident.as_ref()?;
    let mut safe = false;
    for given in options::read(&field.attrs, &["safe_integer"], "of a field", errors) {
        safe |= given.flag(errors);
    }
    let serde = Serde::read(&field.attrs);
    if serde.skipped {
        return None;
    }
    if !safe
        && !serde.custom
        && let Some(large) = integers::too_large(&field.ty)
    {
        let small = integers::instead(large).unwrap_or("u32");
        errors.on(
            large,
            format_args!(
                "Inngest keeps the numbers of an event as 64-bit floats, which hold integers up to ±(2^53 - 1), and `{large}` \
                 goes on: write `{small}`, or `String` for what is not calculated with. If the values are always small \
                 enough, put `#[event(safe_integer)]` on the field: an event with a larger one is then not sent"
            ),
        );
    }
    let own = || {
        let name = ident.unraw().to_string();
        rename_all.map_or_else(|| name.clone(), |rule| renamed(&name, rule))
    };
    let name = (!serde.flattened).then(|| serde.rename.unwrap_or_else(own));
    Some(Named { ident, vis: &field.vis, ty: &field.ty, name, custom: serde.custom })
}
