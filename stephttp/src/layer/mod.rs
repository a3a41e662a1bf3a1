//! The tower layer: one request's life, from its first byte to the last.
//!
//! - [`service`] tells Inngest's re-entries from other requests;
//! - [`first`] takes a client's request through: handler, checkpoints, response or handing over, which is answered by
//!   [`async_answer`];
//! - [`reentry`] does the same for Inngest's call back, whose handler [`driving`] takes as far as it goes, and [`ending`]
//!   answers with what it came to, once [`standing`] has made sure that the run still goes on;
//! - [`rejection`] is the answer when no handler was entered, [`jobs`] keeps two dispatches of one job apart;
//! - [`request_body`] and [`response_body`] keep what passes through.

mod answer;
mod async_answer;
mod dispatch;
mod driving;
mod ending;
mod first;
mod handing_over;
mod jobs;
mod kept_parts;
mod linger;
mod panicked;
mod recorded_method;
mod reentry;
mod rejection;
mod request_body;
mod request_head;
mod response_body;
mod result;
mod routes;
mod service;
mod standing;
mod unverified;

use std::sync::Arc;

use tower_layer::Layer;

pub(crate) use dispatch::Dispatch;
pub use first::ResponseFuture;
pub(crate) use jobs::Jobs;
pub(crate) use kept_parts::KeptParts;
pub(crate) use recorded_method::{ALLOW, RecordedMethod};
pub(crate) use request_body::{BodyFault, RequestBody};
pub(crate) use request_head::RequestHead;
pub(crate) use result::is_hop_by_hop;
pub(crate) use routes::Routes;
pub use service::DurableService;
pub(crate) use unverified::Unverified;

use crate::provider::Shared;
use crate::run::Run;

/// What the layer leaves in a request's extensions for the extractors.
#[derive(Clone)]
pub(crate) struct CurrentRun(pub(crate) Arc<Run>);

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
/// It is outermost: add it last, as above. When Inngest calls back, the request has no credentials, cookies or peer address
/// of the client's. So a layer for logins, limits or timeouts may reject it:
///
/// - **Inside of this layer**, that is a failed attempt, and never the run's result. Inngest calls again, and after the last
///   attempt the run fails with a 500 that gives the status and says what to do. So it is with an extractor that rejects the
///   call. Let the layer pass requests that have both `X-Run-ID` and `X-Inngest-Signature`: outside of dev mode their
///   signature has been verified by then. A request with one of them alone is a client's.
/// - **Outside of this layer**, nothing can be done about it: Inngest takes the answer for the run's end, and the handler's
///   result is lost. The [output route](crate::Provider::output_route) logs it. Only what answers no request itself belongs
///   there, such as compression.
///
/// # Routes and services
///
/// Routes whose handlers take no [`Step`](crate::Step) pass through it as they are. Of two layers on one route the outer
/// one works, since it sees the request first; the other does nothing, and says so in the log.
///
/// It works on whatever tower service takes a `Request<axum::body::Body>`; requests may come with any body of [`Bytes`],
/// and so may the service's responses. A service without axum's extractors gets its `Step` with
/// [`Step::from_parts`](crate::Step::from_parts), and says its options with [`Step::configure`](crate::Step::configure):
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
    shared: Arc<Shared>,
}

impl DurableLayer {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

impl<S> Layer<S> for DurableLayer {
    type Service = DurableService<S>;

    fn layer(&self, inner: S) -> DurableService<S> {
        DurableService::new(inner, self.shared.clone())
    }
}
