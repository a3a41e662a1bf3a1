//! What `Metrics` records, as Prometheus reads it.

use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::{any, post};
use inngest::middleware::Metrics;
use inngest::{Event, Failure, SetupOpts, Step, StepError};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use stephttp_dev::{Call, InjectedFault};
use stephttp_tests::World;

const PAUSE: Duration = Duration::from_secs(86_400);

/// A page of Prometheus' that an app serves.
struct Page(PrometheusHandle);

impl Page {
    /// The value of a series; `None` if there is none.
    fn value(&self, series: &str) -> Option<f64> {
        let page = self.0.render();
        let value = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.map(|value| value.parse().unwrap())
    }

    #[track_caller]
    fn assert(&self, series: &str, value: f64) {
        assert_eq!(self.value(series), Some(value), "{series}:\n{}", self.0.render());
    }
}

async fn world(app: Router, change: impl FnOnce(Metrics) -> Metrics) -> (World, Page) {
    let recorder = PrometheusBuilder::new().set_buckets(&[0.1, 1.0, 10.0]).unwrap().build_recorder();
    let page = Page(recorder.handle());
    let metrics = change(Metrics::with_recorder(recorder));
    let world = World::builder()
        .opts(|opts: SetupOpts, url: &str| {
            opts.dev_server(url).event_key("test").linger(Duration::ZERO).middleware(metrics)
        })
        .start(app)
        .await;
    (world, page)
}

#[inngest::api_fn(id = "measured", retries = 2)]
async fn measured(step: Step) -> Result<&'static str, StepError> {
    step.run("charge", async { Ok(()) }).await?;
    step.send_event("tell", Event::new("shop/charged", serde_json::json!({ "cents": 1 }))).await?;
    step.sleep("pause", PAUSE).await;
    let failed = step.run("ship", async { Err::<(), _>(Failure::non_retriable("no")) }).await;
    assert!(failed.is_err());
    Ok("done")
}

