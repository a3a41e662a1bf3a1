//! The jobs that this process works on.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::response::Parts;
use tokio::sync::watch;

use super::dispatch::{Dispatch, Lease};
use crate::sync::lock;
use crate::wire::{RunId, StepHash};

/// The jobs that this process works on, by run.
///
/// Inngest dispatches a job again while it is under way when its lease is lost, as happens to
/// retries that take over 15 s (docs/protocol.md 3.4). The later dispatch runs nothing: it waits
/// for what the earlier one comes to, and answers with that. So it is with one that comes after the
/// job was answered, since the answer was lost, or a proxy repeats the request: Inngest knows what
/// it has been told before.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    open: HashMap<Job, UnderWay>,
    /// The latest answers, the oldest first.
    answered: VecDeque<Answered>,
    answered_bytes: usize,
}

/// A job that was answered.
#[derive(Debug)]
struct Answered {
    job: Job,
    /// That of its dispatch.
    generation: u32,
    answer: Answer,
}

/// What an answer makes Inngest do, where it is not the same to be told once or twice.
#[derive(Debug, Clone)]
pub(crate) enum Effect {
    /// The job is tried again.
    Retry,
    /// These steps' requests are made, each time.
    Calls(Vec<StepHash>),
}

/// How many answers are kept for dispatches that come once more, and how many bytes of bodies.
const ANSWERS: usize = 256;
const ANSWERS_BYTES: usize = 1024 * 1024;

impl Inner {
    fn keep(&mut self, answered: Answered) {
        if answered.answer.1.len() > ANSWERS_BYTES {
            return;
        }
        self.answered_bytes += answered.answer.1.len();
        self.answered.push_back(answered);
        while self.answered.len() > ANSWERS || self.answered_bytes > ANSWERS_BYTES {
            if let Some(oldest) = self.answered.pop_front() {
                self.answered_bytes -= oldest.answer.1.len();
            }
        }
    }

    fn other_of(&self, job: &Job, dispatch: &Dispatch) -> Option<Other> {
        // Without an id, nothing says whether two dispatches are one job.
        if job.1.is_empty() {
            return None;
        }
        if let Some(other) = self.open.get(job) {
            other.lease.renew(&dispatch.lease());
            return Some(Other::UnderWay(other.answer.clone()));
        }
        self.answer_to(job, dispatch.generation()).map(Other::Answered)
    }

    /// What a job was answered, unless the dispatch is the next attempt that the answer asked for.
    fn answer_to(&self, job: &Job, generation: u32) -> Option<Answer> {
        let known = self.answered.iter().rev().find(|known| known.job == *job)?;
        let asked = matches!(known.answer.0.extensions.get(), Some(Effect::Retry));
        (!asked || generation <= known.generation).then(|| known.answer.clone())
    }
}

type Job = (RunId, String);

/// A job that somebody works on.
#[derive(Debug)]
struct UnderWay {
    lease: Lease,
    answer: watch::Receiver<Option<Answer>>,
}

/// An answer that can be given more than once.
pub(crate) type Answer = (Parts, Bytes);

/// Marks the answer to a dispatch that Inngest has superseded.
#[derive(Debug, Clone)]
pub(crate) struct Superseded;

/// What a dispatch is to do.
pub(crate) enum Role {
    /// The work: nobody does it.
    Work(Open),
    /// To answer as another one.
    Follow(Other),
}

/// Another dispatch of a job.
pub(crate) enum Other {
    /// It was answered so.
    Answered(Answer),
    /// It is under way.
    UnderWay(watch::Receiver<Option<Answer>>),
}

impl Jobs {
    /// What a dispatch is to do.
    pub(crate) fn role_of(self: Arc<Self>, dispatch: &Dispatch) -> Role {
        let job = (dispatch.run_id, dispatch.job_id.clone());
        let mut inner = self.lock();
        if let Some(other) = inner.other_of(&job, dispatch) {
            return Role::Follow(other);
        }
        let (told, answer) = watch::channel(None);
        let lease = dispatch.lease();
        inner.open.insert(job.clone(), UnderWay { lease: lease.clone(), answer });
        drop(inner);
        Role::Work(Open { jobs: self, job, lease, told })
    }

    /// The dispatch that another one of its job answers as, if there is one.
    pub(crate) fn other_of(&self, dispatch: &Dispatch) -> Option<Other> {
        self.lock().other_of(&(dispatch.run_id, dispatch.job_id.clone()), dispatch)
    }

    /// Whether no job is under way.
    #[cfg(test)]
    pub(crate) fn is_idle(&self) -> bool {
        self.lock().open.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }
}

/// A job that is under way.
pub(crate) struct Open {
    jobs: Arc<Jobs>,
    job: Job,
    lease: Lease,
    told: watch::Sender<Option<Answer>>,
}

impl Open {
    /// Answers, and whoever waits for it too.
    pub(crate) async fn answer(self, response: Response) -> Response {
        let (parts, body) = response.into_parts();
        // The SDK's own answers are whole: this cannot fail.
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
        // What a superseded dispatch says counts for nothing: a later one does the work itself.
        if parts.extensions.get::<Superseded>().is_none() {
            let answer = (parts.clone(), body.clone());
            if !self.job.1.is_empty() {
                let (job, generation) = (self.job.clone(), self.lease.generation());
                self.jobs.lock().keep(Answered { job, generation, answer: answer.clone() });
            }
            self.told.send_replace(Some(answer));
        }
        Response::from_parts(parts, Body::from(body))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.jobs.lock().open.remove(&self.job);
    }
}
