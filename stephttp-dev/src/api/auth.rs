//! Who may call the API.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::middleware::Next;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Request, Response, StatusCode};
use inngest::signature::SigningKey;

use super::respond;
use crate::engine::Engine;

/// Lets through who has the signing key, raw or hashed; everybody, when the server has none.
pub(super) async fn require(
    State(engine): State<Arc<Engine>>,
    request: Request<Body>,
    next: Next,
) -> Response<Body> {
    if has_key(&engine, request.headers()) { next.run(request).await } else { failed() }
}

/// Whether a request has the signing key, or needs none.
pub(super) fn has_key(engine: &Engine, headers: &HeaderMap) -> bool {
    let value = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(key) = &engine.settings.signing_key else { return true };
    value.is_some_and(|value| admits(key, value))
}

pub(super) fn failed() -> Response<Body> {
    respond::text(StatusCode::UNAUTHORIZED, "Authentication failed\n")
}

fn admits(key: &SigningKey, authorization: &str) -> bool {
    let Some((scheme, token)) = authorization.split_once(' ') else { return false };
    let hashed = key.bearer();
    let hashed = without_prefix(&hashed);
    // The raw key is the one that hashes to the same.
    let raw = SigningKey::parse(token).is_ok_and(|raw| without_prefix(&raw.bearer()) == hashed);
    scheme.eq_ignore_ascii_case("bearer") && (raw || without_prefix(token.trim()) == hashed)
}

/// `signkey-prod-12ab` without `signkey-prod-`.
fn without_prefix(key: &str) -> &str {
    key.strip_prefix("signkey-").and_then(|rest| rest.split_once('-')).map_or(key, |(_, digits)| digits)
}
