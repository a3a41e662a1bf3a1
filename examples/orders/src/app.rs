//! The router, and the order of its layers.

use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use inngest::Provider;
use metrics_exporter_prometheus::PrometheusHandle;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::{DefaultOnResponse, TraceLayer};
use tracing::Level;

use crate::auth::{self, Auth};
use crate::database::Database;
use crate::payments::Payments;
use crate::{metrics, orders, warehouse};

/// What handlers use.
#[derive(Debug, Clone)]
pub struct App {
    /// Who may do what.
    pub auth: Auth,
    /// Orders and stock.
    pub database: Database,
    /// Cards.
    pub payments: Payments,
    /// Inngest.
    pub inngest: Provider,
    /// What Prometheus reads.
    pub metrics: PrometheusHandle,
}

/// All routes.
pub fn router(app: App) -> Router {
    // A time limit that answers in the handler's place is for ordinary routes. A durable one has
    // `max_request_time`, which hands the run over; its steps have time limits of their own.
    let time_limit = TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, Duration::from_secs(10));

    // Inngest's calls back have no login. They come to durable routes alone.
    let durable = Router::new()
        .route("/orders", post(orders::create))
        .route("/orders/{id}/parcel", post(warehouse::report_parcel))
        .layer(from_fn_with_state(app.auth.clone(), auth::require_login_or_inngest));
    let ordinary = Router::new()
        .route("/orders/{id}", get(orders::show).layer(time_limit))
        .layer(from_fn_with_state(app.auth.clone(), auth::require_login));

    Router::new()
        .merge(durable)
        .merge(ordinary)
        .route("/ready", get(ready))
        // Where customers get the response of an order that had to wait.
        .merge(app.inngest.output_route())
        // Everything that may answer a request is above this line.
        .layer(app.inngest.layer())
        // Not for Inngest, nor for customers: the load balancer does not pass it on.
        .route("/metrics", get(metrics::show))
        .layer(
            TraceLayer::new_for_http()
                // Without the query: that of the output route is as good as a login.
                .make_span_with(|request: &Request| {
                    tracing::info_span!("request", method = %request.method(), path = request.uri().path())
                })
                .on_response(DefaultOnResponse::new().level(Level::INFO)),
        )
        .with_state(app)
}

/// For the load balancer: no new requests come here once a deploy has begun.
async fn ready(State(app): State<App>) -> StatusCode {
    if app.inngest.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}
