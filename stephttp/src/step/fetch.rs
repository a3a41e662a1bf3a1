//! `step.fetch`: an HTTP request that Inngest makes while this process does nothing.

use std::borrow::Cow;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{HeaderName, HeaderValue, Response, StatusCode};

use super::wait::Wait;
use super::{FetchRequest, Step};
use crate::error::StepError;
use crate::function::{StepId, StepKind};
use crate::journal::{Recorded, StepKey};
use crate::wire::{GatewayResponse, OpCode, OpError, OpOpts};

/// The future of [`Step::fetch`].
#[derive(Debug)]
#[must_use = "a step does nothing until it is awaited"]
pub struct FetchStep {
    wait: Wait,
    id: String,
    request: FetchRequest,
}

impl Step {
    /// Has Inngest make an HTTP request, and gives the response.
    ///
    /// For slow services: like [`sleep`](Self::sleep) it ends this request, and Inngest calls the
    /// endpoint back with the response. A request that fails as a whole is tried again, as often as
    /// the endpoint's `retries` say; a response with any status is a response.
    ///
    /// - The request is stored at Inngest, **headers included**. Where that is not wanted, call the
    ///   service in a [`run`](Self::run).
    /// - It comes from Inngest's addresses, so the service must be reachable for Inngest.
    /// - The body is JSON or empty: Inngest would put any other text into quotes, so it is refused.
    /// - Both bodies travel as text, so the numbers in them stay as they are.
    /// - The response's body is text; bytes that are not UTF-8 are lost. Several headers of one
    ///   name come as one, joined with `,`.
    ///
    /// ```
    /// use inngest::step::FetchRequest;
    /// use inngest::{Step, StepError};
    ///
    /// #[inngest::api_fn(id = "render")]
    /// async fn render(step: Step) -> Result<String, StepError> {
    ///     let request = FetchRequest::post("https://render.example.com/jobs").json(&serde_json::json!({ "page": 1 }));
    ///     let response = step.fetch("render-page", request).await?;
    ///     Ok(format!("{}: {}", response.status(), response.body()))
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let response = serde_json::json!({ "status": 201, "headers": { "x-job": "7" }, "body": "done" });
    /// let step = Step::detached_with([("render-page", response)]);
    /// assert_eq!(render(step).await.unwrap(), "201 Created: done");
    /// # }
    /// ```
    ///
    /// # Errors
    /// A [`StepError`] when no response came (its name is `GatewayError`). Without anything being
    /// asked of Inngest, when the id or the request makes no sense (`InvalidRequest`).
    ///
    /// # Panics
    /// When the handler has ended or was handed over; see [`Step`].
    ///
    /// # Cancellation
    /// Dropping the future does not stop a request that Inngest has begun: its response is not
    /// seen.
    #[track_caller]
    pub fn fetch(&self, id: impl Into<StepId>, request: impl Into<FetchRequest>) -> FetchStep {
        let id = id.into();
        let text = id.as_str().to_owned();
        let mut wait = Wait::new(self, id, StepKind::Fetch, Location::caller());
        let request = request.into();
        if let Some(fault) = request.fault() {
            wait.misuse("InvalidRequest", format!("the request cannot be made: {fault}"));
        }
        FetchStep { wait, id: text, request }
    }
}

fn ask(key: StepKey, request: &FetchRequest) -> Recorded {
    // The server wants the body's text in a JSON string; writing a text as JSON cannot fail.
    let body = request.body.as_ref().and_then(|body| serde_json::value::to_raw_value(body).ok());
    let opts = OpOpts {
        url: Some(Cow::Owned(request.url.clone())),
        method: Some(Cow::Owned(request.method.to_string())),
        headers: request.headers.to_wire(),
        body: body.map(Cow::Owned),
        ..OpOpts::default()
    };
    Recorded::ask(key, OpCode::Gateway, opts)
}

fn response(id: &str, stored: GatewayResponse<'static>) -> Result<Response<String>, StepError> {
    let status = StatusCode::from_u16(stored.status_code).map_err(|_| {
        let message = format!("the response has the status {}, which is none", stored.status_code);
        StepError::new(id, OpError::new("GatewayError", message))
    })?;
    let mut response = Response::new(stored.body.into_owned());
    *response.status_mut() = status;
    for (name, value) in &stored.headers {
        // What a server may send but HTTP does not know is left out.
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(&**name), HeaderValue::try_from(&**value)) {
            response.headers_mut().append(name, value);
        }
    }
    Ok(response)
}

impl Future for FetchStep {
    type Output = Result<Response<String>, StepError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { wait, id, request } = &mut *self;
        let stored = ready!(wait.poll(cx, |key| ask(key, request))).result();
        Poll::Ready(stored.and_then(|stored| response(id, stored)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_operation_is_the_recorded_one() {
        // As recorded: docs/protocol.md 5.5
        let request =
            FetchRequest::post("http://127.0.0.1:20311/hello").header("x-a", "b").body(r#"{"in":1}"#);
        let op =
            serde_json::to_value(ask(StepKey::hidden("step.fetch: 127.0.0.1"), &request).to_wire()).unwrap();
        assert_eq!(op["id"], "ea1a1fbbc498392feea60c99d4d82ec7a6610642");
        assert_eq!(op["op"], "Gateway");
        assert_eq!(
            op["opts"],
            json!({"url": "http://127.0.0.1:20311/hello", "method": "POST", "headers": {"x-a": "b"},
                "body": "{\"in\":1}"})
        );
        let get = serde_json::to_value(ask(StepKey::hidden("x"), &FetchRequest::get("https://a")).to_wire())
            .unwrap();
        assert_eq!(get["opts"], json!({"url": "https://a", "method": "GET"}));
    }

    #[test]
    fn the_recorded_response_is_read() {
        let stored = json!({"body": "{\"choices\":[]}", "headers": {"Content-Type": "application/json",
            "Date": "Sun, 22 Nov 2026 09:26:07 GMT", "bad name": "x"}, "status_code": 200,
            "url": "http://127.0.0.1:20311/hello"});
        let response = response("x", serde_json::from_value(stored).unwrap()).unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(response.headers().len(), 2);
        assert_eq!(response.body(), "{\"choices\":[]}");
        let none = GatewayResponse { status_code: 0, headers: Default::default(), body: "".into() };
        assert!(super::response("x", none).is_err());
    }

    #[tokio::test]
    async fn what_makes_no_sense_is_an_error_at_once() {
        let error = Step::detached().fetch("x", FetchRequest::get("nowhere")).await.unwrap_err();
        assert_eq!((error.step_id(), error.name()), ("x", "InvalidRequest"));
        let request = http::Request::get("https://example.com").body(()).unwrap();
        let error = Step::detached().fetch("x", request).await.unwrap_err();
        assert_eq!(error.name(), "DetachedError");
        assert!(error.message().contains("detached_with"), "{error}");
    }
}
