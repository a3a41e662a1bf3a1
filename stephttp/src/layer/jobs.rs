//! The jobs that this process works on.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::response::Parts;
use tokio::sync::watch;

use super::answer;
use crate::run::RunId;

/// The jobs that this process works on, by run.
///
/// Inngest dispatches a job again while it is under way when its lease is lost, as happens to retries that take over 15 s
/// (PROTOCOL 14.12). The later dispatch runs nothing: it waits for what the earlier one comes to, and answers with that.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    open: Mutex<HashMap<Job, watch::Receiver<Option<Answer>>>>,
}

type Job = (RunId, String);

/// An answer that can be given more than once.
type Answer = (Parts, Bytes);

/// What a dispatch is to do.
enum Turn<'a> {
    /// The work: nobody does it.
    Work(Open<'a>),
    /// To wait for the other one.
    Wait(watch::Receiver<Option<Answer>>),
}

impl Jobs {
    /// Does a job's work, unless it is under way: then it is waited for.
    pub(super) async fn once(
        &self,
        run_id: RunId,
        job_id: String,
        work: impl Future<Output = Response>,
    ) -> Response {
        if job_id.is_empty() {
            return work.await;
        }
        let job = (run_id, job_id);
        loop {
            match self.turn(&job) {
                Turn::Work(open) => return open.answer(work.await).await,
                Turn::Wait(mut other) => {
                    tracing::debug!(%run_id, "a job was dispatched again while it is under way");
                    // Without an answer, the connection of the other one has broken off: this one takes its place.
                    if let Ok(answer) = other.wait_for(Option::is_some).await
                        && let Some((parts, body)) = answer.clone()
                    {
                        return Response::from_parts(parts, Body::from(body));
                    }
                }
            }
        }
    }

    fn turn(&self, job: &Job) -> Turn<'_> {
        match self.lock().entry(job.clone()) {
            Entry::Occupied(entry) => Turn::Wait(entry.get().clone()),
            Entry::Vacant(entry) => {
                let (told, told_to) = watch::channel(None);
                entry.insert(told_to);
                Turn::Work(Open { jobs: self, job: job.clone(), told })
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Job, watch::Receiver<Option<Answer>>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A job that is under way.
struct Open<'a> {
    jobs: &'a Jobs,
    job: Job,
    told: watch::Sender<Option<Answer>>,
}

impl Open<'_> {
    /// Answers, and whoever waits for it too.
    async fn answer(self, response: Response) -> Response {
        let (parts, body) = response.into_parts();
        // The SDK's own answers are whole: this cannot fail.
        let Ok(body) = axum::body::to_bytes(body, usize::MAX).await else { return answer::nothing() };
        self.told.send_replace(Some((parts.clone(), body.clone())));
        Response::from_parts(parts, Body::from(body))
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.jobs.lock().remove(&self.job);
    }
}
