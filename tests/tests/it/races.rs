//! Races between steps are decided once: every later request of the run sees the same winner.

use std::time::Duration;

use axum::extract::State;
use axum::routing::post;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use inngest::{Failure, Step, StepError};
use stephttp_dev::RunStatus;
use stephttp_tests::{Stage, World};

/// Notes what a handler has seen, and fails when an earlier request of the run saw something else.
async fn saw(step: &Step, what: &str, seen: &str) -> Result<(), StepError> {
    let before = step.run(format!("saw {what}"), async { Ok::<_, Failure>(seen.to_owned()) }).await?;
    let agree = async { if before == seen { Ok(()) } else { Err(Failure::non_retriable("another order")) } };
    if before != seen {
        step.run(format!("disagreement: {before}, then {seen}"), agree).await
    } else {
        Ok(())
    }
}

#[inngest::api_fn(id = "races-two-sleeps")]
async fn two_sleeps(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    let branch = async |name: &'static str, seconds| {
        step.sleep(format!("sleep-{name}"), Duration::from_secs(seconds)).await;
        name
    };
    for round in 0..3 {
        // Not biased: each request polls in another order.
        let winner = tokio::select! {
            winner = branch("a", 10) => winner,
            winner = branch("b", 10) => winner,
            winner = branch("c", 60) => winner,
        };
        saw(&step, &format!("round {round}"), winner).await?;
        step.run(format!("after {round}"), async { Ok(stage.effects.happen(format!("after {round}"))) })
            .await?;
        step.sleep(format!("pause {round}"), Duration::from_secs(30)).await;
    }
    Ok("decided".to_owned())
}

/// Two of the three end in the same instant, and the loser of the first round wakes up in later
/// ones.
#[tokio::test]
async fn the_winner_of_a_race_between_sleeps_never_changes() {
    for _ in 0..20 {
        let stage = Stage::new();
        let world = World::of(stage.app(post(two_sleeps))).await;
        let response = world.post("/").send().await.unwrap();
        assert_eq!(world.follow(response).await.text().await.unwrap(), "decided");
        assert_eq!(world.ended().await.status, RunStatus::Completed);
        let mut all = stage.effects.all();
        all.dedup();
        assert_eq!(all, ["after 0", "after 1", "after 2"]);
        world.assert_clean();
    }
}

#[inngest::api_fn(id = "races-as-they-end")]
async fn as_they_end(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    let slow = |name: &'static str, turns: usize| {
        let effects = stage.effects.clone();
        step.run(name, async move {
            for _ in 0..turns {
                tokio::task::yield_now().await;
            }
            effects.happen(name);
            Ok::<_, Failure>(name.to_owned())
        })
    };
    // The last to begin is the first to end.
    let mut ending: FuturesUnordered<_> = [slow("a", 9), slow("b", 6), slow("c", 3)].into_iter().collect();
    let mut seen = Vec::new();
    while let Some(name) = ending.next().await {
        seen.push(name?);
        saw(&step, &format!("{}", seen.len()), &seen.join(" ")).await?;
        step.sleep(format!("pause {}", seen.len()), Duration::from_secs(1)).await;
    }
    Ok(seen.join(" "))
}

#[tokio::test]
async fn results_come_in_the_order_in_which_they_first_came() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(as_they_end))).await;
    let response = world.post("/").send().await.unwrap();
    let seen = world.follow(response).await.text().await.unwrap();
    let run = world.ended().await;
    assert_eq!(run.status, RunStatus::Completed, "{run:#?}");
    assert_eq!(seen.split(' ').count(), 3);
    // Which is not the order in which they would come if all of them were there.
    assert_eq!(&seen[..1], "c");
    assert_eq!(stage.effects.all(), ["c", "b", "a"]);
    world.assert_clean();
}

