//! Faults on purpose: what a test lets go wrong between the app and the server.

use std::time::Duration;

use http::{Method, StatusCode, Uri};
use tokio::sync::watch;

/// The calls of the server's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Call {
    /// `POST /v1/checkpoint`
    NewRun,
    /// `POST /v1/checkpoint/{run}/steps`
    Steps,
    /// `POST /v1/checkpoint/{run}/async`
    Async,
    /// `GET /v0/runs/{run}/actions`
    Actions,
    /// `GET /v0/runs/{run}/batch`
    Batch,
    /// `GET /v1/http/runs/{run}/output`
    Output,
    /// `GET /v1/runs/{run}`
    Run,
    /// `POST /e/{key}`
    Events,
    /// `POST /v1/signals`
    Signals,
    /// `POST /v1/realtime/publish/tee?channel={run}`
    Tee,
    /// `GET /v1/realtime/sse`
    Subscribe,
    /// `POST /v1/realtime/token`
    RealtimeToken,
    /// `POST /v1/realtime/publish`
    Publish,
    /// Any other.
    Other,
}

impl Call {
    /// Which call a request is; the path is without a trailing slash.
    pub(crate) fn of(method: &Method, path: &str) -> Self {
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        match (method.as_str(), parts.as_slice()) {
            ("POST", ["v1", "checkpoint"] | ["v1", "http", "runs"]) => Self::NewRun,
            ("POST", ["v1", "checkpoint", _, "steps"] | ["v1", "http", "runs", _, "steps"]) => Self::Steps,
            ("POST", ["v1", "checkpoint", _, "async"] | ["v1", "http", "runs", _, "async"]) => Self::Async,
            ("GET", ["v0", "runs", _, "actions"]) => Self::Actions,
            ("GET", ["v0", "runs", _, "batch"]) => Self::Batch,
            ("GET", ["v1", "checkpoint", _, "output"] | ["v1", "http", "runs", _, "output"]) => Self::Output,
            ("GET", ["v1", "runs", _]) => Self::Run,
            ("POST", ["e", _]) => Self::Events,
            ("POST", ["v1", "signals"]) => Self::Signals,
            ("POST", ["v1", "realtime", "publish", "tee"]) => Self::Tee,
            ("GET", ["v1", "realtime", "sse"]) => Self::Subscribe,
            ("POST", ["v1", "realtime", "token"]) => Self::RealtimeToken,
            ("POST", ["v1", "realtime", "publish"]) => Self::Publish,
            _ => Self::Other,
        }
    }

    /// Whether something is saved or told by it.
    pub(crate) fn saves(self) -> bool {
        matches!(self, Self::NewRun | Self::Steps | Self::Async | Self::Tee | Self::Publish)
    }

    /// The run that a URL names.
    pub(crate) fn run_of(uri: &Uri) -> Option<String> {
        let channel = |query: &'_ str| {
            query.split('&').find_map(|pair| pair.strip_prefix("channel=").map(str::to_owned))
        };
        let parts = uri.path().split('/').map(str::to_owned).chain(uri.query().and_then(channel));
        parts.into_iter().find_map(|part| ulid::Ulid::from_string(&part).ok()).map(|id| id.to_string())
    }
}

/// Something that goes wrong with calls of one kind.
///
/// Without [`nth`](Self::nth), [`first`](Self::first) or [`every`](Self::every) it happens to the
/// next call only. Calls are counted from the moment of
/// [`DevServer::inject`](crate::DevServer::inject).
///
/// ```
/// use std::time::Duration;
/// use stephttp_dev::{Call, InjectedFault};
///
/// let _ = InjectedFault::on(Call::NewRun).nth(2).refuse();
/// let _ = InjectedFault::on(Call::Steps).first(3).respond(429).retry_after(Duration::from_secs(1));
/// ```
#[derive(Debug, Clone)]
#[must_use = "a fault does nothing until it is given to `DevServer::inject`"]
pub struct InjectedFault {
    call: Call,
    from: usize,
    until: usize,
    seen: usize,
    /// Whether only calls about runs that are over count.
    over: bool,
    delay: Option<Duration>,
    gate: Option<Gate>,
    act: Act,
    break_off: Option<usize>,
}

/// What becomes of the call.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// It is processed and answered.
    Process,
    /// It is processed; the connection is closed.
    DropResponse,
    /// The connection is closed.
    Refuse,
    /// It is not processed but answered with this.
    Respond { status: StatusCode, retry_after: Option<String>, body: Option<String> },
    /// Nothing ever happens.
    Hang,
}

impl InjectedFault {
    /// A fault on calls of this kind.
    pub fn on(call: Call) -> Self {
        Self {
            call,
            from: 1,
            until: 1,
            seen: 0,
            over: false,
            delay: None,
            gate: None,
            act: Act::Process,
            break_off: None,
        }
    }

