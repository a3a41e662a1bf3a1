//! `Tracing` with OpenTelemetry: which spans there are, and that all of a run's requests are in one
//! trace.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::State;
use axum::routing::{MethodRouter, post};
use inngest::middleware::{Execution, Middleware, TraceContext, Tracing};
use inngest::{Event, Failure, SetupOpts, Step, StepError};
use opentelemetry::trace::{SpanId, SpanKind, Status, TracerProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use stephttp_dev::{ApiCall, Call, InjectedFault, RunStatus};
use stephttp_tests::{Stage, World};
use tracing::Instrument;
use tracing_subscriber::prelude::*;

use super::without_opentelemetry::{PARENT, STATE, TRACE};

const PAUSE: Duration = Duration::from_secs(86_400);

/// OpenTelemetry, as long as it lives, for what this thread does: the app, the engine and the
/// client.
struct Traces {
    exporter: InMemorySpanExporter,
    _guard: tracing::subscriber::DefaultGuard,
}

impl Traces {
    fn collect() -> Self {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("tests"));
        let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
        Self { exporter, _guard }
    }

    /// The spans of this crate that have ended, in the order of their beginnings.
    fn spans(&self) -> Vec<Ended> {
        let mut spans: Vec<_> =
            self.exporter.get_finished_spans().unwrap().into_iter().map(Ended::new).collect();
        spans.retain(|span| span.target.starts_with("inngest::"));
        spans.sort_by_key(|span| span.data.start_time);
        spans
    }

    fn of_kind(&self, name: &str) -> Vec<Ended> {
        let mut spans = self.spans();
        spans.retain(|span| span.is(name));
        spans
    }
}

/// A span, with what it is looked at for.
#[derive(Debug)]
struct Ended {
    data: SpanData,
    target: String,
    fields: BTreeMap<String, String>,
}

impl Ended {
    fn new(data: SpanData) -> Self {
        let fields: BTreeMap<_, _> =
            data.attributes.iter().map(|field| (field.key.to_string(), field.value.to_string())).collect();
        let target = ["target", "code.namespace", "code.module.name"].iter().find_map(|key| fields.get(*key));
        Self { target: target.cloned().unwrap_or_default(), data, fields }
    }

    fn is(&self, name: &str) -> bool {
        match name {
            "execution" => self.fields.contains_key("request"),
            "step" => self.fields.contains_key("index"),
            "checkpoint" => self.fields.contains_key("operations"),
            _ => false,
        }
    }

    fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    fn trace(&self) -> String {
        self.data.span_context.trace_id().to_string()
    }

    fn id(&self) -> SpanId {
        self.data.span_context.span_id()
    }
}

async fn traced(route: MethodRouter<Stage>, stage: &Stage, tracing: Tracing) -> World {
    World::builder()
        .opts(|opts: SetupOpts, url: &str| opts.dev_server(url).middleware(tracing).event_key("key"))
        .start(stage.app(route))
        .await
}

fn sent_with(call: &ApiCall) -> TraceContext {
    TraceContext::from_headers(&call.headers).unwrap_or_else(|| panic!("{call:?} carries no trace"))
}

#[inngest::api_fn(id = "traces")]
async fn handler(step: Step) -> Result<&'static str, StepError> {
    step.run("a", async { Ok::<_, Failure>(()) }).await?;
    step.sleep("pause", PAUSE).await;
    step.send_event("tell", Event::new("traces/told", serde_json::json!({}))).await?;
    Ok("done")
}

