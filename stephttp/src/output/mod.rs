//! Where a run's output is, and the options of the app's own route for it:
//! [`Provider::output_route`](crate::Provider::output_route).

// - `wait`: asks Inngest until the run has ended, and `read` says what its answers mean;
// - `body`: how their bodies come;
// - `respond`: what the client gets;
// - `stream`: the same for a run's stream;
// - `flight`: requests as they are counted.

mod body;
mod flight;
mod read;
mod respond;
mod stream;
mod wait;

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequestParts, RawPathParams, Request};
use axum::response::Response;
use axum::routing::get;
use http::request::Parts;
use http::{Method, Version};

pub use crate::app::OutputOpts;
pub use crate::function::async_response::RunOutput;

use crate::app::{App, Full, SIGNATURE, TOKEN, query};
use crate::middleware::MiddlewareFault;
use crate::untrusted::Complaint;
use crate::wire::RunId;
use crate::wire::headers::OWN_ANSWER;
use crate::wire::limits::TOKEN_BYTES;
use body::Content;
use flight::Flight;
use read::{Failure, Output, Wanted};
use wait::Found;

/// The query's parameter that says how often a client has been sent round.
const REDIRECTS: &str = "redirects";

/// A SHA-256 in hex.
const SIGNATURE_BYTES: usize = 64;

/// A router with the route.
pub(crate) fn route<S: Clone + Send + Sync + 'static>(app: &Arc<App>) -> Router<S> {
    let (getting, asking) = (app.clone(), app.clone());
    let get_output = async move |request: Request| output(&getting, request.into_parts().0).await;
    let options = async move |request: Request| options(&asking, &request.into_parts().0);
    let streaming = app.clone();
    let get_stream = async move |request: Request| stream_of(&streaming, request.into_parts().0).await;
    let settings = &app.settings().output;
    Router::new()
        .route(settings.path(), get(get_output).options(options.clone()))
        .route(&settings.stream_path(), get(get_stream).options(options))
}

/// What a request asks for.
struct Asked {
    run_id: RunId,
    token: String,
    /// The app's own, by which it knows its URLs.
    signature: Option<String>,
    /// The last segment of the path.
    last_segment: String,
    /// How often the client has been sent round.
    redirects: u8,
    wanted: Wanted,
}

/// `GET` and `HEAD`.
async fn output(app: &Arc<App>, mut parts: Parts) -> Response {
    let flight = Flight::begin(app, &parts.extensions);
    let mut response = match ask(&mut parts).await {
        Ok(asked) if asked.is_signed(app) => answer(app, &asked).await,
        Ok(_) => respond::forbidden(),
        Err(problem) => respond::bad_request(&problem),
    };
    if let Some(cors) = &app.settings().output.cors {
        cors.mark(&parts.headers, &mut response);
    }
    response.map(|body| flight.with(body))
}

/// `GET` and `HEAD` of a run's stream.
async fn stream_of(app: &Arc<App>, mut parts: Parts) -> Response {
    let flight = Flight::begin(app, &parts.extensions);
    let last = parts.headers.get(stream::LAST_EVENT_ID).and_then(|event| event.to_str().ok());
    let last = last.map(str::to_owned);
    let mut response = match ask(&mut parts).await {
        Ok(asked) if asked.is_signed(app) => {
            stream::stream(app, &asked, &parts.method, last.as_deref()).await
        }
        Ok(_) => respond::forbidden(),
        Err(problem) => respond::bad_request(&problem),
    };
    if let Some(cors) = &app.settings().output.cors {
        cors.mark(&parts.headers, &mut response);
    }
    response.map(|body| flight.with(body))
}

