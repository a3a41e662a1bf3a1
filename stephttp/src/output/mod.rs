//! The app's own route for its runs' outputs: [`Provider::output_route`](crate::Provider::output_route).
//!
//! - [`OutputOpts`], and `settings`, which are those checked: where the route is, and the redirect that leads to it;
//! - `wait`: asks Inngest until the run has ended, and `read` says what its answers mean;
//! - `respond`: what the client gets; `cors`: whether a script may see it.

mod cors;
mod opts;
mod read;
mod respond;
mod settings;
mod wait;

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequestParts, RawPathParams, Request};
use axum::response::Response;
use axum::routing::get;
use http::request::Parts;

pub use opts::OutputOpts;
pub(crate) use settings::Settings;

use crate::provider::Shared;
use crate::run::RunId;
use crate::wire::headers;
use read::{Failure, Output};
use wait::Waited;

/// The query's parameters.
const TOKEN: &str = "token";
const REDIRECTS: &str = "redirects";

/// A router with the route.
pub(crate) fn route<S: Clone + Send + Sync + 'static>(shared: &Arc<Shared>) -> Router<S> {
    let (getting, asking) = (shared.clone(), shared.clone());
    let get_output = async move |request: Request| output(&getting, request.into_parts().0).await;
    let options = async move |request: Request| options(&asking, &request.into_parts().0);
    Router::new().route(shared.settings().output.path(), get(get_output).options(options))
}

/// What a request asks for.
struct Asked {
    run_id: RunId,
    token: String,
    /// The last segment of the path.
    place: String,
    /// How often the client has been sent round.
    redirects: u8,
}

/// `GET` and `HEAD`.
async fn output(shared: &Shared, mut parts: Parts) -> Response {
    let settings = &shared.settings().output;
    let mut response = match ask(&mut parts).await {
        Ok(asked) => answer(shared, &asked).await,
        Err(problem) => respond::bad_request(&problem),
    };
    if let Some(cors) = &settings.cors {
        cors.mark(&parts.headers, &mut response);
    }
    response
}

async fn answer(shared: &Shared, asked: &Asked) -> Response {
    match wait::wait(shared, asked.run_id, &asked.token).await {
        Waited::Ended(output) => match restore(shared, asked.run_id, output).await {
            Ok(output) => respond::ended(output),
            Err(fault) => {
                tracing::error!(run_id = %asked.run_id, "what is stored of a response cannot be restored: {fault}");
                respond::failed(Failure::Unrestorable)
            }
        },
        Waited::Failed(failure) => respond::failed(failure),
        Waited::Unavailable(after) => respond::unavailable(after),
        Waited::Running => {
            // Relative to the URL that the client knows, whatever that has before this. A query alone would be enough, but for
            // clients that follow an older rule (RFC 2396), Java's among them.
            let here = format!("./{}?{}", asked.place, settings::query(&asked.token));
            if asked.redirects < shared.settings().output.max_redirects {
                // Each has a URL of its own: clients take a redirect to the very same for a circle.
                respond::come_back(&format!("{here}&{REDIRECTS}={}", asked.redirects + 1))
            } else {
                respond::running(asked.run_id, &here)
            }
        }
    }
}

/// The response as it was before middlewares had it stored. The error is for the log.
async fn restore(shared: &Shared, run_id: RunId, mut output: Output) -> Result<Output, String> {
    let is_transformed = output.is_response && !output.headers.contains_key(headers::OWN_ANSWER);
    if is_transformed && !output.body.is_empty() {
        output.body = shared.middleware().stored_response_body(run_id, output.body).await?;
    }
    Ok(output)
}

/// `OPTIONS`.
fn options(shared: &Shared, parts: &Parts) -> Response {
    let mut response = respond::options();
    if let Some(cors) = &shared.settings().output.cors {
        cors.preflight(&parts.headers, &mut response);
    }
    response
}

/// The error says what is wrong with the request.
async fn ask(parts: &mut Parts) -> Result<Asked, String> {
    let path = RawPathParams::from_request_parts(parts, &()).await.map_err(|error| error.body_text())?;
    let run_id = path.iter().find(|(name, _)| *name == "run_id").map(|(_, value)| value).unwrap_or_default();
    let run_id = run_id.parse().map_err(|error| format!("the path names no run: {error}"))?;
    let place = parts.uri.path().rsplit('/').next().unwrap_or_default().to_owned();
    let query = parts.uri.query().unwrap_or_default();
    let value = |wanted: &str| {
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.find(|(name, value)| name == wanted && !value.is_empty()).map(|(_, value)| value.into_owned())
    };
    let token = value(TOKEN).ok_or_else(|| {
        format!("the query has no `{TOKEN}`: take the whole URL that the endpoint has redirected to")
    })?;
    // Whatever else it says, the client has been sent round too often.
    let redirects = value(REDIRECTS).map_or(0, |redirects| redirects.parse().unwrap_or(u8::MAX));
    Ok(Asked { run_id, token, place, redirects })
}