#[tokio::test]
async fn all_of_a_run_is_in_the_clients_trace() {
    let traces = Traces::collect();
    let world = traced(post(handler), &Stage::new(), Tracing::new()).await;
    let request = world.post("/").header("traceparent", PARENT).header("tracestate", STATE);
    let response = request.send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "done");
    let run = world.ended().await;

    let spans = traces.spans();
    for span in &spans {
        assert_eq!(
            (&*span.trace(), span.field("trace_id"), span.field("run_id")),
            (TRACE, TRACE, &*run.id),
            "{span:?}"
        );
        assert_eq!(span.data.span_context.trace_state().header(), STATE, "{span:?}");
        assert_eq!(span.data.status, Status::Unset, "{span:?}");
    }
    let executions = traces.of_kind("execution");
    let [first, reentry] = &executions[..] else { panic!("{executions:#?}") };
    assert_eq!(first.data.parent_span_id, SpanId::from_hex(&PARENT[36..52]).unwrap());
    assert_eq!(reentry.data.parent_span_id, first.id());
    let said = |span: &Ended| {
        ["request", "generation", "outcome", "http.response.status_code"]
            .map(|name| span.field(name).to_owned())
    };
    assert_eq!(said(first), ["first", "", "handed_over", ""]);
    assert_eq!(said(reentry), ["re-entry", "1", "responded", "200"]);
    assert_eq!(
        (&*first.data.name, first.field("function"), &first.data.span_kind),
        ("traces", "traces", &SpanKind::Server)
    );

    let steps = traces.of_kind("step");
    let [a, tell] = &steps[..] else { panic!("{steps:#?}") };
    assert_eq!((a.data.parent_span_id, tell.data.parent_span_id), (first.id(), reentry.id()));
    let said = |span: &Ended| ["id", "index", "kind", "outcome"].map(|name| span.field(name).to_owned());
    assert_eq!(
        (said(a), said(tell)),
        (["a", "0", "Run", "ok"].map(str::to_owned), ["tell", "0", "SendEvent", "ok"].map(str::to_owned))
    );
    assert_eq!((&*a.data.name, &tell.data.span_kind), ("a", &SpanKind::Client));

    let checkpoints = traces.of_kind("checkpoint");
    let [new_run, save] = &checkpoints[..] else { panic!("{checkpoints:#?}") };
    assert_eq!((new_run.data.parent_span_id, save.data.parent_span_id), (first.id(), reentry.id()));
    let said = |span: &Ended| ["call", "attempts", "outcome"].map(|name| span.field(name).to_owned());
    assert_eq!(
        (said(new_run), said(save)),
        (["new_run", "1", "ok"].map(str::to_owned), ["async", "1", "ok"].map(str::to_owned))
    );
    // The step, the sleep, and what is remembered.
    assert_eq!((new_run.field("operations"), save.field("operations")), ("3", "1"));
    assert_eq!((&*new_run.data.name, &new_run.data.span_kind), ("checkpoint new_run", &SpanKind::Client));
    assert_eq!(spans.len(), 6, "{spans:#?}");

    for (kind, caller) in [(Call::NewRun, new_run), (Call::Async, save), (Call::Events, tell)] {
        let sent = sent_with(&world.inngest.calls_of(kind)[0]);
        assert_eq!((sent.trace_id(), sent.span_id()), (TRACE, &*caller.id().to_string()), "{kind:?}");
        assert_eq!(sent.tracestate(), Some(STATE));
    }
    world.assert_clean();
}

#[tokio::test]
async fn without_a_good_context_a_run_begins_a_trace_of_its_own() {
    let upper = PARENT.to_uppercase();
    let (long, zero) = (format!("{PARENT}-{}", "0".repeat(10_000)), PARENT.replace(TRACE, &"0".repeat(32)));
    let bad = [None, Some(&*upper), Some(&*long), Some(&*zero), Some("00"), Some("\u{e9}")];
    for parent in bad {
        let traces = Traces::collect();
        let world = traced(post(handler), &Stage::new(), Tracing::new()).await;
        let request = world.post("/").header("tracestate", STATE);
        let request = match parent {
            Some(parent) => request.header("traceparent", parent),
            None => request,
        };
        let response = request.send().await.unwrap();
        assert_eq!(world.follow(response).await.text().await.unwrap(), "done", "{parent:?}");
        world.ended().await;
        assert_in_own_trace(&traces, &world);
    }
}

