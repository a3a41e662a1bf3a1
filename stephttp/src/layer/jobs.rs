//! The jobs that this process works on.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use http::response::Parts;
use tokio::sync::watch;
use tracing::Instrument;

use super::dispatch::{Dispatch, Lease};
use super::{answer, standing};
use crate::provider::Shared;
use crate::run::RunId;
use crate::wire::StepHash;

/// The jobs that this process works on, by run.
///
/// Inngest dispatches a job again while it is under way when its lease is lost, as happens to retries that take over 15 s
/// (docs/protocol.md 3.4). The later dispatch runs nothing: it waits for what the earlier one comes to, and answers with that. So it is
/// with one that comes after the job was answered, since the answer was lost, or a proxy repeats the request: Inngest knows what it
/// has been told before.
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
pub(super) enum Effect {
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
type Answer = (Parts, Bytes);

/// Marks the answer to a dispatch that Inngest has superseded.
#[derive(Debug, Clone)]
pub(super) struct Superseded;

/// What a dispatch is to do.
enum Turn {
    /// To answer as it was answered before.
    Answered(Answer),
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
        shared: &Shared,
        dispatch: &Dispatch,
        work: impl Future<Output = Response> + Send + 'static,
    ) -> Response {
        let run_id = dispatch.run_id;
        loop {
            match self.clone().turn(dispatch) {
                Turn::Answered(answer) => {
                    tracing::debug!(%run_id, "a job that was answered is dispatched once more");
                    return repeat(shared, dispatch, answer).await;
                }
                Turn::Work(open) => {
                    let work = Box::pin(work);
                    let task = tokio::spawn(async move { open.answer(work.await).await }.in_current_span());
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
                    let answer = other.wait_for(Option::is_some).await.ok().and_then(|answer| answer.clone());
                    if let Some(answer) = answer {
                        return repeat(shared, dispatch, answer).await;
                    }
                }
            }
        }
    }

    fn turn(self: Arc<Self>, dispatch: &Dispatch) -> Turn {
        let job = (dispatch.run_id, dispatch.job_id.clone());
        let mut inner = self.lock();
        // Without an id, nothing says whether two dispatches are one job.
        if !job.1.is_empty() {
            if let Some(other) = inner.open.get(&job) {
                other.lease.renew(&dispatch.lease());
                return Turn::Wait(other.answer.clone());
            }
            if let Some(answer) = inner.answer_to(&job, dispatch.generation()) {
                return Turn::Answered(answer);
            }
        }
        let (told, answer) = watch::channel(None);
        let lease = dispatch.lease();
        inner.open.insert(job.clone(), UnderWay { lease: lease.clone(), answer });
        drop(inner);
        Turn::Work(Open { jobs: self, job, lease, told })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers as another dispatch of the job was answered.
async fn repeat(shared: &Shared, dispatch: &Dispatch, (parts, body): Answer) -> Response {
    match parts.extensions.get() {
        Some(Effect::Calls(steps)) => match were_made(shared, dispatch, steps).await {
            Ok(true) => answer::nothing(),
            Ok(false) => Response::from_parts(parts, Body::from(body)),
            Err(answer) => answer,
        },
        _ => Response::from_parts(parts, Body::from(body)),
    }
}

/// Whether Inngest has made the requests of these steps. It may be making them now. The error is the answer to give instead.
async fn were_made(shared: &Shared, dispatch: &Dispatch, steps: &[StepHash]) -> Result<bool, Response> {
    for wait in CALLS_MAY_TAKE.map(Duration::from_millis) {
        let memo = standing::obtain(shared, dispatch, 0, 0).await?;
        if steps.iter().all(|step| memo.contains(*step)) {
            return Ok(true);
        }
        tokio::time::sleep(wait).await;
    }
    Ok(false)
}

/// How long Inngest is given to make a request that it was told of: the waits between looking for it, in milliseconds.
const CALLS_MAY_TAKE: [u64; 4] = [100, 400, 1_000, 2_000];

/// A job that is under way.
struct Open {
    jobs: Arc<Jobs>,
    job: Job,
    lease: Lease,
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

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::Poll;

    use http::HeaderMap;
    use tokio::sync::oneshot;

    use super::*;
    use crate::wire::headers;
    use crate::{Provider, SetupOpts};

    async fn is_pending<F: Future>(mut future: Pin<&mut F>) -> bool {
        std::future::poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await
    }

    fn shared() -> Arc<Shared> {
        let opts = SetupOpts::new("http://app").dev_server("http://127.0.0.1:1");
        Provider::setup(opts).unwrap().layer().shared
    }

    fn dispatch(generation: u32) -> Dispatch {
        let mut map = HeaderMap::new();
        map.insert(headers::RUN_ID, "01M817NZCZ3BTTPY1FEX7T2M4B".parse().unwrap());
        map.insert(headers::JOB_ID, "job".parse().unwrap());
        map.insert(headers::GENERATION_ID, generation.into());
        Dispatch::read(&map).unwrap()
    }

    #[tokio::test]
    async fn work_goes_on_without_its_connection_and_the_next_dispatch_answers_with_it() {
        let (shared, jobs, first) = (shared(), Arc::new(Jobs::default()), dispatch(1));
        let (go_on, wait) = oneshot::channel::<()>();
        let work = async move {
            wait.await.unwrap();
            answer::retry(StatusCode::IM_A_TEAPOT, "first")
        };
        let mut connection = Box::pin(jobs.clone().once(&shared, &first, work));
        assert!(is_pending(connection.as_mut()).await);
        drop(connection);
        let second = dispatch(2);
        let again = jobs.clone().once(&shared, &second, async { unreachable!("the work is under way") });
        let mut again = Box::pin(again);
        assert!(is_pending(again.as_mut()).await);
        assert_eq!(first.generation(), 2, "what is saved is saved in the later one's name");
        go_on.send(()).unwrap();
        assert_eq!(again.await.status(), StatusCode::IM_A_TEAPOT);
        assert!(jobs.lock().open.is_empty());
        let again = jobs.clone().once(&shared, &second, async { unreachable!("it has been answered") }).await;
        assert_eq!(again.status(), StatusCode::IM_A_TEAPOT, "a proxy's repetition");
        let retry =
            jobs.clone().once(&shared, &dispatch(3), async { answer::retry(StatusCode::OK, "third") }).await;
        assert_eq!(retry.status(), StatusCode::OK, "the job's next attempt");
    }

    #[tokio::test]
    async fn the_answer_of_a_superseded_dispatch_is_nobody_elses() {
        let (shared, jobs) = (shared(), Arc::new(Jobs::default()));
        let (first, second) = (dispatch(1), dispatch(2));
        let (go_on, wait) = oneshot::channel::<()>();
        let superseded = async move {
            wait.await.unwrap();
            let mut response = answer::nothing();
            response.extensions_mut().insert(Superseded);
            response
        };
        let first = jobs.clone().once(&shared, &first, superseded);
        let second =
            jobs.clone().once(&shared, &second, async { answer::retry(StatusCode::IM_A_TEAPOT, "second") });
        let (first, second, ()) = tokio::join!(first, second, async { go_on.send(()).unwrap() });
        assert_eq!((first.status(), second.status()), (StatusCode::PARTIAL_CONTENT, StatusCode::IM_A_TEAPOT));
    }
}
