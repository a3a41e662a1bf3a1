//! What middlewares learn of deliveries, losses, the backlog, and how long calls took.

use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{any, post};
use inngest::middleware::{CheckpointContext, DeliveryContext, Execution, LostRun, Middleware, Outcome};
use inngest::{SetupOpts, Step, StepError};
use stephttp_dev::{Call, InjectedFault};
use stephttp_tests::{Effects, Stage, World};

struct Observer(Effects);

impl Middleware for Observer {
    async fn after_checkpoint(
        &self,
        checkpoint: &CheckpointContext,
        outcome: Result<(), &inngest::client::ApiError>,
    ) {
        let took = if checkpoint.duration() > Duration::ZERO { "some" } else { "no" };
        self.0.happen(format!("call {} {} {took} time", checkpoint.call().as_str(), outcome.is_ok()));
    }

    async fn after_execution(&self, execution: &Execution, _: &Outcome) {
        let (id, bounded) = (execution.function_id(), execution.bounded_function_id());
        self.0.happen(format!("execution of {id:?} {bounded:?}, {} replayed", execution.replayed_steps()));
    }

    async fn after_delivery(&self, delivery: &DeliveryContext<'_>, outcome: Result<(), &str>) {
        let (calls, attempts) = (delivery.calls(), delivery.attempts());
        let function = delivery.execution().function_id();
        self.0.happen(format!("delivery of {function:?} {calls} {attempts} {}", outcome.is_ok()));
        assert!(delivery.duration() > Duration::ZERO);
        if let Err(error) = outcome {
            assert!(error.contains("Inngest answered"), "{error}");
        }
    }

    fn on_lost(&self, run: &LostRun<'_>) {
        assert!(run.reason().contains("Inngest answered"), "{}", run.reason());
        self.0.happen(format!("lost {:?}", run.function_id()));
    }

    fn on_backlog(&self, bytes: usize) {
        self.0.happen(if bytes == 0 { "backlog empty" } else { "backlog" });
    }
}

/// Panics wherever it is told of something.
struct Clumsy;

impl Middleware for Clumsy {
    async fn after_delivery(&self, _: &DeliveryContext<'_>, _: Result<(), &str>) {
        panic!("after a delivery");
    }

    fn on_lost(&self, _: &LostRun<'_>) {
        panic!("on a loss");
    }

    fn on_backlog(&self, _: usize) {
        panic!("on the backlog");
    }
}

#[inngest::api_fn(id = "observed", retries = 1)]
async fn observed(step: Step) -> Result<&'static str, StepError> {
    step.run("one", async { Ok(()) }).await?;
    Ok("done")
}

async fn world(app: Router) -> (World, Effects) {
    let seen = Effects::new();
    let observer = Observer(seen.clone());
    let world = World::builder()
        .opts(|opts: SetupOpts, url: &str| opts.dev_server(url).middleware(observer).middleware(Clumsy))
        .start(app)
        .await;
    (world, seen)
}

#[tokio::test]
async fn of_a_run_that_ends_in_its_first_request() {
    let (world, seen) = world(Router::new().route("/", post(observed))).await;
    assert_eq!(world.post("/").send().await.unwrap().text().await.unwrap(), "done");
    world.ended().await;
    let seen = seen.all();
    let told: Vec<_> = seen.iter().filter(|what| !what.starts_with("backlog")).collect();
    let name = r#"Some("observed")"#;
    assert_eq!(
        told,
        [
            &format!("execution of {name} {name}, 0 replayed"),
            "call new_run true some time",
            &format!("delivery of {name} 1 1 true"),
        ]
    );
    // The step's output, and the run's end, are gone when the delivery is over.
    assert_eq!(seen[0], "backlog", "{seen:?}");
    assert_eq!(seen[seen.len() - 2], "backlog empty", "{seen:?}");
    world.assert_clean();
}

#[tokio::test]
async fn of_a_delivery_that_is_tried_again() {
    let (world, seen) = world(Router::new().route("/", post(observed))).await;
    world.inngest.inject(InjectedFault::on(Call::NewRun).first(2).respond(500));
    world.post("/").send().await.unwrap();
    world.ended().await;
    assert_eq!(seen.count(r#"delivery of Some("observed") 1 3 true"#), 1, "{:?}", seen.all());
}

#[tokio::test]
async fn of_a_run_that_is_lost() {
    let (world, seen) = world(Router::new().route("/", post(observed))).await;
    world.inngest.inject(InjectedFault::on(Call::NewRun).every().respond(400));
    world.post("/").send().await.unwrap();
    let undelivered = world.provider.wait(Duration::from_secs(30)).await.unwrap_err();
    assert_eq!(undelivered.lost_count(), 1);
    let seen = seen.all();
    let after: Vec<_> = seen[seen.len() - 4..].iter().map(String::as_str).collect();
    assert_eq!(
        after,
        [
            "call new_run false some time",
            "backlog empty",
            r#"delivery of Some("observed") 1 1 false"#,
            r#"lost Some("observed")"#,
        ]
    );
}

#[inngest::api_fn(id = "observed-later")]
async fn later(step: Step) -> Result<&'static str, StepError> {
    step.run("one", async { Ok(()) }).await?;
    step.sleep("pause", Duration::from_secs(86_400)).await;
    step.run("two", async { Ok(()) }).await?;
    Ok("done")
}

#[tokio::test]
async fn of_results_that_are_stored() {
    let (world, seen) = world(Stage::new().app(post(later)).with_state(())).await;
    let response = world.post("/").send().await.unwrap();
    world.follow(response).await;
    world.ended().await;
    let name = r#"Some("observed-later")"#;
    assert_eq!(seen.count(&format!("execution of {name} {name}, 0 replayed")), 1);
    assert_eq!(seen.count(&format!("execution of {name} {name}, 2 replayed")), 1, "{:?}", seen.all());
}

async fn without_an_id(step: Step) -> Result<(), StepError> {
    step.run("one", async { Ok::<_, inngest::Failure>(()) }).await
}

#[tokio::test]
async fn of_a_function_that_is_known_by_the_path_alone() {
    let app = Router::new().route("/orders/{id}", any(without_an_id)).fallback(any(without_an_id));
    let (world, seen) = world(app).await;
    for path in ["/orders/7", "/anything"] {
        assert_eq!(world.post(path).send().await.unwrap().status(), StatusCode::OK);
    }
    world.delivered().await;
    let route = r#"Some("POST /orders/{id}")"#;
    assert_eq!(seen.count(&format!("execution of {route} {route}, 0 replayed")), 1, "{:?}", seen.all());
    assert_eq!(seen.count(r#"execution of Some("POST /anything") None, 0 replayed"#), 1, "{:?}", seen.all());
}
