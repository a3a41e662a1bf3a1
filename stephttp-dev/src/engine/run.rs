//! A run and its state.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::SystemTime;

use bytes::Bytes;
use http::Method;
use serde_json::Value;

use super::number::as_read;
use super::op::{Code, IncomingOp};
use crate::clock::Moment;
use crate::inspect::{ResponseView, RunStatus, RunView, StepStatus, StepView};
use crate::timeline::{Bar, BarOutcome};

/// A run.
pub(crate) struct Run {
    pub(crate) id: String,
    pub(crate) fn_id: String,
    pub(crate) app_id: String,
    /// The endpoint's origin.
    pub(crate) app: String,
    pub(crate) function: String,
    pub(crate) request: OriginalRequest,
    /// `event.data`, by which a repeated creation is known again.
    pub(crate) event_data: Value,
    pub(crate) event_name: String,
    pub(crate) event_id: String,
    pub(crate) started_at: SystemTime,
    /// Attempts after the first, of each job.
    pub(crate) retries: u32,
    pub(crate) request_version: i64,
    pub(crate) force_plan: bool,
    /// Allows reading the output.
    pub(crate) token: String,
    pub(crate) ending: Option<Ending>,
    /// Whether the server still has the run's state: until its end, and again when a first call
    /// comes after that.
    pub(crate) stored: bool,
    /// How often the run was created. What a repeated creation plans is planned once more.
    pub(crate) creations: u32,
    /// Which creation plans something at the moment, from 0; 0 otherwise.
    pub(crate) creation: u32,
    /// The state as `/actions` shows it: raw JSON by hashed id.
    pub(crate) memo: BTreeMap<String, String>,
    pub(crate) memo_bytes: usize,
    /// The keys of the state, in the order in which they were stored.
    pub(crate) kept: Vec<String>,
    /// Names of jobs that have been made, most of them after steps' hashes: no name is used twice.
    scheduled: HashSet<String>,
    /// Of a group that was planned in a re-entry: what is not done yet.
    pub(crate) pending: HashSet<String>,
    /// Whether its stream has had its response; by whom, of those that were under way then.
    pub(crate) responded: Option<Vec<String>>,
    /// The step that was saved last.
    pub(crate) last_saved: Option<String>,
    /// The run and the step that invoked this one.
    pub(crate) invoker: Option<(String, String)>,
    /// Who has been told that the run is over, and when.
    told: HashMap<Origin, SystemTime>,
    /// Hashes of all steps that ever had a value.
    finished: HashSet<String>,
    /// The same, in the order in which they had it.
    pub(crate) finished_in_order: Vec<String>,
    /// When the run was created.
    pub(crate) began: Moment,
    /// When its first request was last heard of.
    pub(crate) heard: Moment,
    pub(crate) ended: Option<Moment>,
    /// How much had been noted of all runs when something last happened to this one; 0 until it has
    /// begun.
    pub(crate) touched: u64,
    /// What is tried again, and why.
    pub(crate) retried: Vec<(Moment, String)>,
    steps: Vec<StepRecord>,
    by_hash: HashMap<String, usize>,
    /// By hashed ids, in which order operations first came. It is not always that in which they are
    /// taken.
    places: HashMap<String, usize>,
}

impl std::fmt::Debug for Run {
    // Without its state, which may hold keys.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run").field("id", &self.id).field("ending", &self.ending).finish_non_exhaustive()
    }
}

/// What a re-entry repeats of the first request.
#[derive(Debug, Clone)]
pub(crate) struct OriginalRequest {
    pub(crate) url: String,
    pub(crate) method: Method,
    pub(crate) content_type: String,
    pub(crate) body: Bytes,
}

/// How a run ended.
#[derive(Debug, Clone)]
pub(crate) struct Ending {
    pub(crate) status: RunStatus,
    pub(crate) at: SystemTime,
    pub(crate) reply: Reply,
    /// The endpoint's response, where the output holds one.
    pub(crate) response: Option<ResponseView>,
    /// Whether the result came with a checkpoint, not with a re-entry's answer.
    pub(crate) at_checkpoint: bool,
}

/// What the waiting client gets.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// This response.
    Api(ResponseView, Bytes),
    /// 200 and these bytes.
    Raw(Bytes),
}

impl Reply {
    /// The output as it is stored.
    pub(crate) fn raw(&self) -> &Bytes {
        match self {
            Self::Api(_, raw) | Self::Raw(raw) => raw,
        }
    }
}

/// Where a report came from. Two reports of one step from different places mean that it ran twice.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Origin {
    /// The first request.
    FirstRequest,
    /// A re-entry, by its request id.
    Dispatch(String),
}

/// A report that a step ran.
#[derive(Debug)]
struct Report {
    origin: Origin,
    identity: u64,
    outcome: u64,
}