#[tokio::test]
async fn what_strangers_send_can_be_ignored() {
    let traces = Traces::collect();
    let world = traced(post(handler), &Stage::new(), Tracing::new().ignore_request_headers()).await;
    let response = world.post("/").header("traceparent", PARENT).send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "done");
    world.ended().await;
    assert_in_own_trace(&traces, &world);
}

#[track_caller]
fn assert_in_own_trace(traces: &Traces, world: &World) {
    let executions = traces.of_kind("execution");
    let [first, reentry] = &executions[..] else { panic!("{executions:#?}") };
    assert_eq!((first.data.parent_span_id, reentry.data.parent_span_id), (SpanId::INVALID, first.id()));
    assert_ne!(first.trace(), TRACE);
    for span in traces.spans() {
        assert_eq!(span.trace(), first.trace(), "{span:?}");
        assert_eq!(span.data.span_context.trace_state().header(), "");
    }
    for kind in [Call::NewRun, Call::Async, Call::Events] {
        assert_eq!(sent_with(&world.inngest.calls_of(kind)[0]).trace_id(), first.trace());
    }
    world.assert_clean();
}

#[inngest::api_fn(id = "traces-short")]
async fn short(State(stage): State<Stage>, step: Step) -> Result<&'static str, StepError> {
    step.run("a", async {
        stage.effects.happen("a");
        Ok::<_, Failure>(())
    })
    .await?;
    Ok("done")
}

#[tokio::test]
async fn an_execution_ends_before_its_run_is_delivered() {
    let traces = Traces::collect();
    let world = traced(post(short), &Stage::new(), Tracing::new()).await;
    let gate = stephttp_dev::Gate::new();
    world.inngest.inject(InjectedFault::on(Call::NewRun).hold(&gate).respond(503));
    assert_eq!(world.post("/").send().await.unwrap().text().await.unwrap(), "done");
    gate.reached(1).await;
    assert_eq!(traces.of_kind("execution").len(), 1);
    assert_eq!(traces.of_kind("checkpoint").len(), 0);
    gate.release();
    world.ended().await;
    let (execution, checkpoint) =
        (traces.of_kind("execution").remove(0), traces.of_kind("checkpoint").remove(0));
    assert_eq!(checkpoint.data.parent_span_id, execution.id());
    assert_eq!((checkpoint.field("attempts"), checkpoint.field("outcome")), ("2", "ok"));
    // One span for both attempts.
    let sent: Vec<_> = world.inngest.calls_of(Call::NewRun).iter().map(sent_with).collect();
    assert_eq!((sent.len(), sent[0].span_id()), (2, &*checkpoint.id().to_string()));
    assert_eq!(sent[0], sent[1]);
    world.assert_clean();
}

#[tokio::test]
async fn a_checkpoint_that_fails_says_why() {
    let traces = Traces::collect();
    let world = traced(post(short), &Stage::new(), Tracing::new()).await;
    world.inngest.inject(InjectedFault::on(Call::NewRun).respond(400).body(r#"{"error":"not this one"}"#));
    assert_eq!(world.post("/").send().await.unwrap().text().await.unwrap(), "done");
    assert!(world.provider.wait(Duration::from_secs(30)).await.is_err());
    let checkpoint = traces.of_kind("checkpoint").remove(0);
    assert_eq!((checkpoint.field("attempts"), checkpoint.field("outcome")), ("1", "failed"));
    let Status::Error { description } = &checkpoint.data.status else { panic!("{checkpoint:#?}") };
    assert!(description.contains("400") && description.contains("not this one"), "{description}");
}

#[inngest::api_fn(id = "traces-failing")]
async fn failing(step: Step) -> Result<&'static str, StepError> {
    step.run("a", async { Err::<(), _>(Failure::non_retriable("the card was declined")) }).await?;
    Ok("done")
}

#[inngest::api_fn(id = "traces-panicking")]
async fn panicking(State(stage): State<Stage>, step: Step) -> Result<&'static str, StepError> {
    step.run("a", async { Ok::<_, Failure>(()) }).await?;
    assert!(stage.effects.count("never") > 0, "the handler panics");
    Ok("done")
}

