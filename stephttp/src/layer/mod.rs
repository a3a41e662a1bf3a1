//! The tower layer that [`Provider::layer`](crate::Provider::layer) gives, and what it makes of
//! services and responses.

// One request's life, from its first byte to the last:
//
// - `verify`, where it stands outside of guards, verifies before they see a request, by
//   `admission`, and has the run's state shown, by `standing`; `verified` is what the layer inside
//   knows of that;
// - `service` tells Inngest's re-entries from other requests;
// - `first` takes a client's request through: handler, checkpoints, response or handing over, which
//   is answered by `async_answer`;
// - `reentry` does the same for Inngest's call back, whose handler `driving` takes as far as it
//   goes, and `ending` answers with what it came to, once `standing` has made sure that the run
//   still goes on;
// - `rejection` is the answer when no handler was entered, `once` keeps two dispatches of one job
//   apart;
// - `streaming` is what a client that reads a stream gets in the place of a response, and what
//   re-entries publish for it;
// - `response_body` keeps what passes through; where a run is reported first, `held_end` is what of
//   it waits.

mod admission;
mod answer;
mod async_answer;
mod driving;
mod ending;
mod first;
mod handing_over;
mod held_end;
mod linger;
mod once;
mod reentry;
mod rejection;
mod response_body;
mod result_of;
mod service;
mod standing;
mod streaming;
mod verified;
pub(crate) mod verify;

use std::sync::Arc;

use tower_layer::Layer;

pub use first::ResponseFuture;
pub use service::DurableService;
pub use verify::{VerifyFuture, VerifyLayer, VerifyService};

use crate::app::App;

/// The layer that makes the routes under it durable: [`Provider::layer`](crate::Provider::layer).
///
/// Add it once, after the routes:
///
/// ```
/// # use inngest::{Provider, SetupOpts, SetupError};
/// # fn app() -> Result<axum::Router, SetupError> {
/// let inngest = Provider::setup(SetupOpts::new("https://api.example.com").signing_key("signkey-prod-0123abcd"))?;
/// let app = axum::Router::new()
///     // .route("/orders", post(create_order))
///     .layer(inngest.layer());
/// # Ok(app)
/// # }
/// ```
///
/// # Beside other layers
///
/// It is outermost: add it last, as above. When Inngest calls back, the request has no credentials,
/// cookies or peer address of the client's. So a layer for logins, limits or timeouts may reject
/// it:
///
/// - **Inside of this layer**, that is a failed attempt, and never the run's result. Inngest calls
///   again, and after the last attempt the run fails with a 500 that gives the status and says what
///   to do. So it is with an extractor that rejects the call. Let the layer pass requests that have
///   the extension [`Reentry`](crate::Reentry), which this layer sets when it has verified one. No
///   header brings it about. Look for it [around durable routes
///   alone](crate::Reentry#around-durable-routes-alone). One that answers after the handler has
///   begun, as for timeouts, makes a failed attempt, too, if the handler has the
///   [attribute](macro@crate::api_fn); without it, such an answer is taken for the handler's.
/// - **Outside of this layer**, Inngest takes the rejection for the end of the run, and the
///   handler's result is lost. The [output route](crate::Provider::output_route) logs it. Put only
///   layers there that never answer a request themselves, such as compression, or add
///   [`VerifyLayer`] outermost.
///
/// In a first request the client gets a layer's answer, as without this crate. If a step has run,
/// that answer is the run's result, and the run ends; a step under way is dropped with the handler.
///
/// # Routes and services
///
/// Routes whose handlers take no [`Step`](crate::Step) pass through it as they are. Of two layers
/// on one route the outer one works, since it sees the request first; the other does nothing, and
/// says so in the log.
///
/// It works on whatever tower service takes a `Request<axum::body::Body>`; requests may come with
/// any body of [`Bytes`], and so may the service's responses. A service without axum's extractors
/// gets its `Step` with [`Step::from_parts`](crate::Step::from_parts), and says its options with
/// [`Step::configure`](crate::Step::configure):
///
/// ```
/// # use std::convert::Infallible;
/// # use axum::body::Body;
/// # use http::{Request, Response};
/// # use inngest::{FnOpts, Provider, SetupError, SetupOpts, Step, StepError};
/// # use tower_layer::Layer;
/// async fn greet(request: Request<Body>) -> Result<String, StepError> {
///     let (parts, _) = request.into_parts();
///     let step = Step::from_parts(&parts)?;
///     step.configure(FnOpts::new("greet"))?;
///     step.run("greeting", async { Ok::<_, inngest::Failure>("hello".to_owned()) }).await
/// }
///
/// # fn service<S>(service_fn: S) -> Result<(), SetupError> {
/// let inngest = Provider::setup(SetupOpts::new("https://api.example.com").signing_key("signkey-prod-0123abcd"))?;
/// let service = inngest.layer().layer(service_fn);
/// # Ok(()) }
/// ```
///
/// [`Bytes`]: bytes::Bytes
#[derive(Debug, Clone)]
pub struct DurableLayer {
    app: Arc<App>,
}

impl DurableLayer {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app }
    }
}

impl<S> Layer<S> for DurableLayer {
    type Service = DurableService<S>;

    fn layer(&self, inner: S) -> DurableService<S> {
        DurableService::new(inner, self.app.clone())
    }
}
