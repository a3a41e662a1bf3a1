//! What an error does: each cell of the table in the crate's documentation.

use std::time::Duration;

use axum::Router;
use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use inngest::extract::Replayable;
use inngest::function::OnError;
use inngest::{Failure, FnOpts, NoRetry, ResultExt, SetupOpts, Step, StepError};
use stephttp_dev::RunStatus;
use stephttp_tests::{Stage, World};

const PAUSE: Duration = Duration::from_secs(86_400);

/// An application's own error.
enum Trouble {
    /// As `anyhow::Error` and the like: a 500.
    Database,
    Answer(StatusCode),
    Final,
    Step(StepError),
}

impl From<StepError> for Trouble {
    fn from(error: StepError) -> Self {
        Self::Step(error)
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        match self {
            Self::Database => (StatusCode::INTERNAL_SERVER_ERROR, "database down").into_response(),
            Self::Answer(status) => (status, "so it is").into_response(),
            Self::Final => NoRetry((StatusCode::INTERNAL_SERVER_ERROR, "never")).into_response(),
            // Whose error it was is not to be seen.
            Self::Step(error) => (StatusCode::BAD_GATEWAY, error.message().to_owned()).into_response(),
        }
    }
}

/// It rejects requests at one of the paths: the client's, or Inngest's.
struct Picky;

impl Replayable for Picky {}

impl<S: Sync> FromRequestParts<S> for Picky {
    type Rejection = (StatusCode, &'static str);

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let rejects = rejects(parts.uri.path(), "rejection", parts.headers.contains_key("x-run-id"));
        if rejects { Err((StatusCode::IM_A_TEAPOT, "not you")) } else { Ok(Self) }
    }
}

async fn guard(request: Request, next: Next) -> Response {
    if rejects(request.uri().path(), "guard", request.headers().contains_key("x-run-id")) {
        return (StatusCode::IM_A_TEAPOT, "not you").into_response();
    }
    next.run(request).await
}

fn rejects(path: &str, what: &str, is_reentry: bool) -> bool {
    path.ends_with(&format!("/{}/{what}", if is_reentry { "later" } else { "first" }))
}

/// The trouble of a path, after a step; `later`: when Inngest has called back.
async fn handler(stage: Stage, step: Step, when: String, what: String) -> Result<&'static str, Trouble> {
    step.run("before", async { Ok::<_, Failure>(stage.effects.happen("before")) }).await?;
    if when == "later" {
        step.sleep("pause", PAUSE).await;
    }
    let tries = stage.effects.happen("tries");
    let failing = |ends: usize| {
        let effects = &stage.effects;
        async move {
            match effects.happen("step") {
                n if n > ends => Ok(()),
                _ => Err(Failure::new("the step failed")),
            }
        }
    };
    match &*what {
        "step" => step.run("fails", failing(1)).await?,
        "final step" => step.run("fails", async { failing(9).await.no_retry() }).await?,
        "exhausted step" => step.run("fails", failing(9)).await?,
        "step caught" => {
            let _ = step.run("fails", async { failing(9).await.no_retry() }).await;
            return Err(Trouble::Database);
        }
        "twice" if tries <= 2 => return Err(Trouble::Database),
        "500" => return Err(Trouble::Database),
        "503" => return Err(Trouble::Answer(StatusCode::SERVICE_UNAVAILABLE)),
        "404" => return Err(Trouble::Answer(StatusCode::NOT_FOUND)),
        "final" => return Err(Trouble::Final),
        // Unlike `panic!` it leaves no message on the screen.
        "panic" => std::panic::resume_unwind(Box::new("on purpose")),
        _ => {}
    }
    step.run("after", async { Ok::<_, Failure>(stage.effects.happen("after")) }).await?;
    Ok("done")
}

type Args = Path<(String, String)>;

#[inngest::api_fn(id = "errors-retried", retries = 3)]
async fn retried(
    State(stage): State<Stage>,
    Path((when, what)): Args,
    _picky: Picky,
    step: Step,
) -> Result<&'static str, Trouble> {
    handler(stage, step, when, what).await
}

