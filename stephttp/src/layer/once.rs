//! One job's work, once: whichever of its dispatches comes first does it.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use tracing::Instrument;

use super::{answer, standing};
use crate::app::App;
use crate::exchange::{Answer, Dispatch, Effect, Jobs, Other, Role};
use crate::journal::Ending;
use crate::wire::StepHash;

/// Does a job's work, unless it is under way: then it is waited for.
///
/// The work goes on when the connection breaks off, as a first request's does: what a step has
/// begun is brought to its end and saved, and the next dispatch finds it.
pub(super) async fn once(
    jobs: Arc<Jobs>,
    app: &App,
    dispatch: &Dispatch,
    work: impl Future<Output = Response> + Send + 'static,
) -> Response {
    let run_id = dispatch.run_id;
    loop {
        match jobs.clone().role_of(dispatch) {
            Role::Work(open) => {
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
            // Without an answer, the other one was given up: this one takes its place.
            Role::Follow(other) => {
                if let Some(answer) = follow(app, dispatch, other).await {
                    return answer;
                }
            }
        }
    }
}

/// Answers as another dispatch of the job, if there is one, and leaves the work alone if there is
/// none.
pub(super) async fn as_another(app: &App, dispatch: &Dispatch) -> Option<Response> {
    loop {
        let other = app.jobs().other_of(dispatch)?;
        if let Some(answer) = follow(app, dispatch, other).await {
            return Some(answer);
        }
    }
}

/// Answers as another dispatch of the job; `None` when that one was given up.
async fn follow(app: &App, dispatch: &Dispatch, other: Other) -> Option<Response> {
    let run_id = dispatch.run_id;
    let answer = match other {
        Other::Answered(answer) => {
            tracing::debug!(%run_id, "a job that was answered is dispatched once more");
            answer
        }
        Other::UnderWay(mut other) => {
            tracing::debug!(%run_id, "a job was dispatched again while it is under way");
            other.wait_for(Option::is_some).await.ok().and_then(|answer| answer.clone())?
        }
    };
    Some(repeat(app, dispatch, answer).await)
}

/// Answers as another dispatch of the job was answered.
async fn repeat(app: &App, dispatch: &Dispatch, (parts, body): Answer) -> Response {
    match parts.extensions.get() {
        Some(Effect::Calls(steps)) => match were_made(app, dispatch, steps).await {
            Ok(true) => answer::ending(dispatch.run_id, Ending::Over),
            Ok(false) => Response::from_parts(parts, Body::from(body)),
            Err(ending) => answer::ending(dispatch.run_id, ending),
        },
        _ => Response::from_parts(parts, Body::from(body)),
    }
}

/// Whether Inngest has made the requests of these steps. It may be making them now. The error is
/// how the request ends instead.
async fn were_made(app: &App, dispatch: &Dispatch, steps: &[StepHash]) -> Result<bool, Ending> {
    for wait in CALLS_MAY_TAKE.map(Duration::from_millis) {
        let memo = standing::obtain(app, dispatch, 0, 0).await;
        let memo = memo.map_err(|standing| Ending::without_state(&standing, false))?;
        if steps.iter().all(|step| memo.contains(*step)) {
            return Ok(true);
        }
        tokio::time::sleep(wait).await;
    }
    Ok(false)
}

/// How long Inngest is given to make a request that it was told of: the waits between looking for
/// it, in milliseconds.
const CALLS_MAY_TAKE: [u64; 4] = [100, 400, 1_000, 2_000];

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

    fn app() -> Arc<App> {
        let opts = SetupOpts::new("http://app").dev_server("http://127.0.0.1:1");
        Provider::setup(opts).unwrap().layer().app
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
        let (app, jobs, first) = (app(), Arc::new(Jobs::default()), dispatch(1));
        let (go_on, wait) = oneshot::channel::<()>();
        let work = async move {
            wait.await.unwrap();
            answer::retry(StatusCode::IM_A_TEAPOT, "first")
        };
        let mut connection = Box::pin(once(jobs.clone(), &app, &first, work));
        assert!(is_pending(connection.as_mut()).await);
        drop(connection);
        let second = dispatch(2);
        let again = once(jobs.clone(), &app, &second, async { unreachable!("the work is under way") });
        let mut again = Box::pin(again);
        assert!(is_pending(again.as_mut()).await);
        assert_eq!(first.generation(), 2, "what is saved is saved in the later one's name");
        go_on.send(()).unwrap();
        assert_eq!(again.await.status(), StatusCode::IM_A_TEAPOT);
        assert!(jobs.is_idle());
        let again = once(jobs.clone(), &app, &second, async { unreachable!("it has been answered") }).await;
        assert_eq!(again.status(), StatusCode::IM_A_TEAPOT, "a proxy's repetition");
        let retry =
            once(jobs.clone(), &app, &dispatch(3), async { answer::retry(StatusCode::OK, "third") }).await;
        assert_eq!(retry.status(), StatusCode::OK, "the job's next attempt");
    }

    #[tokio::test]
    async fn the_answer_of_a_superseded_dispatch_is_nobody_elses() {
        let (app, jobs) = (app(), Arc::new(Jobs::default()));
        let (first, second) = (dispatch(1), dispatch(2));
        let (go_on, wait) = oneshot::channel::<()>();
        let superseded = async move {
            wait.await.unwrap();
            answer::ending("01M817NZCZ3BTTPY1FEX7T2M4B".parse().unwrap(), Ending::Superseded)
        };
        let first = once(jobs.clone(), &app, &first, superseded);
        let second =
            once(jobs.clone(), &app, &second, async { answer::retry(StatusCode::IM_A_TEAPOT, "second") });
        let (first, second, ()) = tokio::join!(first, second, async { go_on.send(()).unwrap() });
        assert_eq!((first.status(), second.status()), (StatusCode::PARTIAL_CONTENT, StatusCode::IM_A_TEAPOT));
    }
}