#[tokio::test]
async fn executions_steps_and_calls_are_counted_with_their_durations() {
    let (world, page) = world(Router::new().route("/", post(measured)), |metrics| metrics).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "done");
    world.ended().await;

    let executions = |labels: &str| format!("inngest_executions_total{{function=\"measured\",{labels}}}");
    page.assert(&executions(r#"request="first",outcome="handed_over",status="none""#), 1.0);
    page.assert(&executions(r#"request="re-entry",outcome="handed_over",status="none""#), 1.0);
    page.assert(&executions(r#"request="re-entry",outcome="responded",status="2xx""#), 1.0);
    page.assert(r#"inngest_hand_overs_total{function="measured",request="first"}"#, 1.0);
    page.assert(r#"inngest_hand_overs_total{function="measured",request="re-entry"}"#, 1.0);
    let durations = r#"inngest_execution_duration_seconds_count{function="measured",request="re-entry"}"#;
    page.assert(durations, 2.0);
    // Two steps and the pause, and then what has failed.
    page.assert(r#"inngest_replayed_steps_total{function="measured"}"#, 7.0);

    let step = |metric: &str, step: &str, kind: &str, outcome: &str| {
        format!(
            "inngest_{metric}{{function=\"measured\",step=\"{step}\",kind=\"{kind}\",outcome=\"{outcome}\"}}"
        )
    };
    for (id, kind, outcome) in
        [("charge", "run", "ok"), ("tell", "send_event", "ok"), ("ship", "run", "failed")]
    {
        page.assert(&step("steps_total", id, kind, outcome), 1.0);
        page.assert(&step("step_duration_seconds_count", id, kind, outcome), 1.0);
        assert!(page.value(&step("step_duration_seconds_sum", id, kind, outcome)).unwrap() > 0.0);
    }

    let calls = page.value(r#"inngest_checkpoints_total{call="new_run",outcome="ok"}"#).unwrap();
    page.assert(r#"inngest_checkpoint_duration_seconds_count{call="new_run",outcome="ok"}"#, calls);
    assert_eq!(calls, 1.0);
    page.assert(r#"inngest_checkpoints_total{call="new_run",outcome="failed"}"#, 0.0);
    // It was handed over, so nothing was delivered after a response.
    page.assert(r#"inngest_deliveries_total{outcome="delivered"}"#, 0.0);
    page.assert("inngest_lost_runs_total", 0.0);
    page.assert("inngest_backlog_bytes", 0.0);
    world.assert_clean();
}

#[tokio::test]
async fn each_metric_has_a_type_and_a_description() {
    let (world, page) = world(Router::new().route("/", post(measured)), |metrics| metrics).await;
    let response = world.post("/").send().await.unwrap();
    world.follow(response).await;
    world.ended().await;
    let page = page.0.render();
    let names: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    assert_eq!(names.len(), 14, "{page}");
    for name in names {
        let (name, kind) = name.split_once(' ').unwrap();
        let expected = match name {
            "inngest_backlog_bytes" => "gauge",
            name if name.ends_with("_seconds") => "histogram",
            _ => "counter",
        };
        assert_eq!(kind, expected, "{name}");
        assert_eq!(page.matches(&format!("# HELP {name} ")).count(), 1, "{page}");
    }
}

async fn dynamic(Path(id): Path<String>, step: Step) -> Result<(), StepError> {
    step.run(format!("charge {id}"), async { Ok::<_, Failure>(()) }).await?;
    step.run("in a helper", async { Ok::<_, Failure>(()) }).await
}

async fn anything(step: Step) -> Result<(), StepError> {
    step.run("charge", async { Ok::<_, Failure>(()) }).await
}

#[tokio::test]
async fn strangers_make_no_series() {
    let app = Router::new().route("/orders/{id}", post(dynamic)).fallback(any(anything));
    let (world, page) = world(app, |metrics| metrics.step_ids(["in a helper"])).await;
    for n in 0..10 {
        for path in [format!("/orders/{n}"), format!("/anything/{n}")] {
            assert_eq!(world.post(&path).send().await.unwrap().status(), StatusCode::OK);
        }
    }
    world.delivered().await;
    let route = r#"function="POST /orders/{id}""#;
    let responded = r#"request="first",outcome="responded",status="2xx""#;
    page.assert(&format!("inngest_executions_total{{{route},{responded}}}"), 10.0);
    page.assert(&format!("inngest_executions_total{{function=\"other\",{responded}}}"), 10.0);
    page.assert(&format!("inngest_steps_total{{{route},step=\"other\",kind=\"run\",outcome=\"ok\"}}"), 10.0);
    page.assert(
        &format!("inngest_steps_total{{{route},step=\"in a helper\",kind=\"run\",outcome=\"ok\"}}"),
        10.0,
    );
    let series = page.0.render().lines().filter(|line| line.starts_with("inngest_executions_total")).count();
    assert_eq!(series, 2);
    page.assert(r#"inngest_deliveries_total{outcome="delivered"}"#, 20.0);
}

#[inngest::api_fn(id = "measured-plain", retries = 0)]
async fn plain(step: Step) -> Result<(), StepError> {
    step.run("one", async { Ok(()) }).await
}

#[tokio::test]
async fn deliveries_and_losses_are_counted_and_the_backlog_is_shown() {
    let (world, page) = world(Router::new().route("/", post(plain)), |metrics| metrics).await;
    world.inngest.inject(InjectedFault::on(Call::NewRun).first(1).respond(500));
    world.post("/").send().await.unwrap();
    world.delivered().await;
    page.assert(r#"inngest_deliveries_total{outcome="retried"}"#, 1.0);
    page.assert(r#"inngest_checkpoint_retries_total{call="new_run"}"#, 1.0);

    world.inngest.clear_faults();
    world.inngest.go_down();
    world.post("/").send().await.unwrap();
    world.inngest.wait_for_call(Call::NewRun, 3).await;
    let waiting = page.value("inngest_backlog_bytes").unwrap();
    assert_eq!(waiting, world.provider.backlog_bytes() as f64);
    assert!(waiting > 0.0);
    world.inngest.come_up();
    world.delivered().await;
    page.assert("inngest_backlog_bytes", 0.0);

    world.inngest.inject(InjectedFault::on(Call::NewRun).every().respond(400));
    world.post("/").send().await.unwrap();
    world.provider.wait(Duration::from_secs(30)).await.unwrap_err();
    page.assert(r#"inngest_deliveries_total{outcome="given_up"}"#, 1.0);
    page.assert("inngest_lost_runs_total", 1.0);
    page.assert(r#"inngest_checkpoints_total{call="new_run",outcome="failed"}"#, 1.0);
}

#[inngest::api_fn(id = "measured-panic", retries = 0)]
async fn panics(step: Step) {
    drop(step);
    panic!("on purpose");
}

#[tokio::test]
async fn a_panic_and_an_error_are_outcomes() {
    async fn fails(step: Step) -> Result<(), StepError> {
        step.run("no", async { Err(Failure::non_retriable("no")) }).await
    }
    let app = Router::new().route("/panics", post(panics)).route("/fails", post(fails));
    let (world, page) = world(app, |metrics| metrics).await;
    world.post("/panics").send().await.unwrap_err();
    world.post("/fails").send().await.unwrap();
    let _ = world.provider.wait(Duration::from_secs(30)).await;
    let first = r#"request="first",outcome"#;
    page.assert(
        &format!(
            "inngest_executions_total{{function=\"measured-panic\",{first}=\"panicked\",status=\"none\"}}"
        ),
        1.0,
    );
    page.assert(
        &format!("inngest_executions_total{{function=\"POST /fails\",{first}=\"responded\",status=\"5xx\"}}"),
        1.0,
    );
}

/// No test of this program installs a recorder.
#[tokio::test]
async fn without_a_recorder_nothing_is_recorded_and_nothing_breaks() {
    let world = World::builder()
        .opts(|opts: SetupOpts, url: &str| opts.dev_server(url).middleware(Metrics::new()))
        .start(Router::new().route("/", post(plain)))
        .await;
    assert_eq!(world.post("/").send().await.unwrap().status(), StatusCode::OK);
    world.ended().await;
    world.assert_clean();
}

#[tokio::test]
async fn messages_that_are_published_outside_of_steps_are_counted() {
    let (world, page) = world(Router::new(), |metrics| metrics).await;
    let realtime = world.provider.realtime();
    realtime.publish("shop", "news", "open").await.unwrap();
    page.assert(r#"inngest_publishes_total{outcome="failed"}"#, 0.0);
    realtime.publish("", "news", "open").await.unwrap_err();
    page.assert(r#"inngest_publishes_total{outcome="ok"}"#, 1.0);
    page.assert(r#"inngest_publishes_total{outcome="failed"}"#, 1.0);
}

#[tokio::test]
async fn events_that_are_sent_outside_of_steps_are_counted() {
    let (world, page) = world(Router::new(), |metrics| metrics).await;
    let events = world.provider.events();
    events.send_event(Event::new("shop/closed", serde_json::json!({}))).await.unwrap();
    events.send_event(Event::new("", serde_json::json!({}))).await.unwrap_err();
    page.assert(r#"inngest_sends_total{outcome="ok"}"#, 1.0);
    page.assert(r#"inngest_sends_total{outcome="failed"}"#, 1.0);
}
