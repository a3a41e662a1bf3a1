//! The jobs that this process works on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
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
enum Turn {
    /// The work: nobody does it.
    Work(Open),
    /// To wait for the other one.
    Wait(watch::Receiver<Option<Answer>>),
}

impl Jobs {
    /// Does a job's work, unless it is under way: then it is waited for.
    ///
    /// The work goes on when the connection breaks off, as a first request's does: what a step has begun is brought to its end
    /// and saved, and the next dispatch finds it.
    pub(super) async fn once(
        self: Arc<Self>,
        run_id: RunId,
        job_id: String,
        work: impl Future<Output = Response> + Send + 'static,
    ) -> Response {
        let job = (run_id, job_id);
        loop {
            match self.clone().turn(&job) {
                Turn::Work(open) => {
                    let work = Box::pin(work);
                    let task = tokio::spawn(async move { open.answer(work.await).await });
                    return task.await.unwrap_or_else(|error| {
                        tracing::error!(%run_id, %error, "a re-entry has ended without an answer");
                        answer::retry(StatusCode::INTERNAL_SERVER_ERROR, "the re-entry has ended without an answer")
                    });
                }
                Turn::Wait(mut other) => {
                    tracing::debug!(%run_id, "a job was dispatched again while it is under way");
                    // Without an answer, the other one was given up: this one takes its place.
                    if let Ok(answer) = other.wait_for(Option::is_some).await
                        && let Some((parts, body)) = answer.clone()
                    {
                        return Response::from_parts(parts, Body::from(body));
                    }
                }
            }
        }
    }

    fn turn(self: Arc<Self>, job: &Job) -> Turn {
        let mut open = self.lock();
        // Without an id, nothing says whether two dispatches are one job.
        if let Some(other) = open.get(job).filter(|_| !job.1.is_empty()) {
            return Turn::Wait(other.clone());
        }
        let (told, told_to) = watch::channel(None);
        open.insert(job.clone(), told_to);
        drop(open);
        Turn::Work(Open { jobs: self, job: job.clone(), told })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Job, watch::Receiver<Option<Answer>>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A job that is under way.
struct Open {
    jobs: Arc<Jobs>,
    job: Job,
    told: watch::Sender<Option<Answer>>,
}

impl Open {
    /// Answers, and whoever waits for it too.
    async fn answer(self, response: Response) -> Response {
        let (parts, body) = response.into_parts();
        // The SDK's own answers are whole: this cannot fail.
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
        self.told.send_replace(Some((parts.clone(), body.clone())));
        Response::from_parts(parts, Body::from(body))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.jobs.lock().remove(&self.job);
    }
}