#[tokio::test]
async fn what_fails_is_an_error() {
    let error = |description: &str| Status::error(description.to_owned());
    let traces = Traces::collect();
    let world = traced(post(failing), &Stage::new(), Tracing::new()).await;
    assert_eq!(world.post("/").send().await.unwrap().status(), 500);
    world.ended().await;
    let (execution, step) = (traces.of_kind("execution").remove(0), traces.of_kind("step").remove(0));
    assert_eq!(
        (execution.data.status.clone(), execution.field("http.response.status_code")),
        (error(""), "500")
    );
    assert_eq!((step.data.status.clone(), step.field("outcome")), (error("the card was declined"), "failed"));

    let traces = Traces::collect();
    let world = traced(post(panicking), &Stage::new(), Tracing::new()).await;
    // The connection breaks off.
    assert!(world.post("/").send().await.is_err());
    world.ended().await;
    let execution = traces.of_kind("execution").remove(0);
    assert_eq!(
        (execution.data.status.clone(), execution.field("outcome")),
        (error("the handler panicked"), "panicked")
    );
}

#[tokio::test]
async fn a_span_around_the_request_is_the_parent_in_its_trace_and_linked_otherwise() {
    let traces = Traces::collect();
    let around = |request: axum::extract::Request, next: axum::middleware::Next| {
        next.run(request).instrument(tracing::info_span!(target: "around", "around"))
    };
    let world = World::builder()
        .opts(|opts: SetupOpts, url: &str| opts.dev_server(url).middleware(Tracing::new()).event_key("key"));
    let app = Stage::new().app(post(handler).layer(axum::middleware::from_fn(around)));
    let world = world.start(app).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "done");
    world.ended().await;
    let executions = traces.of_kind("execution");
    let [first, reentry] = &executions[..] else { panic!("{executions:#?}") };
    let mut arounds: Vec<_> = traces.exporter.get_finished_spans().unwrap();
    arounds.retain(|span| span.name == "around");
    arounds.sort_by_key(|span| span.start_time);
    assert_eq!(first.data.parent_span_id, arounds[0].span_context.span_id());
    assert_eq!((first.data.span_kind.clone(), first.data.links.len()), (SpanKind::Internal, 0));
    // Inngest's call back is in no trace: the run's counts.
    assert_eq!((reentry.data.parent_span_id, reentry.trace()), (first.id(), first.trace()));
    let links: Vec<_> = reentry.data.links.iter().map(|link| link.span_context.span_id()).collect();
    assert_eq!(links, [arounds[1].span_context.span_id()]);
    assert_ne!(arounds[1].span_context.trace_id(), reentry.data.span_context.trace_id());
    world.assert_clean();
}

/// Has spans of its own, and comes before `Tracing`.
struct Outer;

impl Middleware for Outer {
    fn execution_span(&self, execution: &Execution) -> Option<tracing::Span> {
        Some(tracing::info_span!(target: "outer", "outer", first = execution.is_first_request()))
    }
}

#[tokio::test]
async fn another_middlewares_span_counts_and_its_trace_is_kept() {
    let traces = Traces::collect();
    let world = World::builder()
        .opts(|opts: SetupOpts, url: &str| {
            opts.dev_server(url).middleware(Outer).middleware(Tracing::new()).event_key("key")
        })
        .start(Stage::new().app(post(handler)))
        .await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "done");
    world.ended().await;
    assert_eq!(traces.of_kind("execution").len(), 0);
    let outers: Vec<_> = traces
        .exporter
        .get_finished_spans()
        .unwrap()
        .into_iter()
        .filter(|span| span.name == "outer")
        .collect();
    assert_eq!(outers.len(), 2);
    let first = outers.iter().min_by_key(|span| span.start_time).unwrap();
    let sent = sent_with(&world.inngest.calls_of(Call::NewRun)[0]);
    assert_eq!(sent.trace_id(), first.span_context.trace_id().to_string());
    assert_eq!(world.ended().await.status, RunStatus::Completed);
    world.assert_clean();
}
