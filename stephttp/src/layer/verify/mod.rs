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
/// [`DurableLayer`](super::DurableLayer) should be outside of all other layers. If guards must
/// stand outside of it, for example around a router from another crate, add this layer outside of
/// the guards:
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
/// - This layer verifies a re-entry: first its headers, then its body, which it reads whole. It
///   refuses a request that Inngest did not sign, so no guard sees such a request.
/// - It then asks Inngest for the state of the run. It answers a request for a run that Inngest
///   does not know, or that has ended, so no guard sees such a request either. The inner layer does
///   not ask again unless the guards take over a second.
/// - It then sets the extension [`Reentry`](crate::Reentry), by which guards let the re-entry pass.
///   The inner layer does not verify or read the re-entry again.
/// - An answer that the SDK did not make (a guard's 401, a limit's 429, the router's 404) would end
///   the run, so this layer does not pass it to Inngest. The attempt has failed, and Inngest calls
///   again. After the last attempt that is certain, the run fails with a 500 that gives the status
///   and says what to do. Inside of a router (`Router::layer`), the number of attempts is that of
///   the route's function, once the process has seen the route. Around a whole service, it is the
///   smallest of all functions in the program: one function without retries makes the first
///   rejection final, and also the first time that Inngest fails to give the state.
/// - If a layer inside of this one cuts a re-entry off, as a timeout does, the handler still
///   finishes, and Inngest gets its answer.
///
/// # What guards may rely on
///
/// Inngest signs the body and the time, but not the method, the path or the run. Whoever has read a
/// signature can send it again for five minutes. If such a request names a run that still goes on,
/// it gets the extension too, on **every** route inside. So let guards look for the extension
/// around durable routes only, as above; these take the request for a call back of that run. Give
/// ordinary routes the guard without the exception: behind a guard that lets the request pass, an
/// ordinary handler runs, and only its answer is replaced.
///
/// # One provider
///
/// Put this layer around routes of its own provider only: it verifies every re-entry with that
/// provider's keys, and asks that provider's Inngest for the state. If routes of a provider with
/// other keys stand inside, this layer refuses their re-entries, at last with a 401 that fails the
/// run. Give each provider's routes a layer of their own, and merge the routers afterwards.
///
/// # Beside others
///
/// This layer passes other requests on unchanged. If there are two of these layers, the outer one
/// works; inside of `inngest.layer()` this layer does nothing. The log says so once in both cases.
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
