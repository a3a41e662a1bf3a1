//! Tells the page what has changed, by server-sent events.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::State;
use bytes::Bytes;
use http::Response;
use hyper::body::Frame;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::document;
use crate::clock::Clock;
use crate::engine::{Engine, Run, State as EngineState, millis};
use crate::timeline::BarKind;

/// Changes are gathered for so long, in real time.
const GATHERED: Duration = Duration::from_millis(60);

/// How many runs a page is told of when it opens: the latest.
const RUNS: usize = 5_000;

/// How many names and mistakes are told.
const NAMES: usize = 50;

/// `GET /stephttp/feed`: everything at first, and then what changes.
pub(super) async fn feed(State(engine): State<Arc<Engine>>) -> Response<Body> {
    let (sender, receiver) = mpsc::channel(1);
    engine.spawn(tell(Arc::clone(&engine), sender));
    document("text/event-stream", Body::new(Feed(receiver)))
}

/// Tells one page, until that is closed.
async fn tell(engine: Arc<Engine>, page: mpsc::Sender<Bytes>) {
    let mut changes = engine.changes();
    let (mut since, mut known) = (0, Value::Null);
    loop {
        changes.mark_unchanged();
        let (runs, state, now) =
            engine.read(|state| (changed_runs(state, since), state_of(state), state.log.noted()));
        if since == 0 || !runs.is_empty() || state != known {
            let data = json!({ "first": since == 0, "runs": runs, "state": state });
            if page.send(format!("data: {data}\n\n").into()).await.is_err() {
                return;
            }
        }
        (since, known) = (now, state);
        tokio::select! {
            () = page.closed() => return,
            changed = changes.changed() => if changed.is_err() { return },
        }
        tokio::time::sleep(GATHERED).await;
    }
}

/// The runs that something has happened to.
fn changed_runs(state: &EngineState, since: u64) -> Vec<Value> {
    let mut violations: HashMap<&str, (usize, u64)> = HashMap::new();
    for (violation, moment) in state.log.violations.iter().zip(&state.log.violation_moments) {
        let Some(run) = violation.run_id.as_deref() else { continue };
        let (count, last) = violations.entry(run).or_default();
        (*count, *last) = (*count + 1, moment.order);
    }
    let shown = state.order.len().saturating_sub(RUNS);
    let runs = state.order[shown..].iter().filter_map(|id| state.runs.get(id));
    runs.filter_map(|run| {
        let (count, last) = violations.get(run.id.as_str()).copied().unwrap_or_default();
        (run.touched.max(last) > since).then(|| summary(run, count))
    })
    .collect()
}

fn summary(run: &Run, violations: usize) -> Value {
    let open =
        run.history().filter_map(|(step, bars)| Some((step, bars.iter().find(|bar| bar.until.is_none())?)));
    let doing = open.last().filter(|_| run.ended.is_none()).map(|(step, bar)| match bar.kind {
        BarKind::Sleep => format!("sleeps at {}", step.label()),
        BarKind::Event => format!("waits for an event at {}", step.label()),
        BarKind::Signal => format!("waits for a signal at {}", step.label()),
        BarKind::Invoke => format!("invokes at {}", step.label()),
        BarKind::Call | BarKind::Attempt => format!("is at {}", step.label()),
    });
    json!({
        "id": run.id,
        "function": run.function,
        "status": run.status().as_str(),
        "began": millis(run.began.at),
        "ended": run.ended.map(|ended| millis(ended.at)),
        "steps": run.steps().count(),
        "doing": doing,
        "violations": violations,
    })
}

/// What is not of one run: the clock, what is waited for, and mistakes of nobody's run.
fn state_of(state: &EngineState) -> Value {
    let time = &state.work.time;
    let (kind, now) = match time.kind() {
        Clock::Skip => ("skip", Some(millis(state.now()))),
        Clock::Manual => ("manual", Some(millis(state.now()))),
        Clock::Real => ("real", None),
    };
    let orphans = state.log.violations.iter().filter(|violation| violation.run_id.is_none());
    let mut orphans: Vec<String> =
        orphans.map(|violation| format!("{:?}: {}", violation.kind, violation.message)).collect();
    let left_out = orphans.len().saturating_sub(NAMES);
    orphans.drain(..left_out);
    json!({
        "clock": kind,
        "now": now,
        "held": time.held(),
        "dispatchesHeld": state.work.held,
        "down": state.down,
        "awaited": state.awaited(NAMES),
        "violations": orphans,
    })
}

/// What the page is told, as a body.
#[derive(Debug)]
struct Feed(mpsc::Receiver<Bytes>);

impl HttpBody for Feed {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(cx).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}
