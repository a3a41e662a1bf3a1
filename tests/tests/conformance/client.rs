//! The client of a scenario.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use inngest::wire::realtime::EVENT_STREAM;
use reqwest::redirect::Policy;
use reqwest::{Method, Response, Url};
use tokio::sync::watch;

use crate::reader::{self, Read, Shown};
use crate::scenario::Visit;
use crate::stage::VISIT;

/// Speaks for clients, and for everybody else who calls a server in these tests.
pub(crate) static HTTP: LazyLock<reqwest::Client> = LazyLock::new(|| {
    let builder = reqwest::Client::builder().redirect(Policy::none()).no_proxy();
    // A kept connection may belong to a process that has died.
    builder.pool_max_idle_per_host(0).build().expect("a client")
});

/// How soon a client asks again.
pub(crate) const PAUSE: Duration = Duration::from_millis(100);

/// What a client finally received.
#[derive(Debug)]
pub(crate) struct Received {
    /// The name under which the app knows the request that was answered.
    pub(crate) visit: String,
    pub(crate) at_once: bool,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// What a client that reads a stream shows of it.
    pub(crate) shown: Option<Vec<Shown>>,
}

/// Makes a visit; says in `handed_over` which run goes on without it.
///
/// A client whose connection breaks, or who is told to come back later, does what clients do: it
/// sends its request again, up to `repeats` times.
pub(crate) async fn make(
    visit: &Visit,
    origin: &str,
    handed_over: &watch::Sender<Option<String>>,
    repeats: usize,
) -> Result<Received, String> {
    let mut last = String::new();
    for _ in 0..=repeats {
        match once(visit, origin, handed_over, repeats).await {
            // Unless that is what the scenario is about.
            Ok(received)
                if received.status == StatusCode::SERVICE_UNAVAILABLE && !visit.answer.allows(503) =>
            {
                last = format!("503 {}", String::from_utf8_lossy(&received.body));
            }
            Ok(received) => return Ok(received),
            Err(error) => last = error,
        }
    }
    Err(format!("after {repeats} repetitions the client gets: {last}"))
}

async fn once(
    visit: &Visit,
    origin: &str,
    handed_over: &watch::Sender<Option<String>>,
    repeats: usize,
) -> Result<Received, String> {
    static VISITS: AtomicUsize = AtomicUsize::new(0);
    let name = VISITS.fetch_add(1, Ordering::Relaxed).to_string();
    let url = format!("{origin}{}", visit.path);
    let mut request = HTTP.request(visit.method.clone(), url).header(VISIT, &name);
    for (header, value) in &visit.headers {
        request = request.header(*header, *value);
    }
    if let Some(content_type) = visit.content_type {
        request = request.header("content-type", content_type).body(visit.body.clone());
    }
    let mut response = request.send().await.map_err(|error| explain(&error))?;
    let at_once = response.status() != StatusCode::SEE_OTHER;
    if !at_once {
        let location = location_of(&response, &Url::parse(origin).expect("a URL"))?;
        let is_own = location.as_str().starts_with(origin);
        if is_own == visit.answer.at_inngest {
            return Err(format!("the client is redirected to the wrong place: {}", location.path()));
        }
        handed_over.send_replace(run_in(location.path()));
        response =
            if is_own { own_output(location, visit, repeats).await } else { output(location, visit).await }?;
    }
    let (status, headers) = (response.status(), response.headers().clone());
    if headers.get("content-type").is_some_and(|kind| kind == EVENT_STREAM) && visit.answer.streams.is_some()
    {
        let Read { status, headers, body, shown } = reader::read(response, handed_over, repeats).await?;
        return Ok(Received { visit: name, at_once, status, headers, body, shown: Some(shown) });
    }
    let body = response.bytes().await.map_err(|error| explain(&error))?;
    Ok(Received { visit: name, at_once, status, headers, body, shown: None })
}

/// The output of a run that was handed over, from the app's output route. It is waited for until
/// there is one.
///
/// Asking again cannot do harm, so a client does when its connection breaks.
async fn own_output(mut location: Url, visit: &Visit, repeats: usize) -> Result<Response, String> {
    let method = if visit.method == Method::HEAD { Method::HEAD } else { Method::GET };
    let mut failures = 0;
    loop {
        let response = match HTTP.request(method.clone(), location.clone()).send().await {
            Ok(response) => response,
            Err(_) if failures < repeats => {
                failures += 1;
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            Err(error) => return Err(explain(&error)),
        };
        // Only the handler's response has it.
        if response.headers().contains_key("x-run-id") {
            return Ok(response);
        }
        match response.status() {
            StatusCode::SEE_OTHER => location = location_of(&response, &location)?,
            StatusCode::ACCEPTED | StatusCode::SERVICE_UNAVAILABLE => tokio::time::sleep(PAUSE).await,
            _ => return Ok(response),
        }
    }
}

/// The output of a run that was handed over, from the server.
async fn output(location: Url, visit: &Visit) -> Result<Response, String> {
    loop {
        let response = HTTP.get(location.clone()).send().await.map_err(|error| explain(&error))?;
        // A real server stores a run's status before its output: for a moment there is an end
        // without an output (docs/protocol.md 9.3).
        let premature = response.status() == StatusCode::OK && response.content_length() == Some(0);
        if !premature || visit.answer.body.is_empty() {
            return Ok(response);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn location_of(response: &Response, base: &Url) -> Result<Url, String> {
    let location = response.headers().get("location").and_then(|location| location.to_str().ok());
    let location = location.ok_or("a redirect to nowhere")?;
    base.join(location).map_err(|error| format!("a redirect to `{location}`: {error}"))
}

/// `/v1/http/runs/{run}/output`, or `/runs/{run}/output`.
fn run_in(path: &str) -> Option<String> {
    Some(path.split("/runs/").nth(1)?.split('/').next()?.to_owned())
}

/// An error with its causes.
pub(crate) fn explain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
