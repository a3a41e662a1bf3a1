//! What is said of the struct as a whole.

use proc_macro2::Span;
use syn::{DeriveInput, LitStr, Path, ext::IdentExt};

use super::{Derived, name, options, serde::Serde};
use crate::errors::Errors;

/// What is said of the struct as a whole.
pub(super) struct Container {
    /// `None`: it has been reported.
    name: Option<LitStr>,
    version: Option<LitStr>,
    pub(super) krate: Option<Path>,
    pub(super) rename_all: Option<String>,
}

/// An event's name and version.
pub(super) struct Event {
    pub(super) name: LitStr,
    pub(super) version: Option<LitStr>,
}

impl Container {
    /// With a name that nothing more is said of, where the user's cannot be.
    pub(super) fn event(self) -> Event {
        let name = self.name.unwrap_or_else(|| LitStr::new("unknown", Span::call_site()));
        Event { name, version: self.version }
    }
}

pub(super) fn read(input: &DeriveInput, derived: Derived, errors: &mut Errors) -> Container {
    let serde = Serde::read(&input.attrs);
    let mut container = Container { name: None, version: None, krate: None, rename_all: serde.rename_all };
    if let Some(option) = serde.other_form {
        errors.on(
            &option,
            "with this option the JSON is that of another type, whose fields are not known here: leave it out and write \
             the fields down, or send the value with `Event::new(name, value)`",
        );
    }
    let reported = errors.len();
    let suggestion = name::suggested(&input.ident.unraw().to_string());
    let example = format!("name = \"{suggestion}\"");
    let mut names_it = false;
    for given in options::read(&input.attrs, &["name", "v", "crate"], "of a struct", errors) {
        if derived == Derived::EventFields && given.name != "crate" {
            errors.at(
                given.span(),
                format_args!(
                    "`{}` is said of an event: derive `EventData` for one, or leave this out for an object inside of one",
                    given.name
                ),
            );
            continue;
        }
        match given.name {
            "name" => {
                names_it = true;
                container.name = given.text(&example, errors).filter(|text| {
                    let fault = name::fault(&text.value(), &suggestion);
                    fault.inspect(|fault| errors.at(text.span(), fault)).is_none()
                });
            }
            "v" => {
                container.version = given.text("v = \"1\"", errors).filter(|text| {
                    let empty = text.value().trim().is_empty();
                    if empty {
                        errors.at(text.span(), "`v` is empty; leave it out, or write `v = \"1\"`");
                    }
                    !empty
                });
            }
            _ => container.krate = given.path("crate = path::to::facade", errors),
        }
    }
    // What could not be read may be the name.
    if derived == Derived::EventData && !names_it && errors.len() == reported {
        errors.on(
            &input.ident,
            format_args!(
                "the event's name is missing; write `#[event({example})]` below the derive, or derive `EventFields` if it \
                 is an object inside of an event"
            ),
        );
    }
    container
}
