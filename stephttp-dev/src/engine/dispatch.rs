//! Re-entries: calling the app and taking its answer.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use inngest::signature::SigningKey;
use inngest::wire::{headers, limits};
use reqwest::Url;

use super::answer::{Answer, Verdict};
use super::apply::Applied;
use super::delay::RetryAfter;
use super::flow::Ended;
use super::op::IncomingOp;
use super::run::{Ending, Origin, Run};
use super::source::By;
use super::work::{Job, JobKey, JobKind, Next};
use super::{Engine, State};
use crate::inspect::{Dispatch, RunStatus};
use crate::notice::Notice;
use crate::text::explain;
use crate::violation::ViolationKind;

/// How many redirects an answer may take.
const REDIRECTS: usize = 10;

/// A re-entry that is ready to be sent.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub(super) job: JobKey,
    pub(super) run_id: String,
    pub(super) request_id: String,
    pub(super) step_id: Option<String>,
    /// Its place among all dispatches.
    pub(super) place: usize,
    method: Method,
    url: String,
    headers: HeaderMap,
    body: Bytes,
}

/// What is to be done about a job when everything that its answer asked for has been done.
#[derive(Debug)]
pub(crate) struct Conclusion {
    outgoing: Outgoing,
    /// When a failed step wants to be tried again.
    retry_after: Option<RetryAfter>,
    /// Whether the answer held no operations.
    empty: bool,
}

impl Engine {
    /// Sends what is due; answers what to wait for when nothing is.
    pub(crate) fn release(self: &Arc<Self>) -> Option<Next> {
        // Taken and begun under one lock: nobody sees a job that is neither planned nor under way.
        let mut state = self.lock();
        let jobs = match state.work.next() {
            Next::Dispatch(jobs) => jobs,
            wait => return Some(wait),
        };
        // Time may just have been moved.
        state.log.now = state.now();
        let outgoing = state.begin_all(&jobs, self.settings.signing_key.as_ref());
        drop(state);
        self.changed.send_replace(());
        for outgoing in outgoing {
            self.send(outgoing);
        }
        None
    }

    /// Sends a run's outstanding job again while it is under way; answers whether there was one.
    pub(crate) fn redispatch(self: &Arc<Self>, run_id: &str) -> bool {
        let outgoing = self.change(|state| {
            let key = *state.work.live_jobs(run_id).first()?;
            state.begin(key, self.settings.signing_key.as_ref())
        });
        outgoing.map(|outgoing| self.send(outgoing)).is_some()
    }

    /// Sends a run's outstanding job again while it is under way, and lets both count; answers
    /// whether there was one.
    pub(crate) fn dispatch_beside(self: &Arc<Self>, run_id: &str) -> bool {
        let outgoing = self.change(|state| {
            let key = *state.work.live_jobs(run_id).first()?;
            let job = state.work.job(key)?.clone();
            let twin = state.work.twin(&job);
            state.begin(twin, self.settings.signing_key.as_ref())
        });
        outgoing.map(|outgoing| self.send(outgoing)).is_some()
    }

    fn send(self: &Arc<Self>, outgoing: Outgoing) {
        let engine = Arc::clone(self);
        self.spawn(async move {
            let answer = call(&engine.http, &outgoing).await;
            engine.change(|state| state.answered(&outgoing, answer));
        });
    }
}

/// Calls the app, following redirects with the same method and body.
async fn call(http: &reqwest::Client, outgoing: &Outgoing) -> Result<Answer, String> {
    let mut url = Url::parse(&outgoing.url).map_err(|error| format!("`{}`: {error}", outgoing.url))?;
    let mut redirects = 0;
    loop {
        let request = http
            .request(outgoing.method.clone(), url.clone())
            .headers(outgoing.headers.clone())
            .body(outgoing.body.clone());
        let mut response = request.send().await.map_err(|error| explain(&error))?;
        if response.status().is_redirection() && redirects < REDIRECTS {
            let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            if let Some(next) = location.and_then(|location| url.join(location).ok()) {
                url = next;
                redirects += 1;
                continue;
            }
        }
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| explain(&error))? {
            body.extend_from_slice(&chunk);
            if body.len() > limits::REENTRY_ANSWER_BYTES {
                return Ok(Answer { status, headers, body: Bytes::new(), too_large: true });
            }
        }
        return Ok(Answer { status, headers, body: body.freeze(), too_large: false });
    }
}

