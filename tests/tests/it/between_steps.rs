//! What lies between and around steps: work that is no step, timeouts, tasks.

use std::task::Poll;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use futures_util::FutureExt;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use inngest::{Failure, Step, StepError};
use stephttp_tests::{Stage, World};
use tokio::sync::{Notify, oneshot};

const SECOND: Duration = Duration::from_secs(1);

/// The response that the client ends with.
async fn answer(world: &World) -> String {
    let response = world.post("/").send().await.unwrap();
    let response = if response.status() == 303 { world.follow(response).await } else { response };
    response.text().await.unwrap()
}

/// Fails the run when an earlier request of it saw something else here.
async fn saw(step: &Step, what: &str, seen: &str) -> Result<(), StepError> {
    let before = step.run(format!("saw {what}"), async { Ok::<_, Failure>(seen.to_owned()) }).await?;
    if before == seen {
        return Ok(());
    }
    let changed = async { Err(Failure::non_retriable(format!("{before} became {seen}"))) };
    step.run("disagreement", changed).await
}

/// Two waits at once: from here on steps are claimed.
async fn begin_to_share(step: &Step) {
    tokio::join!(step.sleep("one", SECOND), step.sleep("two", SECOND));
}

#[inngest::api_fn(id = "between-query", retries = 0)]
async fn queries_before_a_step(
    State(stage): State<Stage>,
    #[not_replayed] headers: HeaderMap,
    step: Step,
) -> Result<&'static str, StepError> {
    let waits = async {
        step.sleep("a", SECOND).await;
        step.sleep("c", 100 * SECOND).await;
    };
    let queries = async {
        step.sleep("b", SECOND).await;
        if headers.contains_key("x-run-id") {
            // A query that takes its time.
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        step.run("behind", async { Ok(stage.effects.happen("behind")) }).await
    };
    let ((), outcome) = tokio::join!(waits, queries);
    outcome.map(|_| "done")
}

/// A request that comes no further than the query leaves the step to a later one.
#[tokio::test]
async fn a_step_behind_a_query_is_reached() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(queries_before_a_step))).await;
    assert_eq!(answer(&world).await, "done");
    assert_eq!(stage.effects.count("behind"), 1);
    world.ended().await;
    world.assert_clean();
}

#[inngest::api_fn(id = "between-ends-as-dropped")]
async fn ends_as_it_is_dropped(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    let (end, ended) = oneshot::channel::<()>();
    let (give_up, given_up) = oneshot::channel::<()>();
    if stage.effects.happen("request") == 1 {
        tokio::spawn(async move {
            // Both are there at the handler's next poll.
            let _ = (give_up.send(()), end.send(()));
        });
    } else {
        tokio::spawn(async move {
            let _ = give_up.send(());
            drop(end);
        });
    }
    let ends = async {
        let _ = ended.await;
        Ok::<_, Failure>(())
    };
    let chosen = tokio::select! {
        biased;
        outcome = step.run("ends", ends) => outcome.map(|()| "ended")?,
        _ = given_up => "given up",
    };
    saw(&step, "the choice", chosen).await?;
    step.sleep("pause", SECOND).await;
    saw(&step, "it again", chosen).await?;
    Ok(chosen.to_owned())
}

/// The step's end is stored, but the handler did not see it.
#[tokio::test]
async fn a_step_that_is_dropped_in_the_poll_in_which_it_ends_stays_dropped() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(ends_as_it_is_dropped))).await;
    assert_eq!(answer(&world).await, "given up");
    world.ended().await;
    world.assert_clean();
}

#[inngest::api_fn(id = "between-timeout-claimed", retries = 0)]
async fn gives_up_a_claimed_step(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    begin_to_share(&step).await;
    let slow = step.run("slow", async {
        stage.effects.happen("slow begins");
        std::future::pending::<Result<(), Failure>>().await
    });
    let chosen = match tokio::time::timeout(Duration::from_millis(500), slow).await {
        Ok(outcome) => outcome.map(|()| "slow")?,
        Err(_) => "given up",
    };
    saw(&step, "the choice", chosen).await?;
    step.sleep("pause", SECOND).await;
    saw(&step, "it again", chosen).await?;
    Ok(chosen.to_owned())
}

#[tokio::test]
async fn a_timeout_around_a_claimed_step_is_remembered() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(gives_up_a_claimed_step))).await;
    assert_eq!(answer(&world).await, "given up");
    assert_eq!(stage.effects.count("slow begins"), 1);
    let run = world.ended().await;
    let orders = run.steps.iter().filter(|step| step.id.starts_with("stephttp:order:")).count();
    assert!(orders <= 5, "{:?}", run.steps);
    world.assert_clean();
}

