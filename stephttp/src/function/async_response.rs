//! What a client gets when its run is handed over to Inngest.

use std::fmt;
use std::pin::Pin;

use axum::response::Response;
use http::request::Parts;

use crate::wire::RunId;

/// What a client gets when its run is handed over to Inngest: its request is answered before the
/// handler has ended.
///
/// It gets this once Inngest has taken the run over. When that fails, it gets a 503 instead,
/// whatever is chosen here.
///
/// Set by the `async_response` option of [`#[api_fn]`](macro@crate::api_fn), or by a handler
/// without the attribute with [`FnOpts::async_response`](crate::FnOpts::async_response); else by
/// [`SetupOpts::async_response`](crate::SetupOpts::async_response). Where neither
/// is set, it is [`Proxy`](Self::Proxy) in an app that has made its output route, and
/// [`Redirect`](Self::Redirect) in another.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum AsyncResponse {
    /// 303 to the run's output at Inngest, where it is waited for; also in an app that has an
    /// output route.
    ///
    /// # What may happen
    ///
    /// - **An empty 200 in place of the response.** Inngest looks every two seconds whether the run
    ///   has ended, and stores that it has before it stores its output. Of 30 runs that ended close
    ///   to such a look, up to 12 gave their clients a 200 with an empty body. Asking again a
    ///   moment later gives the response, but a client that was redirected does not ask again. The
    ///   app's own route does: see [`Proxy`](Self::Proxy).
    /// - **An empty 200 for a run that was cancelled**, always. The app's own route answers 410.
    /// - A 200 with JSON that says `{"status": "running", ..}` after five minutes, though the run
    ///   goes on.
    #[doc(alias = "AsyncResponseRedirect")]
    Redirect,
    /// 303 to the run's output at the app's own output route, which [`Provider::output_route`]
    /// makes: clients need not reach Inngest, nor see its address, and the route asks again for
    /// what Inngest does not give at once. It is what clients get by default in an app that has
    /// made the route.
    ///
    /// `Location: /runs/01J…/output?token=eyJ…&signature=…`, relative to the origin that the client
    /// used. The route gives outputs to whoever has that URL, and it has been made by the app.
    /// Where no route has been made, it is as [`Redirect`](Self::Redirect), and the log says so.
    ///
    /// A client whose run was cancelled gets 410 there.
    ///
    /// [`Provider::output_route`]: crate::Provider::output_route
    Proxy,
    /// 303 to a URL of the application's, or to one that is relative to the request's.
    ///
    /// When it gives no URL, or panics, the client gets a 500, whose cause is logged, and the run
    /// is given up: a client that tries again begins another.
    #[doc(alias = "AsyncResponseRedirect")]
    RedirectTo(fn(&RunOutput) -> String),
    /// 200 with JSON: `{"run_id": "01J…", "token": "eyJ…", "url":
    /// "/runs/01J…/output?token=eyJ…&signature=…"}`. The URL is that of the app's own output route,
    /// relative to the request's unless [`OutputOpts::prefix`](crate::output::OutputOpts::prefix)
    /// names an origin; in an app without one it is Inngest's. The token allows reading the run's
    /// output at Inngest for an hour; the app's own route also asks for the app's signature, which
    /// the URL has.
    #[doc(alias = "AsyncResponseToken")]
    Token,
    /// As the client asks: with `Prefer: respond-async` (RFC 7240) it gets 202, `Location` with
    /// where the output will be, and the JSON of [`Token`](Self::Token); any other, such as a
    /// browser, gets a 303 to there.
    ///
    /// That is the app's own output route, as with [`Proxy`](Self::Proxy), if the app has made it;
    /// else Inngest, as with [`Redirect`](Self::Redirect).
    Negotiate,
    /// Whatever the application makes of the request, as the handler got it, and of where the
    /// output will be.
    ///
    /// It may take its time, and the client waits. When it panics, the client gets a 500, and the
    /// run is given up.
    #[doc(alias = "AsyncResponseCustom")]
    Custom(fn(Parts, RunOutput) -> CustomResponse),
}

/// The answer of [`AsyncResponse::Custom`].
pub(crate) type CustomResponse = Pin<Box<dyn Future<Output = Response> + Send>>;

impl fmt::Debug for AsyncResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Redirect => "Redirect",
            Self::Proxy => "Proxy",
            Self::RedirectTo(_) => "RedirectTo(..)",
            Self::Token => "Token",
            Self::Negotiate => "Negotiate",
            Self::Custom(_) => "Custom(..)",
        })
    }
}

/// Where the output of a run will be.
#[derive(Clone)]
pub struct RunOutput {
    run_id: RunId,
    token: String,
    url: String,
    own_url: Option<String>,
}

impl RunOutput {
    pub(crate) fn new(run_id: RunId, token: String, url: String, own_url: Option<String>) -> Self {
        Self { run_id, token, url, own_url }
    }

    /// The run.
    #[must_use]
    pub fn run_id(&self) -> RunId {
        self.run_id
    }

    /// Allows reading the run's output at Inngest, and nothing else, for an hour. Keep it out of
    /// logs.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Where Inngest gives the output to whoever has the token, which is part of it. A GET request
    /// waits there until the run has ended.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The app's own, or else Inngest's.
    pub(crate) fn nearest_url(&self) -> &str {
        self.own_url().unwrap_or(&self.url)
    }

    /// Where the app itself gives the output to whoever has this URL, with its token and the app's
    /// signature: its output route, made by
    /// [`Provider::output_route`](crate::Provider::output_route); `None` without one.
    ///
    /// It has no origin unless [`OutputOpts::prefix`](crate::output::OutputOpts::prefix) names one:
    /// `/runs/01J…/output?token=eyJ…&signature=…`. Without a signing key, in dev mode, it is not
    /// signed.
    #[must_use]
    pub fn own_url(&self) -> Option<&str> {
        self.own_url.as_deref()
    }
}

/// Without the token.
impl fmt::Debug for RunOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunOutput").field("run_id", &self.run_id).finish_non_exhaustive()
    }
}
