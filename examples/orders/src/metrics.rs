//! What Prometheus reads of the service.

use std::time::Duration;

use axum::extract::State;
use inngest::middleware::Metrics;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use crate::app::App;

/// Seconds. A step may be a call to a bank, or take minutes.
const BUCKETS: [f64; 8] = [0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0, 300.0];

/// So often what was recorded is put into the buckets, whether or not anybody reads the page: else
/// it would gather.
const UPKEEP: Duration = Duration::from_secs(5);

/// The middleware, and what it has recorded.
///
/// # Errors
///
/// None, as long as there are buckets.
///
/// # Panics
///
/// Outside of a tokio runtime.
pub fn recorder() -> Result<(Metrics, PrometheusHandle), BuildError> {
    let seconds = Matcher::Suffix("_seconds".to_owned());
    // For this program's other metrics too, install it with `metrics::set_global_recorder`, and let
    // `Metrics::new()` find it.
    let recorder = PrometheusBuilder::new().set_buckets_for_metric(seconds, &BUCKETS)?.build_recorder();
    let prometheus = recorder.handle();
    let recorded = prometheus.clone();
    tokio::spawn(async move {
        let mut interval = tokio::time::interval(UPKEEP);
        loop {
            interval.tick().await;
            recorded.run_upkeep();
        }
    });
    Ok((Metrics::with_recorder(recorder), prometheus))
}

/// `GET /metrics`: for Prometheus, and not for customers.
pub async fn show(State(app): State<App>) -> String {
    app.metrics.render()
}