async fn answer(app: &Arc<App>, asked: &Asked) -> Response {
    match wait::wait(app, asked).await {
        Found::Ended(output) => match restore(app, asked.run_id, output).await {
            Ok(output) => respond::ended(app, asked.run_id, output),
            Err(Unrestored::Fault(fault)) => {
                if let Some(left_out) = app.admits_line(Complaint::Output) {
                    let run_id = asked.run_id;
                    tracing::error!(%run_id, left_out, "what is stored of a response cannot be restored: {fault}");
                }
                respond::failed(Failure::Unrestorable)
            }
            Err(Unrestored::NoRoom) => {
                wait::say_full(app, asked.run_id);
                respond::unavailable(None)
            }
        },
        Found::Failed(failure) => respond::failed(failure),
        Found::Unavailable(after) => respond::unavailable(after),
        Found::Running => {
            // Relative to the URL that the client knows, whatever that has before this. A query
            // alone would be enough, but for clients that follow an older rule (RFC 2396), Java's
            // among them.
            let query = query(&asked.token, asked.signature.as_deref());
            let here = format!("./{}?{query}", asked.last_segment);
            if asked.redirects < app.settings().output.max_redirects {
                // Each has a URL of its own: clients take a redirect to the very same for a circle.
                respond::come_back(&format!("{here}&{REDIRECTS}={}", asked.redirects + 1))
            } else {
                respond::running(asked.run_id, &here)
            }
        }
    }
}

/// Why a response is not what it was before middlewares had it stored.
enum Unrestored {
    Fault(MiddlewareFault),
    NoRoom,
}

/// The response as it was before middlewares had it stored.
async fn restore(app: &App, run_id: RunId, mut output: Output) -> Result<Output, Unrestored> {
    let is_transformed = output.is_response && !output.headers.contains_key(OWN_ANSWER);
    if let Content::Whole(body, taken) = &mut output.content
        && is_transformed
        && !body.is_empty()
    {
        let stored = std::mem::take(body);
        *body = app.middleware().restore_response_body(run_id, stored).await.map_err(Unrestored::Fault)?;
        app.output_room().adjust(run_id, taken, body.len()).map_err(|Full| Unrestored::NoRoom)?;
    }
    Ok(output)
}

/// `OPTIONS`.
fn options(app: &App, parts: &Parts) -> Response {
    let mut response = respond::options();
    if let Some(cors) = &app.settings().output.cors {
        cors.preflight(&parts.headers, &mut response);
    }
    response
}

/// The error says what is wrong with the request.
async fn ask(parts: &mut Parts) -> Result<Asked, String> {
    let path = RawPathParams::from_request_parts(parts, &()).await.map_err(|error| error.body_text())?;
    let run_id = path.iter().find(|(name, _)| *name == "run_id").map(|(_, value)| value).unwrap_or_default();
    let run_id = run_id.parse().map_err(|error| format!("the path names no run: {error}"))?;
    let last_segment = parts.uri.path().rsplit('/').next().unwrap_or_default().to_owned();
    let query = parts.uri.query().unwrap_or_default();
    let value = |wanted: &str| {
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.find(|(name, value)| name == wanted && !value.is_empty()).map(|(_, value)| value.into_owned())
    };
    let token = value(TOKEN).ok_or_else(|| {
        format!("the query has no `{TOKEN}`: take the whole URL that the endpoint has redirected to")
    })?;
    if token.len() > TOKEN_BYTES {
        return Err(format!("the query's `{TOKEN}` is too long: tokens have {TOKEN_BYTES} bytes at most"));
    }
    // One that is too long is no signature, and is not sent round.
    let signature = value(SIGNATURE).filter(|signature| signature.len() <= SIGNATURE_BYTES);
    // Whatever else it says, the client has been sent round too often.
    let redirects = value(REDIRECTS).map_or(0, |redirects| redirects.parse().unwrap_or(u8::MAX));
    let wanted = match parts.version {
        _ if parts.method == Method::HEAD => Wanted::Nothing,
        Version::HTTP_09 | Version::HTTP_10 => Wanted::WithLength,
        _ => Wanted::Anything,
    };
    Ok(Asked { run_id, token, signature, last_segment, redirects, wanted })
}

impl Asked {
    /// Whether the app has made the URL.
    fn is_signed(&self, app: &App) -> bool {
        app.admits_output(self.run_id, &self.token, self.signature.as_deref())
    }
}
