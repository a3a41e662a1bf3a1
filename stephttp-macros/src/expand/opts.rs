//! The options as a constant expression; only what was given is written down.

use std::time::Duration;

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Path, spanned::Spanned};

use crate::{
    args::{AsyncResponse, Deliver, OnError, Track},
    krate,
    validate::Opts,
};

/// `krate::FnOpts::new("create-order").retries(3)`
pub(super) fn of(opts: &Opts, krate: &Path) -> TokenStream {
    let Opts {
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
        streams,
    } = opts;
    let mut tokens = quote!(#krate::FnOpts::new(#id));
    if let Some(retries) = retries {
        let retries = Literal::u8_unsuffixed(*retries);
        tokens.extend(quote!(.retries(#retries)));
    }
    if *omit_request_body {
        tokens.extend(quote!(.omit_request_body(true)));
    }
    if *omit_response_body {
        tokens.extend(quote!(.omit_response_body(true)));
    }
    if let Some(response) = async_response {
        let response = self::async_response(response, krate);
        tokens.extend(quote!(.async_response(#response)));
    }
    if *track == Track::Always {
        tokens.extend(quote!(.track(#krate::function::Track::Always)));
    }
    if *sync_only {
        tokens.extend(quote!(.sync_only(true)));
    }
    if let Some(time) = max_request_time {
        let time = duration(*time);
        tokens.extend(quote!(.max_request_time(#time)));
    }
    if let Some(limit) = step_timeout {
        let limit = duration(*limit);
        tokens.extend(quote!(.step_timeout(#limit)));
    }
    if let Some(deliver) = deliver {
        let deliver = match deliver {
            Deliver::AfterResponse => quote!(AfterResponse),
            Deliver::BeforeResponseEnds => quote!(BeforeResponseEnds),
        };
        tokens.extend(quote!(.deliver(#krate::function::Deliver::#deliver)));
    }
    if let Some(on_error) = on_error {
        let on_error = match on_error {
            OnError::Retry => quote!(Retry),
            OnError::Fail => quote!(Fail),
        };
        tokens.extend(quote!(.on_error(#krate::function::OnError::#on_error)));
    }
    if *streams {
        tokens.extend(quote!(.streams(true)));
    }
    tokens
}

fn duration(time: Duration) -> TokenStream {
    let millis = Literal::u64_unsuffixed(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
    quote!(::core::time::Duration::from_millis(#millis))
}

/// What is wrong with the user's function is said at its path. The closures' arguments have names
/// that it cannot mean.
fn async_response(response: &AsyncResponse, krate: &Path) -> TokenStream {
    let hidden = |name: &str| Ident::new(name, Span::mixed_site());
    match response {
        AsyncResponse::Redirect => quote!(#krate::AsyncResponse::Redirect),
        AsyncResponse::Proxy => quote!(#krate::AsyncResponse::Proxy),
        AsyncResponse::Token => quote!(#krate::AsyncResponse::Token),
        AsyncResponse::Negotiate => quote!(#krate::AsyncResponse::Negotiate),
        AsyncResponse::RedirectTo(path) => {
            let span = Span::call_site().located_at(path.span());
            let door = krate::located_at(krate, span);
            let output = hidden("stephttp_output");
            // As if it were the user's: rustc reports a bound that fails there.
            let url = Ident::new("stephttp_url", path.span());
            let call =
                quote_spanned!(span=> #door::__private::async_response::Redirect(#path, #output).#url());
            quote!(#krate::AsyncResponse::RedirectTo(|#output| {
                #[allow(unused_imports)]
                use #krate::__private::async_response::methods::*;
                #call
            }))
        }
        AsyncResponse::Custom(path) => {
            let span = Span::call_site().located_at(path.span());
            let door = krate::located_at(krate, span);
            let (parts, output) = (hidden("stephttp_parts"), hidden("stephttp_output"));
            // As if it were the user's: rustc reports a bound that fails there.
            let answer = Ident::new("stephttp_custom", path.span());
            let call = quote_spanned!(span=> #door::__private::async_response::Custom(#path).#answer(#parts, #output));
            quote!(#krate::AsyncResponse::Custom(|#parts, #output| {
                #[allow(unused_imports)]
                use #krate::__private::async_response::methods::*;
                #call
            }))
        }
    }
}
