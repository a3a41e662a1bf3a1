//! The language of the scenarios: an app, what its clients send, and what has to come of it.

use std::ops::RangeInclusive;
use std::time::Duration;

use axum::Router;
use axum::http::Method;
use axum::routing::MethodRouter;
use bytes::Bytes;
use inngest::function::ApiFn;
use inngest::{Provider, SetupOpts};
use serde_json::Value;

pub(crate) use crate::expect::Expect;
use crate::stage::Stage;

/// What stands outside of an app's layer.
pub(crate) type Wrap = fn(Router, &Provider) -> Router;

/// One app, one story, and how it ends.
///
/// Unless it says otherwise: one client sends `POST /` without a body, is redirected to the run's
/// output, and gets 200 there; the run is completed.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    /// The endpoint's function id, if nothing else is said.
    pub(crate) name: String,
    /// The ids of the app's functions.
    pub(crate) functions: Vec<&'static str>,
    pub(crate) app: Router<Stage>,
    pub(crate) visit: Visit,
    /// How many clients make the visit at once.
    pub(crate) clients: usize,
    /// What is done while the run waits, in this order.
    pub(crate) deeds: Vec<When>,
    /// A server of somebody else, for steps that call one.
    pub(crate) third_party: Option<Router>,
    /// Why it cannot be played against a real server.
    pub(crate) dev_only: Option<&'static str>,
    /// Why it is left out of the crash sweep.
    pub(crate) not_swept: Option<&'static str>,
    /// Which bug it shows.
    pub(crate) broken: Option<&'static str>,
    /// Which bug it shows on a real server only: the dev engine is kinder.
    pub(crate) broken_on_real: Option<&'static str>,
    /// What has to be there for it to be played.
    pub(crate) needs: Vec<Need>,
    /// Time takes its time, on the dev engine too.
    pub(crate) real_clock: bool,
    /// How long the dev engine waits before a retry, where time takes its time.
    pub(crate) retry_interval: Duration,
    /// Which answers to the app's calls are lost.
    pub(crate) loses: Option<Loss>,
    /// What stands between the server and the app's layer.
    pub(crate) outside: Option<Wrap>,
    /// What the app's provider is set up with beside.
    pub(crate) setup: Option<fn(SetupOpts, &Stage) -> SetupOpts>,
}

/// What a scenario needs that is not always there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Minutes.
    Patience,
    /// A server whose process can be stopped, with nobody else at it.
    Process,
    /// A server that signs its requests.
    Signature,
}

/// Which answers are lost on the way to the app, each once, after the call was processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// To each call of the kind whose path has this end.
    Of(&'static str),
    /// To each call.
    Every,
}

/// What a real server may show otherwise than it is, for a reason that is the server's.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Lenient {
    /// `COMPLETED` for `FAILED`, or the other way round.
    Status(&'static str),
    /// This step may be missing.
    Step(&'static str, &'static str),
    /// The steps may come in another order.
    Order(&'static str),
}

impl Lenient {
    pub(crate) fn of_status(&self) -> Option<&'static str> {
        match self {
            Self::Status(reason) => Some(reason),
            _ => None,
        }
    }

    pub(crate) fn of_order(&self) -> Option<&'static str> {
        match self {
            Self::Order(reason) => Some(reason),
            _ => None,
        }
    }

    pub(crate) fn of_step(&self, name: &str) -> Option<&'static str> {
        match self {
            Self::Step(step, reason) if *step == name => Some(reason),
            _ => None,
        }
    }
}

/// A client's request, and what has to come of it.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) content_type: Option<&'static str>,
    pub(crate) headers: Vec<(&'static str, &'static str)>,
    pub(crate) body: Bytes,
    pub(crate) answer: Answer,
    /// The run that it begins; `None`: it must begin none.
    pub(crate) run: Option<RunEnd>,
}

/// What a client finally receives.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// Whether it comes in the response to the request itself, not by a redirect; `None`: either
    /// way.
    pub(crate) at_once: Option<bool>,
    /// It has one of these.
    pub(crate) statuses: Vec<RangeInclusive<u16>>,
    pub(crate) headers: Vec<(&'static str, &'static str)>,
    pub(crate) without_headers: Vec<&'static str>,
    /// The redirect leads to the server's own output URL, not to the app's output route.
    pub(crate) at_inngest: bool,
    pub(crate) body: Said,
    /// The client reads a stream, which shows this in the end.
    pub(crate) streams: Option<Streamed>,
}

