//! The layer that [`Provider::verify`](crate::Provider::verify) gives: verifies re-entries before
//! guards see them, and keeps what guards answer from ending runs.

mod service;

use std::sync::Arc;

use axum::extract::MatchedPath;
use axum::response::Response;
use http::{HeaderName, Method, StatusCode};
use tower_layer::Layer;

pub use service::{VerifyFuture, VerifyService};

use super::once::once;
use super::verified::Ours;
use super::{answer, ending, standing};
use crate::app::App;
use crate::exchange::Dispatch;
use crate::journal::{Outcome, failure};
use crate::run::Run;
use crate::wire::headers;

/// The layer for apps whose guards stand outside of `inngest.layer()`:
/// [`Provider::verify`](crate::Provider::verify).
///
/// [`DurableLayer`](super::DurableLayer) belongs outside of all other layers. Where guards stand
/// around it, around a router that others have made, say, this one goes outside of the guards:
///
/// ```
/// # use axum::{Router, extract::Request, middleware::{Next, from_fn}, response::Response};
/// # use inngest::Provider;
/// # async fn guard(request: Request, next: Next) -> Response { next.run(request).await }
/// # fn app(inngest: Provider) -> Router {
/// let orders: Router = Router::new()
///     // .route("/orders", post(create_order))
///     .layer(inngest.layer());
/// Router::new()
///     .merge(orders)
///     .layer(from_fn(guard))
///     // Outermost.
///     .layer(inngest.verify())
/// # }
/// ```
///
/// - A re-entry is verified here, headers first, and then its body, which is read whole. What is no
///   call of Inngest's is refused, and comes to no guard.
/// - Then it has the extension [`Reentry`](crate::Reentry), by which guards let it pass. The layer
///   inside neither verifies nor reads it again.
/// - What comes back and is no answer of the SDK's (a guard's 401, a limit's 429, the router's 404)
///   is not given to Inngest, which would end the run with it. It is a failed attempt: Inngest
///   calls again. After the last attempt that is sure to be one, the run fails with a 500 that
///   gives the status and says what to do. Inside of a router (`Router::layer`) the attempts are
///   those of the route's function, once it has been seen; around a whole service they are the
///   fewest that any function of the program has, so one function without retries makes the first
///   rejection final.
/// - A layer that cuts off a re-entry, as one for timeouts does, does not end it here: its work
///   goes on, and Inngest gets its answer.
///
/// Other requests pass as they are. Of two of these layers the outer one works; inside of
/// `inngest.layer()` it does nothing. Either is said once in the log.
#[derive(Debug, Clone)]
pub struct VerifyLayer {
    app: Arc<App>,
}

impl VerifyLayer {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app }
    }
}

impl<S> Layer<S> for VerifyLayer {
    type Service = VerifyService<S>;

    fn layer(&self, inner: S) -> VerifyService<S> {
        VerifyService::new(inner, self.app.clone())
    }
}

/// Whether the SDK has made an answer. A layer that makes a response anew drops the mark, and may
/// keep the header.
fn is_ours(response: &Response) -> bool {
    response.extensions().get::<Ours>().is_some() || response.headers().contains_key(SDK)
}

const SDK: HeaderName = HeaderName::from_static(headers::SDK);

/// Something outside of the layer has answered a re-entry.
async fn stand_in(
    app: Arc<App>,
    dispatch: Dispatch,
    route: (Method, Option<MatchedPath>),
    status: Option<StatusCode>,
) -> Response {
    let (provider, rejected) = (app.clone(), dispatch.clone());
    // What the handler comes to, or has come to, counts more.
    let work = async move {
        // Now, since the layer inside may have learnt it.
        let sure_retries = provider.routes().sure_retries(&route.0, route.1.as_ref());
        reject(&provider, rejected, sure_retries, status).await
    };
    once(app.jobs(), &app, &dispatch, work).await
}

async fn reject(
    app: &Arc<App>,
    dispatch: Dispatch,
    sure_retries: u8,
    status: Option<StatusCode>,
) -> Response {
    let message = message(status);
    let run_id = dispatch.run_id;
    tracing::error!(%run_id, status = status.map(|status| status.as_u16()), "{message}");
    let response = if dispatch.may_ask_for_retry(sure_retries) {
        answer::retry(StatusCode::SERVICE_UNAVAILABLE, &message)
    } else {
        let ending = match standing::state(app, &dispatch, sure_retries).await {
            Ok(memo) => {
                let headers = http::HeaderMap::new();
                let run = Arc::new(Run::reentry(app.clone(), dispatch, sure_retries, memo, &headers));
                let ending = ending::conclude(&run, Outcome::Ends(failure(&message))).await;
                run.finish();
                run.request_over();
                ending
            }
            Err(ending) => ending,
        };
        answer::ending(run_id, ending)
    };
    match status {
        Some(status) => answer::with_rejection(response, status),
        None => response,
    }
}

fn message(status: Option<StatusCode>) -> String {
    let what = status.map_or("an error in place of a response".to_owned(), |status| status.to_string());
    format!(
        "something outside of `inngest.layer()` answered {what} when Inngest called back, or the route has no \
         `inngest.layer()`. A call back has no credentials, cookies or peer address: have the layer let requests pass that \
         have the extension `inngest::Reentry`, or put it inside of `inngest.layer()`"
    )
}
