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
use super::verified::{Ours, ShownState};
use super::{answer, ending};
use crate::app::App;
use crate::exchange::Dispatch;
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
/// # async fn login(request: Request, next: Next) -> Response { next.run(request).await }
/// # async fn login_or_inngest(it: Request, next: Next) -> Response { next.run(it).await }
/// # fn app(inngest: Provider) -> Router {
/// let orders: Router = Router::new()
///     // .route("/orders", post(create_order))
///     .layer(inngest.layer())
///     // Lets pass what has the extension `Reentry`.
///     .layer(from_fn(login_or_inngest));
/// let ordinary: Router = Router::new()
///     // .route("/users/{id}", delete(delete_user))
///     .layer(from_fn(login));
/// Router::new()
///     .merge(orders)
///     .merge(ordinary)
///     // Outermost.
///     .layer(inngest.verify())
/// # }
/// ```
///
/// - A re-entry is verified here, headers first, and then its body, which is read whole. What is no
///   call of Inngest's is refused, and comes to no guard.
/// - Then Inngest is asked for the state of the run. A request for a run that Inngest does not
///   know, or that has ended, is answered here, and comes to no guard. The layer inside does not
///   ask again unless the guards take over a second.
/// - Then it has the extension [`Reentry`](crate::Reentry), by which guards let it pass. The layer
///   inside neither verifies nor reads it again.
/// - What comes back and is no answer of the SDK's (a guard's 401, a limit's 429, the router's 404)
///   is not given to Inngest, which would end the run with it. It is a failed attempt: Inngest
///   calls again. After the last attempt that is sure to be one, the run fails with a 500 that
///   gives the status and says what to do. Inside of a router (`Router::layer`) the attempts are
///   those of the route's function, once it has been seen; around a whole service they are the
///   fewest that any function of the program has, so one function without retries makes the first
///   rejection final, and a failure of Inngest's to give the state.
/// - A layer that cuts off a re-entry, as one for timeouts does, does not end it here: its work
///   goes on, and Inngest gets its answer.
///
/// # What guards may rely on
///
/// Inngest signs the body and the time, not the method, the path or the run: whoever has read a
/// signature can send it again for five minutes. Naming a run that still goes on, such a request
/// has the extension too, on **every** route inside. Let guards look for it around durable routes
/// alone, as above, which take it for a call back of that run; give ordinary routes the guard
/// without the exception. An ordinary handler behind a guard that lets it pass runs, and only its
/// answer is replaced.
///
/// # One provider
///
/// It goes around routes of its own provider alone, for it verifies every re-entry by that one's
/// keys, and asks that one's Inngest for the state. Where routes of another provider stand inside,
/// their re-entries are refused when the keys are not the same: at last with a 401, which fails the
/// run. With the same keys they pass if it is the same Inngest, and are verified and looked up by
/// the layer inside once more. Give each provider's routes a layer of their own, and merge them
/// outside of these.
///
/// # Beside others
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
    state: ShownState,
    route: (Method, Option<MatchedPath>),
    status: Option<StatusCode>,
) -> Response {
    let (provider, rejected) = (app.clone(), dispatch.clone());
    // What the handler comes to, or has come to, counts more.
    let work = async move {
        // Now, since the layer inside may have learnt it.
        let sure_retries = provider.routes().sure_retries(&route.0, route.1.as_ref());
        reject(&provider, rejected, &state, sure_retries, status).await
    };
    once(app.jobs(), &app, &dispatch, work).await
}

async fn reject(
    app: &Arc<App>,
    dispatch: Dispatch,
    state: &ShownState,
    sure_retries: u8,
    status: Option<StatusCode>,
) -> Response {
    let message = message(status);
    let run_id = dispatch.run_id;
    tracing::error!(%run_id, status = status.map(|status| status.as_u16()), "{message}");
    // Also when it only asks for another attempt: the run's other jobs must know of it.
    let ending = match state.or_fetch(app, &dispatch, sure_retries).await {
        Ok(memo) => {
            let headers = http::HeaderMap::new();
            let run = Arc::new(Run::reentry(app.clone(), dispatch, sure_retries, memo, &headers));
            let ending = ending::reject(&run, message, None).await;
            run.finish();
            run.request_over();
            ending
        }
        Err(ending) => ending,
    };
    let response = answer::ending(run_id, ending);
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
