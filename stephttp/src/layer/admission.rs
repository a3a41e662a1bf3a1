//! Makes sure that it is Inngest who calls back, for [`DurableLayer`](super::DurableLayer) and
//! [`VerifyLayer`](super::VerifyLayer).

use std::time::SystemTime;

use axum::body::Body;
use axum::extract::MatchedPath;
use axum::response::Response;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Request, StatusCode};

use super::answer;
use crate::app::App;
use crate::exchange::{Dispatch, Proof, Refusal};
use crate::signature::Claim;
use crate::untrusted::{Complaint, shown};
use crate::wire::headers;

/// A request that is Inngest's.
pub(super) struct Admitted {
    pub(super) parts: Parts,
    pub(super) body: Bytes,
    pub(super) dispatch: Dispatch,
    /// Retries that its function has for sure, as long as its handler has not said how many.
    pub(super) sure_retries: u8,
}

/// Makes sure that it is Inngest who calls. What the headers show already is refused before any of
/// the body is read.
pub(super) async fn admit(app: &App, request: Request<Body>) -> Result<Admitted, Response> {
    let (parts, body) = request.into_parts();
    let sure_retries = app.routes().sure_retries(&parts.method, parts.extensions.get::<MatchedPath>());
    let dispatch = Dispatch::read(&parts.headers);
    let proof = proof(app, &parts).ok_or_else(|| {
        complain(app, Complaint::Unsigned, &parts, "it has no signature that could hold now");
        let (status, message) = (StatusCode::UNAUTHORIZED, "the signature does not match");
        refuse(dispatch.as_ref().ok(), sure_retries, status, message)
    })?;
    let dispatch = dispatch.map_err(|fault| {
        let fault = fault.to_string();
        complain(app, Complaint::Unsigned, &parts, &fault);
        answer::retry(StatusCode::BAD_REQUEST, &fault)
    })?;
    match app.unverified().read(body, &proof).await {
        Ok(body) => Ok(Admitted { parts, body, dispatch, sure_retries }),
        // Should it be Inngest's, with a key that is being rotated, say, then it may try again
        // while an attempt is left.
        Err(refusal) => {
            let (complaint, status, message) = match &refusal {
                Refusal::Unproven => {
                    (Complaint::Unsigned, StatusCode::UNAUTHORIZED, "the signature does not match".to_owned())
                }
                Refusal::TooLong => {
                    (Complaint::RequestBody, StatusCode::PAYLOAD_TOO_LARGE, refusal.to_string())
                }
                Refusal::TooSlow | Refusal::BrokeOff(_) | Refusal::Crowded => {
                    (Complaint::RequestBody, StatusCode::SERVICE_UNAVAILABLE, refusal.to_string())
                }
            };
            complain(app, complaint, &parts, &refusal.to_string());
            Err(refuse(Some(&dispatch), sure_retries, status, &message))
        }
    }
}

/// What the request is to be verified by; `None` when its signature cannot hold, whatever the body
/// is.
fn proof<'a>(app: &'a App, parts: &Parts) -> Option<Proof<'a>> {
    let settings = app.settings();
    let mut signatures = parts.headers.get_all(headers::SIGNATURE).iter();
    // Several are none of Inngest's, whatever the first of them is.
    let signature = match (signatures.next().map(HeaderValue::to_str), signatures.next()) {
        (None, _) => "",
        (Some(Ok(signature)), None) => signature,
        _ => "not one text",
    };
    if !settings.must_verify(signature) {
        return Some(Proof::NotNeeded);
    }
    let claim = Claim::read(signature).filter(|claim| claim.is_timely(SystemTime::now()))?;
    Some(Proof::Signature(claim, settings.signing_keys()))
}

/// Logs that a request is refused which claims to be Inngest's.
fn complain(app: &App, complaint: Complaint, parts: &Parts, why: &str) {
    if let Some(left_out) = app.admits_line(complaint) {
        let (path, why) = (shown(parts.uri.path()), shown(why));
        tracing::warn!(%path, left_out, "a request in Inngest's name is refused: {why}");
    }
}

/// Of a run there is no proof. Should there be one, then it must not hang.
fn refuse(dispatch: Option<&Dispatch>, sure_retries: u8, status: StatusCode, message: &str) -> Response {
    match dispatch {
        Some(dispatch) if dispatch.may_ask_for_retry(sure_retries) => answer::retry(status, message),
        dispatch => answer::refused(dispatch.map(|dispatch| dispatch.run_id), status, message),
    }
}