/// What a client shows of its run's stream.
#[derive(Debug, Clone)]
pub(crate) struct Streamed {
    pub(crate) shown: Vec<String>,
    pub(crate) in_any_order: bool,
}

/// A body.
#[derive(Debug, Clone)]
pub(crate) enum Said {
    Text(String),
    Json(Value),
    /// A text with these parts.
    Containing(Vec<&'static str>),
    Anything,
}

/// How a run ends, as its server shows it.
#[derive(Debug, Clone)]
pub(crate) struct RunEnd {
    /// `COMPLETED`, `FAILED` or `CANCELLED`; `None`: any of them.
    pub(crate) status: Option<&'static str>,
    /// Every side effect, as often as it happened, in any order.
    pub(crate) did: Vec<String>,
    /// Each effect may have happened less often.
    pub(crate) at_most: bool,
    /// Some of it comes when the run has ended.
    pub(crate) may_come_later: bool,
    /// The steps in their order. Of `"a | b"` either may come first.
    pub(crate) shows: Vec<String>,
    /// It may show any steps.
    pub(crate) any_steps: bool,
    /// Where a real server's view is not sure.
    pub(crate) lenient: Vec<Lenient>,
    /// A layer or an extractor answers re-entries in the handler's place.
    pub(crate) rejects: bool,
}

/// Something that is done when the run waits at a step.
#[derive(Debug, Clone)]
pub(crate) struct When {
    pub(crate) waits_at: String,
    pub(crate) deed: Deed,
}

/// What a script can do.
#[derive(Debug, Clone)]
pub(crate) enum Deed {
    /// `POST /e/{key}`
    Event(String, Value),
    /// `POST /v1/signals`
    Signal(String, Value),
    /// Another client's request.
    Visit(Box<Visit>),
    /// The run is cancelled.
    Cancel,
    /// The server's process stands still for so long.
    Freeze(Duration),
    /// All of these at the same time.
    Together(Vec<Deed>),
}

// ===== Apps =====

/// An app with one endpoint, `F`, at `/`.
pub(crate) fn scenario<F: ApiFn>(endpoint: MethodRouter<Stage>) -> Scenario {
    scenario_at::<F>("/", endpoint)
}

/// An app with one endpoint, `F`, at a path.
pub(crate) fn scenario_at<F: ApiFn>(path: &str, endpoint: MethodRouter<Stage>) -> Scenario {
    Scenario {
        name: F::OPTS.id().to_owned(),
        functions: vec![F::OPTS.id()],
        app: Router::new().route(path, endpoint),
        visit: visit(Method::POST, "/"),
        clients: 1,
        deeds: Vec::new(),
        third_party: None,
        dev_only: None,
        not_swept: None,
        broken: None,
        broken_on_real: None,
        needs: Vec::new(),
        real_clock: false,
        retry_interval: Duration::from_millis(10),
        loses: None,
        outside: None,
        setup: None,
    }
}

impl Scenario {
    /// The methods by which Inngest calls its functions back.
    pub(crate) fn methods(&self) -> Vec<Method> {
        let others = self.deeds.iter().filter_map(|when| match &when.deed {
            Deed::Visit(visit) if visit.run.is_some() => Some(&visit.method),
            _ => None,
        });
        let mut methods: Vec<_> = std::iter::once(&self.visit.method)
            .chain(others)
            .map(|method| if *method == Method::HEAD { Method::GET } else { method.clone() })
            .collect();
        methods.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        methods.dedup();
        methods
    }

    /// A name of its own, where several scenarios have one endpoint.
    pub(crate) fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// One more endpoint.
    pub(crate) fn and<F: ApiFn>(mut self, path: &str, endpoint: MethodRouter<Stage>) -> Self {
        self.functions.push(F::OPTS.id());
        self.app = self.app.route(path, endpoint);
        self
    }

    /// Puts the endpoints under a prefix.
    pub(crate) fn nested(mut self, prefix: &str) -> Self {
        self.app = Router::new().nest(prefix, self.app);
        self
    }

    /// What the client sends.
    pub(crate) fn gets(mut self, visit: Visit) -> Self {
        self.visit = visit;
        self
    }