#[inngest::api_fn(id = "errors-failing", retries = 3, on_error = fail)]
async fn failing(
    State(stage): State<Stage>,
    Path((when, what)): Args,
    step: Step,
) -> Result<&'static str, Trouble> {
    handler(stage, step, when, what).await
}

#[inngest::api_fn(id = "errors-without-retries", retries = 0)]
async fn without_retries(
    State(stage): State<Stage>,
    Path((when, what)): Args,
    step: Step,
) -> Result<&'static str, Trouble> {
    handler(stage, step, when, what).await
}

/// Without the attribute.
async fn plain(
    State(stage): State<Stage>,
    Path((when, what)): Args,
    step: Step,
) -> Result<&'static str, Trouble> {
    step.configure(FnOpts::new("errors-plain")).map_err(|_| Trouble::Final)?;
    handler(stage, step, when, what).await
}

/// What a client gets in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Client {
    /// In the response to its request.
    AtOnce(u16, &'static str),
    /// At the run's output.
    Output(u16, &'static str),
    /// The connection breaks off, as without the layer.
    BrokenOff,
}

use Client::{AtOnce, BrokenOff, Output};

/// A path, how the run ends (`None`: there is none), what the client gets, and how often the
/// handler has come to its trouble.
type Row = (&'static str, Option<RunStatus>, Client, usize);

const COMPLETED: Option<RunStatus> = Some(RunStatus::Completed);
const FAILED: Option<RunStatus> = Some(RunStatus::Failed);

const ROWS: [Row; 32] = [
    // A step's failure.
    ("/retried/first/step", COMPLETED, Output(200, "done"), 3),
    ("/retried/later/step", COMPLETED, Output(200, "done"), 3),
    ("/retried/first/final step", FAILED, AtOnce(502, "the step failed"), 1),
    ("/retried/later/final step", FAILED, Output(502, "the step failed"), 2),
    ("/retried/first/exhausted step", FAILED, Output(502, "the step failed"), 5),
    ("/retried/later/exhausted step", FAILED, Output(502, "the step failed"), 5),
    // A handler that was given it fails at once, whatever it says.
    ("/retried/later/step caught", FAILED, Output(500, "database down"), 2),
    // An error of the handler.
    ("/retried/first/twice", FAILED, AtOnce(500, "database down"), 1),
    ("/retried/later/twice", COMPLETED, Output(200, "done"), 3),
    ("/retried/first/500", FAILED, AtOnce(500, "database down"), 1),
    ("/retried/later/500", FAILED, Output(500, "database down"), 3),
    ("/retried/first/503", FAILED, AtOnce(503, "so it is"), 1),
    ("/retried/later/503", FAILED, Output(503, "so it is"), 3),
    ("/plain/later/twice", COMPLETED, Output(200, "done"), 3),
    ("/plain/later/500", FAILED, Output(500, "database down"), 3),
    // One that is final.
    ("/retried/first/final", FAILED, AtOnce(500, "never"), 1),
    ("/retried/later/final", FAILED, Output(500, "never"), 1),
    ("/plain/later/final", FAILED, Output(500, "never"), 1),
    ("/failing/first/500", FAILED, AtOnce(500, "database down"), 1),
    ("/failing/later/500", FAILED, Output(500, "database down"), 1),
    ("/without-retries/later/500", FAILED, Output(500, "database down"), 1),
    // An answer is none.
    ("/retried/first/404", COMPLETED, AtOnce(404, "so it is"), 1),
    ("/retried/later/404", COMPLETED, Output(404, "so it is"), 1),
    ("/plain/later/404", COMPLETED, Output(404, "so it is"), 1),
    // A panic.
    ("/retried/first/panic", FAILED, BrokenOff, 1),
    ("/retried/later/panic", FAILED, Output(500, "the handler panicked"), 3),
    ("/failing/later/panic", FAILED, Output(500, "the handler panicked"), 3),
    ("/without-retries/later/panic", FAILED, Output(500, "the handler panicked"), 1),
    // An extractor's rejection, and a layer's.
    ("/retried/first/rejection", None, AtOnce(418, "not you"), 0),
    ("/retried/later/rejection", FAILED, Output(500, "418"), 0),
    ("/retried/first/guard", None, AtOnce(418, "not you"), 0),
    ("/retried/later/guard", FAILED, Output(500, "418"), 0),
];

#[tokio::test]
async fn what_an_error_does() {
    let mut wrong = Vec::new();
    for row in ROWS {
        let stage = Stage::new();
        let app = Router::new()
            .route("/retried/{when}/{what}", post(retried))
            .route("/failing/{when}/{what}", post(failing))
            .route("/without-retries/{when}/{what}", post(without_retries))
            .route("/plain/{when}/{what}", post(plain))
            .layer(from_fn(guard))
            .with_state(stage.clone());
        let world = World::of(app).await;
        let seen = play(&world, &stage, row).await;
        if seen != row {
            wrong.push(format!("expected {row:?}\n    came {seen:?}"));
        }
        if row.1.is_some() {
            assert_eq!(stage.effects.count("before"), 1, "{row:?}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// As much of the text as was expected.
fn part(text: &str, expected: Client) -> &'static str {
    match expected {
        AtOnce(_, part) | Output(_, part) if text.contains(part) => part,
        _ => "something else",
    }
}

async fn play(world: &World, stage: &Stage, (path, status, client, _): Row) -> Row {
    let seen = match world.post(path).send().await {
        Err(_) => BrokenOff,
        Ok(response) if response.status() == 303 => {
            let response = world.follow(response).await;
            let status = response.status().as_u16();
            Output(status, part(&response.text().await.unwrap(), client))
        }
        Ok(response) => {
            let status = response.status().as_u16();
            AtOnce(status, part(&response.text().await.unwrap(), client))
        }
    };
    let ended = if status.is_some() {
        Some(world.ended().await.status)
    } else {
        world.delivered().await;
        world.inngest.runs().first().map(|run| run.status)
    };
    (path, ended, seen, stage.effects.count("tries"))
}

#[tokio::test]
async fn a_provider_says_for_all_its_functions_that_an_error_is_final() {
    let stage = Stage::new();
    let app = Router::new().route("/{when}/{what}", post(retried)).with_state(stage.clone());
    let configure = |opts: SetupOpts, url: &str| opts.dev_server(url).on_error(OnError::Fail);
    let world = World::builder().opts(configure).start(app).await;
    let row = play(&world, &stage, ("/later/500", FAILED, Output(500, "database down"), 0)).await;
    assert_eq!(row, ("/later/500", FAILED, Output(500, "database down"), 1));
    world.assert_clean();
}

#[inngest::api_fn(id = "errors-later")]
async fn busy(State(stage): State<Stage>, Path(after): Path<String>, step: Step) -> Response {
    step.sleep("pause", Duration::from_millis(10)).await;
    match stage.effects.happen("tries") {
        1 => (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", after)]).into_response(),
        _ => "done".into_response(),
    }
}

/// A `Retry-After` of the answer is heeded; over a day it is none.
#[tokio::test]
async fn an_error_says_when_the_handler_is_to_be_tried_again() {
    for (after, asked) in [("60", Some("61")), ("86401", None), ("soon", None)] {
        let stage = Stage::new();
        let app = Router::new().route("/{after}", post(busy)).with_state(stage.clone());
        let world = World::of(app).await;
        let response = world.post(&format!("/{after}")).send().await.unwrap();
        let output = world.follow(response).await;
        assert_eq!((output.status().as_u16(), &*output.text().await.unwrap()), (200, "done"));
        assert_eq!(world.ended().await.status, RunStatus::Completed);
        let answer = world.inngest.dispatches()[0].response_headers.clone();
        let seen = answer.get("retry-after").map(|after| after.to_str().unwrap());
        assert_eq!((seen, stage.effects.count("tries")), (asked, 2), "{after}");
        world.assert_clean();
    }
}