#[inngest::api_fn(id = "races-same-ids")]
async fn same_ids(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    let draw = async |branch: &str| {
        let drawn = stage.effects.happen("draw");
        Ok::<_, Failure>(format!("{branch}{drawn}"))
    };
    const DRAW: &str = "draw";
    let branch = async |name: &str| {
        let first = step.run(DRAW, draw(name)).await?;
        step.sleep("pause", Duration::from_secs(1)).await;
        let second = step.run(DRAW, draw(name)).await?;
        Ok::<_, StepError>(format!("{first} {second}"))
    };
    let (x, y) = tokio::try_join!(branch("x"), branch("y"))?;
    saw(&step, "both", &format!("{x} {y}")).await?;
    step.sleep("end", Duration::from_secs(1)).await;
    saw(&step, "both again", &format!("{x} {y}")).await?;
    Ok(format!("{x} {y}"))
}

/// Each branch gets its own results, although both use the same ids.
#[tokio::test]
async fn ids_that_branches_share_stay_with_their_branch() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(same_ids))).await;
    let response = world.post("/").send().await.unwrap();
    let answer = world.follow(response).await.text().await.unwrap();
    let drawn: Vec<&str> = answer.split(' ').collect();
    assert_eq!(drawn[..2].iter().map(|drawn| &drawn[..1]).collect::<String>(), "xx", "{answer}");
    assert_eq!(drawn[2..].iter().map(|drawn| &drawn[..1]).collect::<String>(), "yy", "{answer}");
    assert_eq!(stage.effects.count("draw"), 4);
    world.ended().await;
    world.assert_clean();
}

#[inngest::api_fn(id = "races-run-against-sleep")]
async fn run_against_sleep(State(stage): State<Stage>, step: Step) -> Result<&'static str, StepError> {
    let work = async |name: &'static str| {
        step.run(name, async { Ok(stage.effects.happen(name)) }).await?;
        step.run("then", async { Ok(stage.effects.happen("then")) }).await?;
        Ok::<_, StepError>("work")
    };
    let winner = tokio::select! {
        winner = work("work") => winner?,
        () = step.sleep("deadline", Duration::from_secs(5)) => "deadline",
    };
    step.sleep("pause", Duration::from_secs(60)).await;
    saw(&step, "winner", winner).await?;
    Ok(winner)
}

/// What runs in the process wins against what Inngest would have to be asked for; nothing is asked.
#[tokio::test]
async fn a_step_that_ends_wins_against_a_sleep() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(run_against_sleep))).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "work");
    let run = world.ended().await;
    assert!(run.step("deadline").is_none(), "{run:#?}");
    assert_eq!(stage.effects.all(), ["work", "then"]);
    world.assert_clean();
}

#[inngest::api_fn(id = "races-timeout")]
async fn gives_up(State(stage): State<Stage>, step: Step) -> Result<String, StepError> {
    let slow = step.run("slow", async {
        if stage.effects.happen("slow begins") == 1 {
            std::future::pending::<()>().await;
        }
        Ok(stage.effects.happen("slow ends"))
    });
    let chosen = match tokio::time::timeout(Duration::from_millis(20), slow).await {
        Ok(_) => "slow",
        Err(_) => step.run("fast", async { Ok("fast".to_owned()) }).await.map(|_| "fast")?,
    };
    step.sleep("pause", Duration::from_secs(60)).await;
    saw(&step, "choice", chosen).await?;
    step.sleep("another", Duration::from_secs(60)).await;
    saw(&step, "choice again", chosen).await?;
    Ok(chosen.to_owned())
}

/// In a later request the step would be quick; it is not even begun.
#[tokio::test]
async fn a_step_that_was_given_up_is_given_up_for_ever() {
    let stage = Stage::new();
    let world = World::of(stage.app(post(gives_up))).await;
    let response = world.post("/").send().await.unwrap();
    assert_eq!(world.follow(response).await.text().await.unwrap(), "fast");
    assert_eq!(stage.effects.all(), ["slow begins"]);
    world.ended().await;
    world.assert_clean();
}