    /// So many clients do the same at once; each begins a run of its own.
    pub(crate) fn clients(mut self, clients: usize) -> Self {
        self.clients = clients;
        self
    }

    /// While the run waits at this step, something is done.
    ///
    /// The clock is a real one in such a scenario: a timer must either be very short or never end.
    pub(crate) fn when(mut self, waits_at: impl Into<String>, deed: Deed) -> Self {
        self.deeds.push(When { waits_at: waits_at.into(), deed });
        self
    }

    /// The server that steps call.
    pub(crate) fn third_party(mut self, app: Router) -> Self {
        self.third_party = Some(app);
        self
    }

    pub(crate) fn dev_only(mut self, reason: &'static str) -> Self {
        self.dev_only = Some(reason);
        self
    }

    pub(crate) fn not_swept(mut self, reason: &'static str) -> Self {
        self.not_swept = Some(reason);
        self
    }

    #[allow(dead_code, reason = "no bug is known at the moment, or not at every moment")]
    pub(crate) fn broken(mut self, bug: &'static str) -> Self {
        self.broken = Some(bug);
        self
    }

    #[allow(dead_code, reason = "no bug is known at the moment, or not at every moment")]
    pub(crate) fn broken_on_real(mut self, bug: &'static str) -> Self {
        self.broken_on_real = Some(bug);
        self
    }

    pub(crate) fn needs(mut self, need: Need) -> Self {
        self.needs.push(need);
        self
    }

    /// Time takes its time, on the dev engine too: the scenario looks at clocks.
    pub(crate) fn real_clock(mut self) -> Self {
        self.real_clock = true;
        self
    }

    /// The same, and a retry comes no sooner than after this, which must be less than what a real
    /// server is told to wait.
    pub(crate) fn retried_after(mut self, interval: Duration) -> Self {
        self.retry_interval = interval;
        self.real_clock()
    }

    /// Answers to the app's calls are lost, after the calls were processed.
    pub(crate) fn loses(mut self, loss: Loss) -> Self {
        self.loses = Some(loss);
        self
    }

    /// Something stands outside of the app's layer.
    pub(crate) fn outside(mut self, wrap: Wrap) -> Self {
        self.outside = Some(wrap);
        self
    }

    /// A layer or an extractor answers re-entries in the handler's place, which the dev engine
    /// notes as a mistake.
    pub(crate) fn rejects(mut self) -> Self {
        self.visit.ended().rejects = true;
        self
    }

    /// The app's provider is set up with more.
    pub(crate) fn setup(mut self, setup: fn(SetupOpts, &Stage) -> SetupOpts) -> Self {
        self.setup = Some(setup);
        self
    }

    /// The handlers, as they are inside of the app's layer, are changed.
    pub(crate) fn inside(mut self, wrap: impl FnOnce(Router<Stage>) -> Router<Stage>) -> Self {
        self.app = wrap(self.app);
        self
    }
}

// ===== Visits =====

/// A request without a body.
pub(crate) fn visit(method: Method, path: impl Into<String>) -> Visit {
    Visit {
        method,
        path: path.into(),
        content_type: None,
        headers: Vec::new(),
        body: Bytes::new(),
        answer: Answer {
            at_once: Some(false),
            statuses: vec![200..=200],
            headers: Vec::new(),
            without_headers: Vec::new(),
            at_inngest: false,
            body: Said::Text(String::new()),
            streams: None,
        },
        run: Some(RunEnd {
            status: Some("COMPLETED"),
            did: Vec::new(),
            at_most: false,
            may_come_later: false,
            shows: Vec::new(),
            any_steps: false,
            lenient: Vec::new(),
            rejects: false,
        }),
    }
}

impl Visit {
    pub(crate) fn body(mut self, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        self.content_type = Some(content_type);
        self.body = body.into();
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(crate) fn ended(&mut self) -> &mut RunEnd {
        self.run.as_mut().expect("a visit that begins a run")
    }
}

// ===== Deeds =====

/// An event.
pub(crate) fn event(name: impl Into<String>, data: Value) -> Deed {
    Deed::Event(name.into(), data)
}

/// A signal.
pub(crate) fn signal(name: impl Into<String>, data: Value) -> Deed {
    Deed::Signal(name.into(), data)
}
