//! What Prometheus reads of the shop.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use inngest::middleware::Metrics;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// Seconds. A step may be a call to a bank, or take minutes.
const BUCKETS: [f64; 8] = [0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0, 300.0];

/// So often what was recorded is put into the buckets, whether or not anybody reads the page: else
/// it would gather.
const UPKEEP: Duration = Duration::from_secs(5);

/// The middleware, and what it has recorded.
pub(crate) fn metrics() -> Result<(Metrics, PrometheusHandle), BuildError> {
    let seconds = Matcher::Suffix("_seconds".to_owned());
    let recorder = PrometheusBuilder::new().set_buckets_for_metric(seconds, &BUCKETS)?.build_recorder();
    let prometheus = recorder.handle();
    // For this program's other metrics too, install it with `metrics::set_global_recorder`, and let
    // `Metrics::new()` find it.
    Ok((Metrics::with_recorder(recorder), prometheus))
}

/// The page. It is no endpoint of Inngest's: it goes outside of the layer.
pub(crate) fn page(prometheus: PrometheusHandle) -> Router {
    let recorded = prometheus.clone();
    tokio::spawn(async move {
        let mut interval = tokio::time::interval(UPKEEP);
        loop {
            interval.tick().await;
            recorded.run_upkeep();
        }
    });
    Router::new().route("/metrics", get(async move || prometheus.render()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_buckets_are_some() {
        let (_metrics, prometheus) = metrics().unwrap();
        assert_eq!(prometheus.render(), "", "nothing has happened");
    }
}