/// Whether a report is news.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// The step has not been finished before.
    New,
    /// The same report has come before, from the same place: a call that was repeated.
    Repeated,
    /// The step had been finished before: it ran twice. Says how one can tell.
    RanTwice(&'static str),
}

#[derive(Debug)]
struct StepRecord {
    view: StepView,
    reports: Vec<Report>,
    bars: Vec<Bar>,
}

impl Run {
    #[expect(clippy::too_many_arguments, reason = "called once, where all of these have just been read")]
    pub(crate) fn new(
        id: String,
        (fn_id, app_id): (String, String),
        function: String,
        request: OriginalRequest,
        (event_name, event_data): (String, Value),
        retries: u32,
        request_version: i64,
        started_at: SystemTime,
    ) -> Self {
        Self {
            id,
            fn_id,
            app_id,
            app: String::new(),
            function,
            request,
            event_data,
            event_name,
            event_id: ulid::Ulid::generate().to_string(),
            started_at,
            retries,
            request_version,
            force_plan: false,
            token: format!("{}{}", ulid::Ulid::generate(), ulid::Ulid::generate()).to_lowercase(),
            ending: None,
            stored: true,
            creations: 1,
            creation: 0,
            memo: BTreeMap::new(),
            memo_bytes: 0,
            kept: Vec::new(),
            scheduled: HashSet::new(),
            pending: HashSet::new(),
            responded: None,
            last_saved: None,
            invoker: None,
            told: HashMap::new(),
            finished: HashSet::new(),
            finished_in_order: Vec::new(),
            began: Moment { at: started_at, order: 0 },
            heard: Moment { at: started_at, order: 0 },
            ended: None,
            touched: 0,
            retried: Vec::new(),
            steps: Vec::new(),
            by_hash: HashMap::new(),
            places: HashMap::new(),
        }
    }

    pub(crate) fn status(&self) -> RunStatus {
        self.ending.as_ref().map_or(RunStatus::Running, |ending| ending.status)
    }

    /// Makes the run's state anew, empty.
    pub(crate) fn restore(&mut self) {
        self.stored = true;
        self.memo.clear();
        self.kept.clear();
        self.memo_bytes = 0;
        self.scheduled.clear();
        self.pending.clear();
        self.last_saved = None;
        self.force_plan = false;
    }

    /// Takes a name for a job; answers whether it was free. Each creation of the run has names of
    /// its own.
    pub(crate) fn takes_name(&mut self, name: String) -> bool {
        let name = if self.creation > 0 { format!("{}/{name}", self.creation) } else { name };
        self.scheduled.insert(name)
    }

    /// Tells a request that the run is over; answers when it was told before.
    pub(crate) fn tell_of_end(&mut self, origin: &Origin, at: SystemTime) -> Option<SystemTime> {
        let told = self.told.get(origin).copied();
        self.told.entry(origin.clone()).or_insert(at);
        told
    }

    /// Remembers when an operation first came, before or after others.
    pub(crate) fn came(&mut self, op: &IncomingOp) {
        let next = self.places.len();
        self.places.entry(op.id.clone()).or_insert(next);
    }

    /// The record of an operation's step; made if it is new.
    fn record(&mut self, op: &IncomingOp) -> &mut StepRecord {
        self.came(op);
        let index = *self.by_hash.entry(op.id.clone()).or_insert_with(|| {
            self.steps.push(StepRecord {
                view: StepView {
                    id: op.user_id.clone().or_else(|| op.name.clone()).unwrap_or_default(),
                    index: op.index,
                    hash: op.id.clone(),
                    op: op.code.as_str().to_owned(),
                    status: StepStatus::Planned,
                    value: None,
                    attempts: 0,
                },
                reports: Vec::new(),
                bars: Vec::new(),
            });
            self.steps.len() - 1
        });
        &mut self.steps[index]
    }

    /// Notes how a step is doing.
    pub(crate) fn show(&mut self, op: &IncomingOp, status: StepStatus, value: Option<Value>) {
        let view = &mut self.record(op).view;
        op.code.as_str().clone_into(&mut view.op);
        view.status = status;
        if value.is_some() {
            view.value = value;
        }
        if op.code.ran() {
            view.attempts += 1;
        }
    }

    /// Notes what the app or the server begins to do for a step, or has done.
    pub(crate) fn draw(&mut self, op: &IncomingOp, bar: Bar) {
        self.record(op).bars.push(bar);
    }

    /// Notes that what the server did for a step is over.
    pub(crate) fn close(&mut self, hash: &str, until: Moment, outcome: BarOutcome, words: Option<&str>) {
        let record = self.by_hash.get(hash).and_then(|index| self.steps.get_mut(*index));
        let Some(bar) = record.and_then(|record| record.bars.iter_mut().rfind(|bar| bar.until.is_none()))
        else {
            return;
        };
        (bar.until, bar.outcome) = (Some(until), outcome);
        if let Some(words) = words {
            bar.words = format!("{}: {words}", bar.words);
        }
    }

