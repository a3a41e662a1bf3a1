//! What Inngest does for a step while several re-entries of its run are under way.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use inngest::step::FetchRequest;
use inngest::{Step, StepError};
use stephttp_tests::{Effects, Stage, World, serve};

#[inngest::api_fn(id = "calls-between-waits")]
async fn fetches_between_waits(
    State((stage, url)): State<(Stage, String)>,
    step: Step,
) -> Result<String, StepError> {
    let branch = async |name: &str| {
        step.sleep(format!("sleep {name}"), Duration::from_secs(60)).await;
        let fetched = step.fetch(format!("fetch {name}"), FetchRequest::get(format!("{url}/{name}"))).await?;
        step.run(format!("after {name}"), async { Ok(stage.effects.happen("after")) }).await?;
        Ok::<_, StepError>(fetched.into_body())
    };
    let (a, b) = tokio::try_join!(branch("a"), branch("b"))?;
    Ok(format!("{a} {b}"))
}

/// Inngest makes a call each time that it is told of it, so each is told once: in a re-entry of its
/// own.
#[tokio::test]
async fn calls_in_several_branches_are_made_once_each() {
    for _ in 0..10 {
        let called = Effects::new();
        let third_party = Router::new()
            .route(
                "/{name}",
                get(|State(called): State<Effects>, path: axum::extract::Path<String>| async move {
                    format!("{}{}", *path, called.happen(path.as_str()))
                }),
            )
            .with_state(called.clone());
        let (url, server) = serve(third_party).await;
        let stage = Stage::new();
        let app = Router::new().route("/", post(fetches_between_waits)).with_state((stage.clone(), url));
        let world = World::of(app).await;
        let response = world.post("/").send().await.unwrap();
        assert_eq!(world.follow(response).await.text().await.unwrap(), "a1 b1");
        assert_eq!(stage.effects.count("after"), 2);
        world.ended().await;
        world.assert_clean();
        server.abort();
    }
}
