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
use super::dispatch::{Dispatch, Lease};
use crate::run::RunId;

/// The jobs that this process works on, by run.
///
/// Inngest dispatches a job again while it is under way when its lease is lost, as happens to retries that take over 15 s
/// (PROTOCOL 14.12). The later dispatch runs nothing: it waits for what the earlier one comes to, and answers with that.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    open: Mutex<HashMap<Job, UnderWay>>,
}

type Job = (RunId, String);

/// A job that somebody works on.
#[derive(Debug)]
struct UnderWay {
    lease: Lease,
    answer: watch::Receiver<Option<Answer>>,
}

/// An answer that can be given more than once.
type Answer = (Parts, Bytes);

/// Marks the answer to a dispatch that Inngest has superseded.
#[derive(Debug, Clone)]
pub(super) struct Superseded;

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
        dispatch: &Dispatch,
        work: impl Future<Output = Response> + Send + 'static,
    ) -> Response {
        let run_id = dispatch.run_id;
        loop {
            match self.clone().turn(dispatch) {
                Turn::Work(open) => {
                    let work = Box::pin(work);
                    let task = tokio::spawn(async move { open.answer(work.await).await });
                    return task.await.unwrap_or_else(|error| {
                        tracing::error!(%run_id, %error, "a re-entry has ended without an answer");
                        answer::retry(
                            StatusCode::INTERNAL_SERVER_ERROR,
                            "the re-entry has ended without an answer",
                        )
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

    fn turn(self: Arc<Self>, dispatch: &Dispatch) -> Turn {
        let job = (dispatch.run_id, dispatch.job_id.clone());
        let mut open = self.lock();
        // Without an id, nothing says whether two dispatches are one job.
        if let Some(other) = open.get(&job).filter(|_| !job.1.is_empty()) {
            other.lease.renew(&dispatch.lease());
            return Turn::Wait(other.answer.clone());
        }
        let (told, answer) = watch::channel(None);
        open.insert(job.clone(), UnderWay { lease: dispatch.lease(), answer });
        drop(open);
        Turn::Work(Open { jobs: self, job, told })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Job, UnderWay>> {
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
        // What a superseded dispatch says counts for nothing: a later one does the work itself.
        if parts.extensions.get::<Superseded>().is_none() {
            self.told.send_replace(Some((parts.clone(), body.clone())));
        }
        Response::from_parts(parts, Body::from(body))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.jobs.lock().remove(&self.job);
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use tokio::sync::oneshot;

    use super::*;
    use crate::wire::headers;

    fn dispatch(generation: u32) -> Dispatch {
        let mut map = HeaderMap::new();
        map.insert(headers::RUN_ID, "01M817NZCZ3BTTPY1FEX7T2M4B".parse().unwrap());
        map.insert(headers::JOB_ID, "job".parse().unwrap());
        map.insert(headers::GENERATION_ID, generation.into());
        Dispatch::read(&map).unwrap()
    }

    #[tokio::test]
    async fn work_goes_on_without_its_connection_and_the_next_dispatch_answers_with_it() {
        let (jobs, first) = (Arc::new(Jobs::default()), dispatch(1));
        let (go_on, wait) = oneshot::channel::<()>();
        let work = async move {
            wait.await.unwrap();
            answer::retry(StatusCode::IM_A_TEAPOT, "first")
        };
        let mut connection = Box::pin(jobs.clone().once(&first, work));
        assert!(futures_util::poll!(&mut connection).is_pending());
        drop(connection);
        let second = dispatch(2);
        let again = jobs.clone().once(&second, async { unreachable!("the work is under way") });
        let mut again = Box::pin(again);
        assert!(futures_util::poll!(&mut again).is_pending());
        assert_eq!(first.generation(), 2, "what is saved is saved in the later one's name");
        go_on.send(()).unwrap();
        assert_eq!(again.await.status(), StatusCode::IM_A_TEAPOT);
        assert!(jobs.lock().is_empty());
    }

    #[tokio::test]
    async fn the_answer_of_a_superseded_dispatch_is_nobody_elses() {
        let (jobs, first, second) = (Arc::new(Jobs::default()), dispatch(1), dispatch(2));
        let (go_on, wait) = oneshot::channel::<()>();
        let superseded = async move {
            wait.await.unwrap();
            let mut response = answer::nothing();
            response.extensions_mut().insert(Superseded);
            response
        };
        let first = jobs.clone().once(&first, superseded);
        let second = jobs.clone().once(&second, async { answer::retry(StatusCode::IM_A_TEAPOT, "second") });
        let (first, second, ()) = tokio::join!(first, second, async { go_on.send(()).unwrap() });
        assert_eq!((first.status(), second.status()), (StatusCode::PARTIAL_CONTENT, StatusCode::IM_A_TEAPOT));
    }
}
