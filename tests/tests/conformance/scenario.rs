//! The language of the scenarios: an app, what its clients send, and what has to come of it.

use axum::Router;
use axum::http::Method;
use axum::routing::MethodRouter;
use bytes::Bytes;
use inngest::ApiFn;
use serde_json::Value;

use crate::stage::Stage;

/// One app, one story, and how it ends.
///
/// Unless it says otherwise: one client sends `POST /` without a body, is redirected to the run's output, and gets 200
/// there; the run is completed.
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
    /// It comes in the response to the request itself, not by a redirect.
    pub(crate) at_once: bool,
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, &'static str)>,
    pub(crate) body: Said,
}

/// A body.
#[derive(Debug, Clone)]
pub(crate) enum Said {
    Text(String),
    Json(Value),
}

/// How a run ends, as its server shows it.
#[derive(Debug, Clone)]
pub(crate) struct RunEnd {
    /// `COMPLETED` or `FAILED`.
    pub(crate) status: &'static str,
    /// Every side effect, as often as it happened, in any order.
    pub(crate) did: Vec<String>,
    /// The steps in their order. Of `"a | b"` either may come first.
    pub(crate) shows: Vec<String>,
}

/// Something that is done when the run waits at a step.
#[derive(Debug, Clone)]
pub(crate) struct When {
    pub(crate) waits_at: &'static str,
    pub(crate) deed: Deed,
}

/// What a script can do.
#[derive(Debug, Clone)]
pub(crate) enum Deed {
    /// `POST /e/{key}`
    Event(&'static str, Value),
    /// `POST /v1/signals`
    Signal(&'static str, Value),
    /// Another client's request.
    Visit(Visit),
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
    }
}

impl Scenario {
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
    pub(crate) fn when(mut self, waits_at: &'static str, deed: Deed) -> Self {
        self.deeds.push(When { waits_at, deed });
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
        answer: Answer { at_once: false, status: 200, headers: Vec::new(), body: Said::Text(String::new()) },
        run: Some(RunEnd { status: "COMPLETED", did: Vec::new(), shows: Vec::new() }),
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

    fn ended(&mut self) -> &mut RunEnd {
        self.run.as_mut().expect("a visit that begins a run")
    }
}

/// What has to come of a visit; a scenario's is that of its first.
pub(crate) trait Expect: Sized {
    fn expected(&mut self) -> &mut Visit;

    /// The client is answered at once, not redirected.
    fn at_once(mut self) -> Self {
        self.expected().answer.at_once = true;
        self
    }

    /// The answer's body.
    fn says(mut self, text: impl Into<String>) -> Self {
        self.expected().answer.body = Said::Text(text.into());
        self
    }

    /// The answer's body, as JSON.
    fn says_json(mut self, json: Value) -> Self {
        self.expected().answer.body = Said::Json(json);
        self
    }

    /// The answer's status.
    fn with_status(mut self, status: u16) -> Self {
        self.expected().answer.status = status;
        self
    }

    /// A header of the answer.
    fn with_header(mut self, name: &'static str, value: &'static str) -> Self {
        self.expected().answer.headers.push((name, value));
        self
    }

    /// Every side effect of the run, as often as it happened.
    fn did<T: Into<String>>(mut self, effects: impl IntoIterator<Item = T>) -> Self {
        self.expected().ended().did = effects.into_iter().map(Into::into).collect();
        self
    }

    /// The run's steps, in their order; of `"a | b"` either may come first.
    fn shows<T: Into<String>>(mut self, steps: impl IntoIterator<Item = T>) -> Self {
        self.expected().ended().shows = steps.into_iter().map(Into::into).collect();
        self
    }

    /// The run's steps are all plain ones: each is shown once, and had its effect once.
    fn did_and_shows<T: Into<String>>(self, steps: impl IntoIterator<Item = T>) -> Self {
        let steps: Vec<String> = steps.into_iter().map(Into::into).collect();
        let did: Vec<String> = steps.iter().flat_map(|step| step.split(" | ").map(str::to_owned)).collect();
        self.did(did).shows(steps)
    }

    /// The run ends as failed.
    fn fails(mut self) -> Self {
        self.expected().ended().status = "FAILED";
        self
    }

    /// No run begins.
    fn without_run(mut self) -> Self {
        self.expected().run = None;
        self.at_once()
    }
}

impl Expect for Visit {
    fn expected(&mut self) -> &mut Visit {
        self
    }
}

impl Expect for Scenario {
    fn expected(&mut self) -> &mut Visit {
        &mut self.visit
    }
}

// ===== Deeds =====

/// An event.
pub(crate) fn event(name: &'static str, data: Value) -> Deed {
    Deed::Event(name, data)
}

/// A signal.
pub(crate) fn signal(name: &'static str, data: Value) -> Deed {
    Deed::Signal(name, data)
}
