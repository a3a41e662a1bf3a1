//! Calls of deprecated functions: there is no other way to warn.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::Path;

use crate::{args::Warning, kind::Kind, krate, steps::Warned};

pub(super) fn of(warned: &[Warned], krate: &Path, kind: Kind) -> TokenStream {
    // These name the other attribute.
    let helper = (kind == Kind::Helper).then(|| quote!(::in_helper));
    let warnings = warned.iter().map(|warned| {
        let (span, krate) = (warned.place, krate::located_at(krate, warned.place));
        match warned.warning {
            Warning::Clock => quote_spanned!(span=> #krate::__private::differs_on_replay #helper::clock();),
            Warning::Random => quote_spanned!(span=> #krate::__private::differs_on_replay #helper::random();),
            Warning::Guard => quote_spanned!(span=> #krate::__private::ends_at_a_wait #helper::guard();),
            Warning::Transaction => {
                quote_spanned!(span=> #krate::__private::ends_at_a_wait #helper::transaction();)
            }
            Warning::Sleep => quote_spanned!(span=> #krate::__private::ends_at_a_wait #helper::sleep();),
            // An error, and not of this list.
            Warning::Spawn => TokenStream::new(),
        }
    });
    warnings.collect()
}
