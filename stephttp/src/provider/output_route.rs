//! The app's own route for its runs' outputs.

use axum::Router;

use super::Provider;
use crate::output;

impl Provider {
    /// A router with the route at which this app gives its runs' outputs itself:
    /// `GET /runs/{run_id}/output?token=…`, and with a signing key `&signature=…`, unless
    /// [`OutputOpts`](crate::output::OutputOpts) say otherwise.
    ///
    /// Once it is made, clients whose runs are handed over are redirected there, unless
    /// [`AsyncResponse`](crate::AsyncResponse) says otherwise: they need not reach Inngest, nor see
    /// its address. Inngest's own URL gives some of them an empty 200
    /// ([`AsyncResponse::Redirect`](crate::AsyncResponse::Redirect) says when); the route does not.
    ///
    /// ```
    /// # use axum::{Router, routing::post};
    /// # use inngest::{Provider, SetupError, SetupOpts, Step, StepError};
    /// #[inngest::api_fn(id = "night-report")]
    /// async fn report(step: Step) -> Result<String, StepError> {
    ///     step.sleep("night", std::time::Duration::from_secs(8 * 3_600)).await;
    ///     step.run("print", async { Ok("7 rows".to_owned()) }).await
    /// }
    ///
    /// # fn app() -> Result<Router, SetupError> {
    /// let inngest = Provider::setup(SetupOpts::new("https://api.example.com").signing_key("signkey-prod-12345678"))?;
    /// let app: Router = Router::new()
    ///     .route("/report", post(report))
    ///     .merge(inngest.output_route())
    ///     .layer(inngest.layer());
    /// # Ok(app) }
    /// ```
    ///
    /// It does not matter whether the layer is around it. In a nested router, or behind a gateway
    /// that takes a part of the path away, say so with
    /// [`OutputOpts::prefix`](crate::output::OutputOpts::prefix). The redirect that leads there is
    /// relative to the origin that the client used, so it stays where it was, behind any proxy; a
    /// browser's script keeps its `Origin`.
    ///
    /// # What a client gets
    ///
    /// The route waits for the run at Inngest. When the run has ended, the client gets the status,
    /// headers and body of the handler's response, as [the stored
    /// response](crate::FnOpts::omit_response_body) has them, with these differences:
    ///
    /// - `X-Run-Id` is there, and tells the run's response from the route's own answers;
    /// - `Cache-Control: no-store` and `Referrer-Policy: no-referrer` replace the handler's, since
    ///   the URL holds the token;
    /// - [headers](#headers) that do not describe the response are left out;
    /// - an error with which this SDK has ended the run in the handler's place has its content type
    ///   alone;
    /// - `Set-Cookie` is passed on: here it is of the handler's own domain. Inngest keeps one
    ///   alone;
    /// - a relative `Location` of the handler's is relative to this route's URL.
    ///
    /// Of a run that was cancelled, or whose output was lost, Inngest has an empty output, as it
    /// has for a moment of one that has just ended. The route asks again for three seconds, and
    /// then answers 410. What other SDKs have stored is passed on as Inngest has it, with 200: JSON
    /// and plain text as such, and anything else as `application/octet-stream`, so that no browser
    /// runs it.
    ///
    /// An output that is not the handler's response is logged as a warning. Most often something
    /// outside of [`layer`](Self::layer) has answered Inngest, such as a layer that asks for a
    /// header which only clients send: see to it that `.layer(provider.layer())` is the last layer
    /// that is added.
    ///
    /// | Status | When | With |
    /// |---|---|---|
    /// | 303 | the run goes on after [`max_wait`](crate::output::OutputOpts::max_wait), or [`drain`](Self::drain) was called | `Location: ./output?token=…&signature=…&redirects=2`: the same place |
    /// | 202 | the same, after [`max_redirects`](crate::output::OutputOpts::max_redirects) | `{"run_id": "01J…", "status": "running"}`, `Location`, `Retry-After` |
    /// | 400 | no token, one of over 4 KiB, or no run id | `{"error": "…"}` |
    /// | 401, 403 | Inngest does not take the token, which is good for an hour | `{"error": "…"}` |
    /// | 403 | the app has a signing key, and the URL no [signature](#who-may-read-what) made with it; Inngest is not asked | `{"error": "…"}` |
    /// | 404 | no such run, or the token is another run's | `{"error": "…"}` |
    /// | 410 | the run was cancelled, or its output stays empty | `{"error": "…"}` |
    /// | 500 | a [`Middleware`](crate::middleware::Middleware) cannot restore what it has stored, or what is stored is not what it has stored; the log says why | `{"error": "…"}` |
    /// | 502 | the run has ended without a response of its handler, or Inngest's answer makes no sense; the log says why | `{"error": "…"}` |
    /// | 503 | Inngest cannot be asked, after attempts for half a minute, or for as long as one request waits; its answer does not come within four seconds more; or the process [holds](#memory) too many outputs. The run is not touched by that | `{"error": "…"}`, `Retry-After`: 5 minutes at most |
    ///
    /// Middlewares, such as `Encryption`, restore the body that they have stored.
    ///
    /// A client whose connection breaks, since the process that it waits at has died, say, asks for
    /// the same URL again: the run goes on without it, and any process of the app answers.
    /// [`drain`](Self::drain) sends clients round before a process ends.
    ///
    /// `HEAD` waits, too, and gives status and headers without fetching the body: `Content-Length`
    /// is there if Inngest says it, and no middleware has changed the body. `OPTIONS` is answered,
    /// also [for browsers](crate::output::OutputOpts::allow_origins); other methods get 405.
    ///
    /// A request counts [in flight](Self::in_flight) until its client has had all of the output.
    ///
    /// # Streams
    ///
    /// Beside it is the route for what runs [stream](crate::Live#coming-back):
    /// `GET /runs/{run_id}/stream`, or `…/stream` below another
    /// [`path`](crate::output::OutputOpts::path), with the same query. Whoever may read a run's
    /// output may read its stream: tokens, signatures, CORS and `HEAD` are the same, and so is what
    /// is answered to a token that is refused, and of a run that has ended without a response. A
    /// client gets 200 and events, or 503 with `Retry-After` when the process [reads as many
    /// streams](crate::SetupOpts::stream_relays) as it may, drains, or cannot reach Inngest.
    /// Without a signing key, in dev mode, Inngest does not say whose token it is while that run
    /// goes on.
    ///
    /// [`drain`](Self::drain) ends these responses: their clients come back to the same URL, at
    /// another process.
    ///
    /// # Headers
    ///
    /// Whoever can change what Inngest stores can change the headers of responses. So these pass,
    /// and no others, of a handler's response: those that describe it (`Content-…`, `ETag`,
    /// `Last-Modified`, `Accept-Ranges`, `Vary`, `Link`, `API-Version`, `Total-Count`), that say
    /// what to do next (`Location`, `Retry-After`, `Allow`, `WWW-Authenticate`, `RateLimit…`,
    /// `Deprecation`, `Sunset`, `Idempotency-Key`, htmx's `HX-…`), that belong to a trace
    /// (`traceparent`, `Server-Timing`), `Set-Cookie`, those that restrict a page
    /// (`Content-Security-Policy`, `Permissions-Policy`, `Cross-Origin-…`), and those of the
    /// application's own that begin with `X-`, but for what proxies and browsers act on
    /// (`X-Accel-…`, `X-Sendfile`, `X-SourceMap`, …). `Clear-Site-Data`, `Refresh`,
    /// `Service-Worker-Allowed`, `Strict-Transport-Security`, `Expires` and the like do not pass;
    /// [`OutputOpts::pass_headers`](crate::output::OutputOpts::pass_headers) names others that do.
    /// The log says once of each header that it was left out. Of `Access-Control-…` the route says
    /// its [own](crate::output::OutputOpts::allow_origins) alone.
    ///
    /// # Memory
    ///
    /// Each client that waits holds a connection to Inngest open. An output comes from there as the
    /// client takes it: one that takes it slowly holds up to 1 MiB here. When the connection to
    /// Inngest breaks off in the middle, so does the client's, and the log says so.
    ///
    /// What middlewares [restore](crate::middleware::Middleware::restores_responses) is read whole
    /// before it is passed on, and so are what is no handler's response, and what has no length for
    /// a client that speaks HTTP/1.0. An output has 8 MiB at most. All outputs of over 64 KiB that
    /// are read whole share 32 MiB, and two clients of a run at a time have a part of it. A client
    /// whose output finds no room within five seconds gets a 503 and may ask again. While one
    /// waits, others are cut off that take their outputs too slowly, the one that holds most first:
    /// those that have taken nothing for 10 seconds, or less than 32 KiB a second.
    ///
    /// # Who may read what
    ///
    /// The token is the right to read one run's output, and nothing else. It is all that is shown
    /// to Inngest: no signing key is. With a signing key the URL has a `signature`, which says that
    /// this app has made it: a code (HMAC-SHA256) over the run and the token, keyed with what is
    /// derived from the signing key. So nobody can have the route ask for an output, and
    /// [restore](crate::middleware::Middleware::restore_response_body) it, whom the app has not
    /// sent there. Codes of the fallback key are accepted too, so keys change here as they do for
    /// Inngest's calls. Without a signing key, in dev mode, URLs are not signed, and the token
    /// alone decides.
    ///
    /// Both are part of the URL, so keep that out of logs. Requests to the route are not recorded,
    /// also with [`track_all_endpoints`](crate::SetupOpts::track_all_endpoints).
    ///
    /// # Coming from Inngest's JS SDK
    ///
    /// `endpointProxy` takes the run's id from the query, asks Inngest once, answers every run that
    /// has ended with 200 and its body as JSON, and lets scripts of any origin read it. Here the id
    /// is in the path, waiting goes on, the response is what the handler made it, and [origins are
    /// named](crate::output::OutputOpts::allow_origins).
    ///
    /// # Panics
    /// Adding it to a router that has a route at one of its paths panics, as axum does.
    ///
    /// # Cancellation
    /// A client that goes away ends its waiting, here and at Inngest. The run goes on.
    #[doc(alias = "endpointProxy")]
    #[must_use = "a route does nothing until it is added to a router"]
    pub fn output_route<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        self.app.makes_output_route();
        output::route(&self.app)
    }
}