#[inngest::api_fn(id = "between-random-order")]
async fn ends_in_random_order(step: Step) -> Result<&'static str, StepError> {
    let cancel = Notify::new();
    let work = async {
        let _ = step.run("work", async { Ok::<_, Failure>(()) }).await;
        cancel.notify_waiters();
        std::future::pending::<()>().await;
    };
    let clean_up = async {
        cancel.notified().await;
        let _ = step.run("clean up", async { Ok::<_, Failure>(()) }).await;
    };
    // Not biased: whether `clean up` is polled before it is dropped is a matter of chance.
    tokio::select! {
        () = work => {}
        () = clean_up => {}
        () = cancel.notified() => {}
    }
    let mut rest: FuturesUnordered<_> =
        (0..3).map(|n| step.run(format!("rest {n}"), async move { Ok::<_, Failure>(n) })).collect();
    while let Some(outcome) = rest.next().await {
        outcome?;
    }
    step.sleep("pause", SECOND).await;
    Ok("done")
}

/// Nothing waits for a step that only chance brought about: with no patience the order would be
/// given up.
#[tokio::test]
async fn the_order_of_results_does_not_depend_on_who_was_polled_before_being_dropped() {
    let patience = Duration::from_secs(3_600);
    for _ in 0..24 {
        let app = axum::Router::new().route("/", post(ends_in_random_order));
        let world = World::builder()
            .opts(move |opts, url| opts.dev_server(url).replay_patience(patience))
            .start(app)
            .await;
        assert_eq!(answer(&world).await, "done");
        world.ended().await;
        world.assert_clean();
    }
}

/// Polls a future once; it must not be over.
async fn begin(future: &mut (impl Future + Unpin)) {
    let begun = std::future::poll_fn(|cx| Poll::Ready(future.poll_unpin(cx).is_pending())).await;
    assert!(begun);
}

#[inngest::api_fn(id = "between-moved")]
async fn moves_a_step_to_a_task(State(stage): State<Stage>, step: Step) -> Result<&'static str, StepError> {
    let (effects, door) = (stage.effects.clone(), stage.door.clone());
    let slow = async move {
        door.pass().await;
        Ok::<_, Failure>(effects.happen("slow"))
    };
    let mut slow = step.run("slow", slow).boxed();
    begin(&mut slow).await;
    let (moved, has_moved) = oneshot::channel();
    let task = tokio::spawn(async move {
        begin(&mut slow).await;
        let _ = moved.send(());
        slow.await
    });
    let _ = has_moved.await;
    let quick = async {
        let outcome = step.run("quick", async { Ok(stage.effects.happen("quick")) }).await;
        // From here on the handler waits for Inngest alone.
        stage.door.open();
        outcome
    };
    let (task, (), quick) = tokio::join!(task, step.sleep("pause", SECOND), quick);
    quick?;
    task.expect("the task goes on").map(|_| "done")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_moves_to_a_task_after_it_has_begun_runs_once() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(moves_a_step_to_a_task))).await;
    assert_eq!(answer(&world).await, "done");
    assert_eq!(stage.effects.count("slow"), 1, "{:?}", stage.effects.all());
    world.ended().await;
    world.assert_clean();
}

#[inngest::api_fn(id = "between-changed", retries = 0)]
async fn changes_after_it_has_shared(
    State(stage): State<Stage>,
    step: Step,
) -> Result<&'static str, StepError> {
    if stage.effects.count("changed") == 0 {
        begin_to_share(&step).await;
        stage.effects.happen("changed");
        step.run("gone", async { Ok::<_, Failure>(()) }).await?;
    }
    step.sleep("other", SECOND).await;
    Ok("done")
}

/// What the stored order says is not there any more.
#[tokio::test]
async fn a_handler_that_has_changed_altogether_is_not_waited_for_for_ever() {
    let stage = Stage::new();
    let world = World::builder()
        .opts(|opts, url| opts.dev_server(url).replay_patience(Duration::from_millis(20)))
        .start(stage.app(post(changes_after_it_has_shared)))
        .await;
    assert_eq!(answer(&world).await, "done");
}

#[inngest::api_fn(id = "between-slow-chain", retries = 0)]
async fn chains_slow_work(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    let chain = async {
        for n in 0..4 {
            // Work that is no step, and takes its time.
            tokio::time::sleep(Duration::from_millis(300)).await;
            let _ = step.run(format!("chain {n}"), async { Ok::<_, Failure>(()) }).await;
        }
        stage.door.open();
        "chain"
    };
    let slow = async {
        let after_the_chain = async {
            stage.door.pass().await;
            Ok::<_, Failure>(())
        };
        let _ = step.run("slow", after_the_chain).await;
        "slow"
    };
    let mut both: FuturesUnordered<_> = [chain.boxed(), slow.boxed()].into_iter().collect();
    let mut order = Vec::new();
    while let Some(one) = both.next().await {
        order.push(one);
    }
    step.sleep("pause", SECOND).await;
    Ok(order.join(", "))
}

/// Each piece of work has the patience for itself.
#[tokio::test]
async fn patience_begins_anew_when_the_handler_comes_further() {
    let stage = Stage::new();
    let world = World::builder()
        .opts(|opts, url| opts.dev_server(url).replay_patience(Duration::from_secs(1)))
        .start(stage.app(post(chains_slow_work)))
        .await;
    assert_eq!(answer(&world).await, "chain, slow");
}
