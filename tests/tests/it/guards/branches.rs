//! Guards that reject several jobs of one run.

use std::sync::{Arc, Mutex};

use axum::middleware::from_fn;
use inngest::Provider;

use super::*;

const HOUR: Duration = Duration::from_secs(3_600);

/// Two branches, whose jobs come half an hour apart.
#[inngest::api_fn(id = "guards-branches", retries = 2)]
async fn branches(step: Step) -> &'static str {
    tokio::join!(step.sleep("a", HOUR), step.sleep("b", HOUR + HOUR / 2));
    "done"
}

/// The job that comes first is rejected each time, the other one once: an hour before its last
/// attempt, and half an hour before the first one's.
fn rejecting(app: Router) -> Router {
    let first: Arc<Mutex<Option<String>>> = Arc::default();
    app.layer(from_fn(move |request: Request, next: Next| {
        let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let rejects = header("x-inngest-job-id").is_some_and(|job| {
            let is_first = *first.lock().unwrap().get_or_insert_with(|| job.clone()) == job;
            is_first || header("x-inngest-generation-id").unwrap() == "1"
        });
        async move {
            if rejects { StatusCode::TOO_MANY_REQUESTS.into_response() } else { next.run(request).await }
        }
    }))
}

async fn assert_completes(
    inside: impl FnOnce(Router) -> Router,
    outside: impl FnOnce(Router, &Provider) -> Router,
) {
    let app = inside(Router::new().route("/", post(branches)));
    let builder = World::builder().inngest(|inngest| inngest.retry_interval(HOUR));
    let world = builder.start_wrapped(|_| app, outside).await;
    let (text, run) = ordered(&world).await;
    assert_eq!((text.as_str(), run.status), ("done", RunStatus::Completed), "{run:?}");
    let jobs: Vec<_> = world.inngest.dispatches().into_iter().map(|sent| sent.generation).collect();
    assert_eq!(jobs, [1, 1, 2, 2]);
    world.assert_rejected();
}

/// The run does not fail as long as one of its jobs tries again.
#[tokio::test]
async fn a_job_that_is_rejected_at_its_last_attempt_leaves_the_run_to_one_that_tries_again() {
    assert_completes(rejecting, |app, _| app).await;
}

#[tokio::test]
async fn so_it_does_where_the_guard_stands_outside() {
    assert_completes(|app| app, |app, inngest| rejecting(app).layer(inngest.verify())).await;
}
