//! Inside of the layer, where guards belong.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::BoxError;
use axum::error_handling::HandleErrorLayer;
use axum::extract::{DefaultBodyLimit, FromRequestParts};
use axum::http::request::Parts;
use axum::middleware::from_fn;
use inngest::Remember;
use serde::{Deserialize, Serialize};
use tower::ServiceBuilder;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::load_shed::LoadShedLayer;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::cors::CorsLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;

use super::*;

/// What passes a re-entry, on its side of the layer.
async fn assert_passes(what: &str, inside: impl FnOnce(Router) -> Router) {
    let effects = Effects::new();
    let world = World::of(inside(app(&effects))).await;
    let ordered = ordered(&world).await;
    assert_eq!(ordered.0, DONE, "{what}");
    assert_done(&ordered);
    assert_eq!(effects.all(), ["before", "after"], "{what}");
    world.assert_clean();
}

#[tokio::test]
async fn guards_that_know_of_reentries_pass_them() {
    assert_passes("a login", |app| app.layer(from_fn(login))).await;
    assert_passes("one by an extractor", |app| app.layer(from_fn(extracting_login))).await;
    let session = async |request: Request, next: Next| {
        let has_session = request.headers().get("cookie").is_some_and(|cookie| cookie == "session=alice");
        if request.extensions().get::<Reentry>().is_none() && !has_session {
            return StatusCode::FORBIDDEN.into_response();
        }
        next.run(request).await
    };
    assert_passes("a session", |app| app.layer(from_fn(session))).await;
    let csrf = async |request: Request, next: Next| {
        if request.extensions().get::<Reentry>().is_none() && !request.headers().contains_key("x-csrf-token")
        {
            return StatusCode::FORBIDDEN.into_response();
        }
        next.run(request).await
    };
    assert_passes("CSRF", |app| app.layer(from_fn(csrf))).await;
    let seen = Arc::new(AtomicUsize::new(0));
    let limit = move |request: Request, next: Next| {
        let is_over =
            request.extensions().get::<Reentry>().is_none() && seen.fetch_add(1, Ordering::SeqCst) > 0;
        async move {
            if is_over { StatusCode::TOO_MANY_REQUESTS.into_response() } else { next.run(request).await }
        }
    };
    assert_passes("a rate limit", |app| app.layer(from_fn(limit))).await;
}

#[tokio::test]
async fn layers_that_reject_nothing_pass_reentries() {
    assert_passes("tracing", |app| app.layer(TraceLayer::new_for_http())).await;
    assert_passes("CORS", |app| app.layer(CorsLayer::permissive())).await;
    assert_passes("panics", |app| app.layer(CatchPanicLayer::new())).await;
    assert_passes("a long timeout", |app| {
        app.layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, DAY))
    })
    .await;
    assert_passes("a body limit", |app| app.layer(RequestBodyLimitLayer::new(1_000))).await;
    assert_passes("axum's body limit", |app| app.layer(DefaultBodyLimit::max(1_000))).await;
    assert_passes("load shed with room", |app| {
        let shed = ServiceBuilder::new()
            .layer(HandleErrorLayer::new(async |_: BoxError| StatusCode::SERVICE_UNAVAILABLE))
            .layer(LoadShedLayer::new())
            .layer(GlobalConcurrencyLimitLayer::new(8));
        app.layer(shed)
    })
    .await;
}

#[tokio::test]
async fn what_answers_no_request_may_stand_outside() {
    let effects = Effects::new();
    let world = World::builder()
        .start_wrapped(
            |_| app(&effects),
            |app, _| {
                app.layer(CompressionLayer::new())
                    .layer(CorsLayer::permissive())
                    .layer(TraceLayer::new_for_http())
            },
        )
        .await;
    assert_done(&ordered(&world).await);
    world.assert_clean();
}

#[tokio::test]
async fn a_guard_that_knows_of_no_reentry_fails_the_run_and_says_what_to_do() {
    let effects = Effects::new();
    let world = World::of(app(&effects).layer(from_fn(strict_login))).await;
    let (text, run) = ordered(&world).await;
    assert_eq!(run.status, RunStatus::Failed);
    assert!(text.contains("401") && text.contains("`inngest::Reentry`"), "{text}");
    world.assert_rejected();
    assert!(world.inngest.violations()[0].message.contains("`inngest::Reentry`"));
}

#[tokio::test]
async fn no_header_makes_a_client_a_reentry() {
    let effects = Effects::new();
    let world = World::of(app(&effects).layer(from_fn(login))).await;
    for headers in [&["x-run-id"][..], &["x-inngest-signature"], &["reentry"]] {
        let request = headers
            .iter()
            .fold(world.post("/"), |request, name| request.header(*name, "01M817NZCZ3BTTPY1FEX7T2M4B"));
        assert_eq!(request.send().await.unwrap().status(), 401, "{headers:?}");
    }
    assert!(effects.all().is_empty());
}

// ===== Extractors =====

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    name: String,
}

impl<S: Sync> FromRequestParts<S> for Claims {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        let token = parts.headers.get("authorization").ok_or(StatusCode::UNAUTHORIZED)?;
        Ok(Self { name: token.to_str().unwrap().trim_start_matches("Bearer ").to_owned() })
    }
}

#[inngest::api_fn(id = "guards-claims")]
async fn with_claims(Remember(claims): Remember<Claims>, step: Step) -> String {
    step.sleep("pause", DAY).await;
    claims.name
}

async fn remembering(Remember(claims): Remember<Claims>, request: Request, next: Next) -> Response {
    assert_eq!(claims.name, "alice");
    next.run(request).await
}

#[tokio::test]
async fn an_extractor_and_a_layer_remember_claims() {
    let app = Router::new().route("/", post(with_claims)).layer(from_fn(remembering));
    let world = World::of(app).await;
    assert_eq!(ordered(&world).await.0, "alice");
    world.assert_clean();
}