impl State {
    fn begin_all(&mut self, jobs: &[JobKey], signing_key: Option<&SigningKey>) -> Vec<Outgoing> {
        // All sleeps and waits that end in this instant have ended before any of the re-entries
        // goes out.
        let mut due = Vec::new();
        for key in jobs {
            let Some(job) = self.work.job(*key) else { continue };
            let run_id = job.run_id.clone();
            if matches!(job.kind, JobKind::Timeout(_)) {
                self.time_out(*key);
            } else if self.overflow(&run_id) {
                self.work.finish(*key);
            } else if self.wake(*key) {
                due.push(*key);
            }
        }
        let mut outgoing = Vec::new();
        for key in due {
            let twice = self.work.twice > 0;
            self.work.twice = self.work.twice.saturating_sub(1);
            for _ in 0..=usize::from(twice) {
                outgoing.extend(self.begin(key, signing_key));
            }
        }
        outgoing
    }

    /// Begins a job's next dispatch; one that is under way is superseded by it.
    fn begin(&mut self, key: JobKey, signing_key: Option<&SigningKey>) -> Option<Outgoing> {
        let at = self.now();
        let job = self.work.job_mut(key)?;
        let run = self.runs.get(&job.run_id)?;
        job.generation += 1;
        job.forced = run.force_plan;
        let request_id = ulid::Ulid::generate().to_string();
        let superseded = job.live.replace(request_id.clone());
        let step_id = if let JobKind::Planned(hash) = &job.kind { Some(hash.clone()) } else { None };
        let body = run.request.body.clone();
        let signature = signing_key.map_or_else(String::new, |key| key.sign(&body, SystemTime::now()));
        let mut map = HeaderMap::new();
        map.insert(USER_AGENT, HeaderValue::from_static("Inngest"));
        map.insert(CONNECTION, HeaderValue::from_static("close"));
        if body.is_empty() && run.request.method != Method::GET {
            map.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let mut set = |name: HeaderName, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                map.insert(name, value);
            }
        };
        set(CONTENT_TYPE, &run.request.content_type);
        set(HeaderName::from_static(headers::RUN_ID), &run.id);
        set(HeaderName::from_static(headers::SIGNATURE), &signature);
        set(HeaderName::from_static(headers::REQUEST_ID), &request_id);
        set(HeaderName::from_static(headers::GENERATION_ID), &job.generation.to_string());
        set(HeaderName::from_static(headers::JOB_ID), &job.id);
        set(HeaderName::from_static(headers::REQUEST_VERSION), &run.request_version.to_string());
        if let Some(step_id) = &step_id {
            set(HeaderName::from_static(headers::STEP_ID), step_id);
        }
        if run.force_plan {
            set(HeaderName::from_static(headers::FORCE_STEP_PLAN), "true");
        }
        // The method belongs to the function, so it is the latest run's.
        let method = self.methods.get(&run.fn_id).unwrap_or(&run.request.method).clone();
        let (run_id, job_id, generation) = (run.id.clone(), job.id.clone(), job.generation);
        let (url, memoized) = (run.request.url.clone(), run.finished_in_order.len());
        let step = step_id.as_ref().map(|hash| run.label(hash));
        let request = format!("{method} {url}");
        self.log.notice(&Notice::Reentering { run_id: run_id.clone(), request, step, generation });
        if let Some(old) = superseded {
            self.work.unanswered.remove(&old);
            if let Some(dispatch) = self.log.dispatches.iter_mut().find(|dispatch| dispatch.request_id == old)
            {
                dispatch.superseded = true;
            }
        }
        self.work.unanswered.insert(request_id.clone());
        let noted = self.touch(&run_id);
        let place = self.log.dispatch(Dispatch {
            run_id: run_id.clone(),
            method: method.clone(),
            uri: url.clone(),
            headers: map.clone(),
            body: body.clone(),
            job_id,
            request_id: request_id.clone(),
            step_id: step_id.clone(),
            generation,
            at,
            superseded: false,
            status: None,
            response_headers: HeaderMap::new(),
            response_body: Bytes::new(),
            error: None,
            noted,
            answered: None,
            memoized,
        });
        Some(Outgoing { job: key, run_id, request_id, step_id, place, method, url, headers: map, body })
    }

    /// Takes an answer, or the lack of one.
    fn answered(&mut self, outgoing: &Outgoing, answer: Result<Answer, String>) {
        self.work.unanswered.remove(&outgoing.request_id);
        let moment = self.touch(&outgoing.run_id);
        if let Some(dispatch) = self.log.dispatches.get_mut(outgoing.place) {
            dispatch.answered = Some(moment);
            match &answer {
                Ok(answer) => {
                    dispatch.status = Some(answer.status);
                    dispatch.response_headers = answer.headers.clone();
                    dispatch.response_body = answer.body.clone();
                }
                Err(error) => dispatch.error = Some(error.clone()),
            }
        }
        let run_id = outgoing.run_id.as_str();
        if answer.is_ok() {
            self.check_open_parts(run_id);
        }
        let current =
            self.work.job(outgoing.job).filter(|job| job.live.as_ref() == Some(&outgoing.request_id));
        let Some(job) = current.cloned() else {
            // Superseded: the answer no longer matters, and what it ran is nobody's mistake.
            return;
        };
        if self.running(run_id).is_none() {
            self.answered_late(outgoing, answer);
        } else {
            self.answered_in_time(outgoing, &job, answer);
        }
        self.duplicate(outgoing, &job);
    }

    /// Takes the answer of a re-entry whose run goes on.
    fn answered_in_time(&mut self, outgoing: &Outgoing, job: &Job, answer: Result<Answer, String>) {
        let run_id = outgoing.run_id.as_str();
        let origin = Origin::Dispatch(outgoing.request_id.clone());
        let judged = match answer {
            Ok(answer) => answer.judge(),
            Err(error) => return self.retry_job(outgoing, job, None, error),
        };
        for (kind, message) in judged.wrong {
            self.log.violation(kind, Some(run_id), message);
        }
        let Some(run) = self.runs.get_mut(run_id) else { return };
        run.request_version =
            judged.version.unwrap_or(if run.request_version < 0 { 0 } else { run.request_version });
        let attempts_left = job.attempt < run.retries;
        match judged.verdict {
            Verdict::Retry(reason) => self.retry_job(outgoing, job, None, reason),
            Verdict::End { status, reply, response } => {
                let at = self.now();
                self.work.finish(outgoing.job);
                self.end(run_id, Ending { status, at, reply, response, at_checkpoint: false });
            }
            Verdict::Ops(ops) if !ops.is_empty() && ops.iter().all(IncomingOp::is_nothing) => {
                self.work.finish(outgoing.job);
                self.start_over(run_id, job);
                self.look_for_work(run_id, true);
            }
            Verdict::Ops(ops) => {
                let by = By::Answer { may_retry: attempts_left && !judged.no_retry };
                let ticket = self.tickets.next();
                let applied = self.apply(run_id, &ops, by, &origin, Some(job), ticket);
                let (outgoing, empty) = (outgoing.clone(), ops.is_empty());
                let conclusion = Conclusion { outgoing, retry_after: judged.retry_after, empty };
                if let Some((applied, conclusion)) = self.tickets.after(ticket, applied, conclusion) {
                    self.conclude(&conclusion, applied);
                }
            }
        }
    }

    /// Does with a job what its answer has come to.
    pub(super) fn conclude(&mut self, conclusion: &Conclusion, applied: Applied) {
        let outgoing = &conclusion.outgoing;
        let current =
            self.work.job(outgoing.job).filter(|job| job.live.as_ref() == Some(&outgoing.request_id));
        // The run may have ended, or the dispatch may have been superseded, while a third party was
        // called.
        let Some(job) = current.cloned() else { return };
        let run_id = outgoing.run_id.as_str();
        if applied == Applied::Done || self.running(run_id).is_none() {
            self.work.finish(outgoing.job);
        }
        match applied {
            _ if self.running(run_id).is_none() => {}
            Applied::Done => {
                self.look_for_work(run_id, conclusion.empty);
            }
            Applied::Retry(reason) => self.retry_job(outgoing, &job, conclusion.retry_after, reason),
            Applied::Fail { name, message, stack } => {
                let mut error = serde_json::json!({"error": message, "name": name, "message": message});
                if !stack.is_empty() {
                    error["stack"] = stack.into();
                }
                let output = serde_json::json!({ "error": error }).to_string();
                self.work.finish(outgoing.job);
                self.end_raw(run_id, RunStatus::Failed, output.into());
            }
            Applied::TooLarge => {
                self.work.finish(outgoing.job);
                self.end_raw(run_id, RunStatus::Completed, Bytes::new());
            }
        }
    }

    /// Asks the app once more what comes next, after an answer that says nothing; but not twice
    /// after one step.
    fn start_over(&mut self, run_id: &str, job: &Job) {
        let Some(run) = self.runs.get(run_id) else { return };
        let hash = run.last_saved.clone().unwrap_or_else(|| format!("redrive-{}", ulid::Ulid::generate()));
        let (group, forced) = (job.group.as_deref(), job.forced);
        let ended =
            Ended { hash: &hash, suffix: "", group, race: false, races_on: false, pending: false, forced };
        self.discover(run_id, &ended);
    }

    /// Tries a job again, or leaves the run as it is when its attempts are used up.
    fn retry_job(&mut self, outgoing: &Outgoing, job: &Job, wanted: Option<RetryAfter>, reason: String) {
        let run_id = outgoing.run_id.as_str();
        let retries = self.runs.get(run_id).map_or(0, |run| run.retries);
        if job.again {
            // The job that it repeats decides about the run.
            return self.work.finish(outgoing.job);
        }
        if job.attempt >= retries {
            self.work.finish(outgoing.job);
            let message = format!(
                "the last attempt ({} of {}) failed without `{}: true` ({reason}): nothing is retried, and the run \
                 stays Running for ever",
                job.attempt + 1,
                retries + 1,
                headers::NO_RETRY
            );
            return self.log.violation(ViolationKind::RunHangs, Some(run_id), message);
        }
        let now = self.now();
        let due = wanted.map_or_else(|| now + self.backoff.after(job.retried), |wanted| wanted.at(now));
        let after = due.duration_since(now).unwrap_or_default();
        self.work.retry(outgoing.job, due);
        self.note_retry(run_id, after, reason);
    }

    /// Notes that a run has nothing more to do and yet has not ended.
    fn look_for_work(&mut self, run_id: &str, empty: bool) {
        // One that had ended, and was created again, is shown as it ended.
        let goes_on = |run: &Run| run.status() == RunStatus::Running && run.pending.is_empty();
        if self.running(run_id).is_some_and(goes_on) && self.work.outstanding(run_id) == 0 {
            let what = if empty { "`[]`" } else { "operations that lead to nothing new" };
            let message = format!(
                "a re-entry was answered with {what} while nothing else is outstanding: the run hangs"
            );
            self.log.violation(ViolationKind::EmptyAnswer, Some(run_id), message);
        }
        self.look_for_hang(run_id);
    }
}