    /// It happens to the n-th call only; 1 is the next.
    pub fn nth(self, n: usize) -> Self {
        Self { from: n, until: n, ..self }
    }

    /// It happens to the next `n` calls.
    pub fn first(self, n: usize) -> Self {
        Self { from: 1, until: n, ..self }
    }

    /// It happens to every call, until [`DevServer::clear_faults`](crate::DevServer::clear_faults).
    pub fn every(self) -> Self {
        Self { from: 1, until: usize::MAX, ..self }
    }

    /// Only calls count that are about a run which is over, by its id in their paths. `/actions`
    /// that answers `{}` once for such a run is the real server that has begun to end it and has
    /// not finished:
    ///
    /// ```
    /// use stephttp_dev::{Call, InjectedFault};
    ///
    /// let _ = InjectedFault::on(Call::Actions).of_ended_runs().body("{}");
    /// ```
    pub fn of_ended_runs(self) -> Self {
        Self { over: true, ..self }
    }

    /// The call is not processed but answered with this status and the server's usual body for it.
    ///
    /// # Panics
    /// When `status` is not between 100 and 999.
    #[track_caller]
    pub fn respond(self, status: u16) -> Self {
        let Ok(status) = StatusCode::from_u16(status) else { panic!("{status} is no HTTP status") };
        Self { act: Act::Respond { status, retry_after: None, body: None }, ..self }
    }

    /// The response says when to come back.
    pub fn retry_after(mut self, after: Duration) -> Self {
        if let Act::Respond { retry_after, .. } = &mut self.act {
            *retry_after = Some(after.as_secs().to_string());
        }
        self
    }

    /// The call is not processed but answered with this body; with status 200, unless
    /// [`respond`](Self::respond) said another.
    pub fn body(mut self, text: impl Into<String>) -> Self {
        match &mut self.act {
            Act::Respond { body, .. } => *body = Some(text.into()),
            act => *act = Act::Respond { status: StatusCode::OK, retry_after: None, body: Some(text.into()) },
        }
        self
    }

    /// The connection is closed; the call is not processed.
    pub fn refuse(self) -> Self {
        Self { act: Act::Refuse, ..self }
    }

    /// The call is processed, and the connection is closed without an answer.
    pub fn drop_response(self) -> Self {
        Self { act: Act::DropResponse, ..self }
    }

    /// The call is never answered, and not processed.
    pub fn hang(self) -> Self {
        Self { act: Act::Hang, ..self }
    }

    /// The connection breaks off in the middle of a body, after so many of its bytes: of a [part of
    /// a stream](Call::Tee) in that of the request, which is not answered then, and of any other
    /// call in that of the response.
    pub fn break_off(self, bytes: usize) -> Self {
        Self { break_off: Some(bytes), ..self }
    }

    /// Before anything else the call waits for so long, in real time.
    pub fn delay(self, delay: Duration) -> Self {
        Self { delay: Some(delay), ..self }
    }

    /// Before anything else the call waits at the gate.
    pub fn hold(self, gate: &Gate) -> Self {
        Self { gate: Some(gate.clone()), ..self }
    }

    /// Counts a call; `over` says whether its run is over. Answers what goes wrong with it, if
    /// anything does.
    pub(crate) fn strike(&mut self, call: Call, over: bool) -> Option<Strike> {
        if call != self.call || (self.over && !over) {
            return None;
        }
        self.seen += 1;
        (self.from..=self.until).contains(&self.seen).then(|| Strike {
            delay: self.delay,
            gate: self.gate.clone(),
            act: self.act.clone(),
            break_off: self.break_off,
        })
    }
}

/// A fault that has met its call.
#[derive(Debug)]
pub(crate) struct Strike {
    pub(crate) delay: Option<Duration>,
    pub(crate) gate: Option<Gate>,
    pub(crate) act: Act,
    pub(crate) break_off: Option<usize>,
}

/// A gate at which calls wait until a test opens it. Clones are the same gate.
#[derive(Debug, Clone)]
pub struct Gate(watch::Sender<Waiting>);

#[derive(Debug, Clone, Copy, Default)]
struct Waiting {
    open: bool,
    arrived: usize,
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

impl Gate {
    /// A closed gate.
    #[must_use]
    pub fn new() -> Self {
        Self(watch::Sender::new(Waiting::default()))
    }

    /// Opens the gate for all that wait and all that come.
    pub fn release(&self) {
        self.0.send_modify(|waiting| waiting.open = true);
    }

    /// Waits until so many calls have come to the gate.
    pub async fn reached(&self, calls: usize) {
        // The sender is ours, so the channel cannot close.
        let _ = self.0.subscribe().wait_for(|waiting| waiting.arrived >= calls).await;
    }

    /// Waits at the gate.
    pub(crate) async fn pass(&self) {
        self.0.send_modify(|waiting| waiting.arrived += 1);
        let _ = self.0.subscribe().wait_for(|waiting| waiting.open).await;
    }
}