    /// Forgets when its steps ran and waited.
    pub(crate) fn forget_history(&mut self) {
        self.steps.iter_mut().for_each(|record| record.bars = Vec::new());
        self.retried = Vec::new();
    }

    /// The steps, each with what was done for it.
    pub(crate) fn history(&self) -> impl Iterator<Item = (&StepView, &[Bar])> {
        self.steps.iter().map(|record| (&record.view, record.bars.as_slice()))
    }

    /// A step by its hash.
    pub(crate) fn step(&self, hash: &str) -> Option<&StepView> {
        self.by_hash.get(hash).map(|index| &self.steps[*index].view)
    }

    /// Stores a step's value. What was stored before stays; answers whether nothing was.
    pub(crate) fn keep(&mut self, hash: &str, raw: String) -> bool {
        if self.memo.contains_key(hash) {
            return false;
        }
        self.memo_bytes += raw.len();
        self.memo.insert(hash.to_owned(), raw);
        self.kept.push(hash.to_owned());
        self.pending.remove(hash);
        if self.finished.insert(hash.to_owned()) {
            self.finished_in_order.push(hash.to_owned());
        }
        self.last_saved = Some(hash.to_owned());
        true
    }

    /// Stores what a sleep or a wait has come to; answers whether nothing was stored before.
    pub(crate) fn settle(&mut self, hash: &str, raw: String, status: StepStatus, shown: Value) -> bool {
        if !self.keep(hash, raw) {
            return false;
        }
        if let Some(record) = self.by_hash.get(hash).and_then(|index| self.steps.get_mut(*index)) {
            record.view.status = status;
            record.view.value = Some(shown);
        }
        true
    }

    /// Whether a report that a step ran is news; remembers it. `twins` are the requests of all
    /// dispatches of the job from which it comes.
    pub(crate) fn news(&mut self, op: &IncomingOp, origin: &Origin, twins: &[String]) -> News {
        let finished = self.finished.contains(&op.id);
        let reports = &mut self.record(op).reports;
        // Before the step has ended, the job's next dispatch is a retry.
        let twin = |other: &Origin| {
            finished && matches!(other, Origin::Dispatch(request) if twins.contains(request))
        };
        if reports.iter().any(|report| {
            report.identity == op.identity && (report.origin == *origin || twin(&report.origin))
        }) {
            return News::Repeated;
        }
        let earlier = reports.last().map(|report| report.outcome == op.outcome);
        reports.push(Report { origin: origin.clone(), identity: op.identity, outcome: op.outcome });
        match (finished, earlier) {
            (false, _) => News::New,
            (true, Some(true)) => {
                News::RanTwice("with the same outcome, in another request or at another time")
            }
            (true, _) => News::RanTwice("with another outcome"),
        }
    }

    /// What people call a step.
    pub(crate) fn label(&self, hash: &str) -> String {
        self.step(hash).map_or_else(|| hash.to_owned(), StepView::label)
    }

    /// `{"<hash>":<value>,…}`, as `/actions` answers it; `None` when a number in it is too large to
    /// be read.
    pub(crate) fn actions(&self) -> Option<String> {
        let entry = |(hash, value): (&String, &String)| Some(format!("\"{hash}\":{}", as_read(value).ok()?));
        let entries: Option<Vec<String>> = self.memo.iter().map(entry).collect();
        Some(format!("{{{}}}", entries?.join(",")))
    }

    /// The event, as `/batch` answers it.
    pub(crate) fn event(&self) -> Value {
        serde_json::json!({
            "data": self.event_data,
            "id": self.event_id,
            "name": self.event_name,
            "ts": crate::engine::millis(self.started_at),
        })
    }

    /// The steps, in the order in which they were taken.
    pub(crate) fn steps(&self) -> impl Iterator<Item = &StepView> {
        self.steps.iter().map(|record| &record.view)
    }

    pub(crate) fn view(&self, outstanding: usize) -> RunView {
        let raw = self.ending.as_ref().map(|ending| ending.reply.raw().clone()).unwrap_or_default();
        let mut steps: Vec<StepView> = self.steps().cloned().collect();
        steps.sort_by_key(|step| self.places.get(&step.hash));
        RunView {
            id: self.id.clone(),
            function: self.function.clone(),
            status: self.status(),
            steps,
            output: String::from_utf8_lossy(&raw).into_owned(),
            response: self.ending.as_ref().and_then(|ending| ending.response.clone()),
            event: self.event(),
            outstanding,
        }
    }

    /// Whether an operation is a user's step under the id of the run's result.
    pub(crate) fn takes_reserved_id(op: &IncomingOp) -> bool {
        op.user_id.as_deref() == Some(inngest::wire::COMPLETE_ID)
            && op.index == 0
            && !matches!(op.code, Code::RunComplete | Code::SyncRunComplete)
    }
}
