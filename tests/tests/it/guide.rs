//! What the guide's page `combining` says that its examples cost, counted.

mod as_they_come;
mod beside;
mod deadline;
mod fan_out;
mod race;
mod reminder;
mod time_limit;

use std::ops::RangeInclusive;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::{MethodRouter, post};
use futures_util::future::try_join_all;
use inngest::{Failure, Step, StepError};
use reqwest::Response;
use serde_json::{Value, json};
use stephttp_dev::{Call, Clock, RunStatus};
use stephttp_tests::{Effects, World};

const PAGE: &str = include_str!("../../../stephttp/src/guide/combining.md");

/// Calls of four branches that wake up together.
const TOGETHER: RangeInclusive<usize> = 12..=20;

const DAY: Duration = Duration::from_secs(86_400);

/// A request, in a world whose time stands still unless it is moved.
async fn requested(route: MethodRouter<Effects>) -> (World, Response) {
    let app = Router::new().route("/{id}", route).with_state(Effects::new());
    let world = World::builder().inngest(|engine| engine.clock(Clock::Manual)).start(app).await;
    let response = world.post("/o-1").send().await.unwrap();
    (world, response)
}

/// The answer that its client gets at last, of a run that ends well.
async fn answer(world: &World, response: Response) -> (usize, String) {
    let redirects = usize::from(response.status() == 303);
    let response = if redirects == 1 { world.follow(response).await } else { response };
    assert_eq!(response.status(), 200);
    let answer = response.text().await.unwrap();
    assert_eq!(world.ended().await.status, RunStatus::Completed);
    world.assert_clean();
    (redirects, answer)
}

/// The calls to Inngest of a run that is over, and its re-entries. Who asks for the output is not
/// counted: the client, or the output route for it.
fn counts(world: &World) -> (usize, usize) {
    let calls = world.inngest.calls();
    let made = calls.iter().filter(|call| call.kind != Call::Output).count();
    (made, world.inngest.dispatches().len())
}

/// The page has this row.
#[track_caller]
fn says(what: &str, calls: impl Into<Count>, redirects: usize, re_entries: impl Into<Count>) {
    let row = format!("| {what} | {} | {redirects} | {} |", calls.into().0, re_entries.into().0);
    assert!(PAGE.lines().any(|line| line == row), "the page has no such row:\n{row}");
}

/// How a number, or a range of numbers, is written.
struct Count(String);

impl From<usize> for Count {
    fn from(n: usize) -> Self {
        Self(n.to_string())
    }
}

impl From<RangeInclusive<usize>> for Count {
    fn from(range: RangeInclusive<usize>) -> Self {
        Self(format!("{} to {}", range.start(), range.end()))
    }
}

#[test]
fn the_page_shows_what_is_counted() {
    let sources = [
        include_str!("guide/as_they_come.rs"),
        include_str!("guide/beside.rs"),
        include_str!("guide/deadline.rs"),
        include_str!("guide/fan_out.rs"),
        include_str!("guide/race.rs"),
        include_str!("guide/reminder.rs"),
        include_str!("guide/time_limit.rs"),
    ];
    for source in sources {
        let (example, _) = source.split_once("\n// What follows is the test's.").unwrap();
        assert!(
            PAGE.contains(&format!("```rust\n{example}```\n")),
            "the page does not have this:\n{example}"
        );
    }
}

#[tokio::test]
async fn what_ends_in_its_first_request_costs_one_call() {
    let routes = [
        (fan_out::route(), &["from 500"][..], "fan-out of steps"),
        (as_they_come::route(), &["[500, 500]"], "the first two of three steps"),
        (race::route(), &["1.03", "1.07"], "race of two steps"),
        (time_limit::route(), &["990"], "a step within a time limit"),
    ];
    for (route, answers, what) in routes {
        let (world, response) = requested(route).await;
        let (redirects, answer) = answer(&world, response).await;
        assert!(answers.contains(&answer.as_str()), "{what}: {answer}");
        let (calls, re_entries) = counts(&world);
        says(what, calls, redirects, re_entries);
        assert_eq!((calls, redirects, re_entries), (1, 0, 0));
    }
}

#[inngest::api_fn(id = "guide-sequence")]
async fn sequence(step: Step) -> Result<&'static str, StepError> {
    step.run("before", async { Ok(()) }).await?;
    step.sleep("pause", DAY).await;
    step.run("after-1", async { Ok(()) }).await?;
    step.run("after-2", async { Ok(()) }).await?;
    Ok("done")
}

#[inngest::api_fn(id = "guide-flaky")]
async fn one_fails_once(State(effects): State<Effects>, step: Step) -> Result<&'static str, StepError> {
    let parts = (0..20).map(|n| {
        let effects = effects.clone();
        step.run(format!("part-{n}"), async move {
            let is_first = effects.happen(format!("part-{n}")) == 1;
            if n == 7 && is_first { Err(Failure::new("not yet")) } else { Ok(()) }
        })
    });
    try_join_all(parts).await?;
    Ok("done")
}

#[inngest::api_fn(id = "guide-branches")]
async fn branches(step: Step) -> Result<&'static str, StepError> {
    let branch = async |n: u32| {
        step.sleep(format!("pause-{n}"), DAY).await;
        step.run(format!("part-{n}"), async { Ok::<_, Failure>(()) }).await
    };
    try_join_all((0..4).map(branch)).await?;
    Ok("done")
}

#[inngest::api_fn(id = "guide-days")]
async fn branches_of_other_days(step: Step) -> Result<&'static str, StepError> {
    let branch = async |n: u32| {
        step.sleep(format!("pause-{n}"), n * DAY).await;
        step.run(format!("part-{n}"), async { Ok::<_, Failure>(()) }).await
    };
    try_join_all((1..=4).map(branch)).await?;
    Ok("done")
}

#[tokio::test]
async fn what_waits_costs_a_redirect_and_its_reentries() {
    let routes = [
        (post(sequence), "a step, a sleep, two steps", (3, 1)),
        (post(one_fails_once), "fan-out of 20 steps, of which one fails once", (3, 2)),
        (post(branches_of_other_days), "four branches, whose sleeps end one after the other", (30, 4)),
    ];
    for (route, what, counted) in routes {
        let (world, response) = requested(route).await;
        world.inngest.advance(5 * DAY).await;
        let (redirects, _) = answer(&world, response).await;
        assert_eq!(counts(&world), counted, "{what}");
        says(what, counted.0, redirects, counted.1);
    }
}

/// Who wins what depends on which re-entry is how fast.
#[tokio::test]
async fn branches_that_wake_up_together_cost_about_as_much() {
    let (world, response) = requested(post(branches)).await;
    world.inngest.advance(DAY).await;
    let (redirects, _) = answer(&world, response).await;
    let (calls, re_entries) = counts(&world);
    assert!(TOGETHER.contains(&calls) && re_entries == 4, "{calls} calls, {re_entries} re-entries");
    says("four branches, whose sleeps end together", TOGETHER, redirects, 4);
}

/// A run, what comes for it after how much time, what its client gets, and what it costs.
struct Story {
    what: &'static str,
    route: MethodRouter<Effects>,
    after: Duration,
    event: Option<(&'static str, Value)>,
    answers: &'static str,
    calls: usize,
    re_entries: usize,
}

#[tokio::test]
async fn what_waits_for_one_of_several_costs_claims() {
    let (now, delivered) = (Duration::from_secs(1), json!({ "parcel": "o-1" }));
    let decided = || Some(("expense/decided", json!({ "expense": "o-1", "by": "Ada" })));
    let stories = [
        Story {
            what: "a wait beside a step",
            route: beside::route(),
            after: now,
            event: Some(("shop/paid", json!({ "order": "o-1", "cents": 7 }))),
            answers: "7 cents",
            calls: 10,
            re_entries: 2,
        },
        Story {
            what: "a deadline that is met",
            route: deadline::route(),
            after: now,
            event: Some(("courier/delivered", delivered)),
            answers: "delivered",
            calls: 6,
            re_entries: 1,
        },
        Story {
            what: "a deadline that is missed",
            route: deadline::route(),
            after: 3 * DAY,
            event: None,
            answers: "too late",
            calls: 8,
            re_entries: 1,
        },
        Story {
            what: "an approval before the first reminder",
            route: reminder::route(),
            after: now,
            event: decided(),
            answers: "Ada",
            calls: 6,
            re_entries: 1,
        },
        Story {
            what: "an approval after one reminder",
            route: reminder::route(),
            after: 4 * DAY,
            event: decided(),
            answers: "Ada",
            calls: 18,
            re_entries: 4,
        },
        Story {
            what: "no approval, after two reminders",
            route: reminder::route(),
            after: 7 * DAY,
            event: None,
            answers: "nobody",
            calls: 26,
            re_entries: 5,
        },
    ];
    for Story { what, route, after, event, answers, calls, re_entries } in stories {
        let (world, response) = requested(route).await;
        world.inngest.advance(after).await;
        if let Some((name, data)) = event {
            world.inngest.send_event(name, data);
        }
        let (redirects, text) = answer(&world, response).await;
        assert_eq!(text, answers, "{what}");
        assert_eq!(counts(&world), (calls, re_entries), "{what}");
        says(what, calls, redirects, re_entries);
    }
}

#[inngest::api_fn(id = "guide-wait-after")]
async fn wait_after_a_step(step: Step) -> Result<&'static str, StepError> {
    step.run("ask", async { Ok(()) }).await?;
    let answer = step.wait_for_event::<Value>("answer", "shop/answered").timeout(DAY).await?;
    Ok(if answer.is_some() { "answered" } else { "too late" })
}

#[tokio::test]
async fn a_wait_by_itself_needs_no_claims() {
    let (world, response) = requested(post(wait_after_a_step)).await;
    world.inngest.send_event("shop/answered", json!({}));
    let (redirects, answer) = answer(&world, response).await;
    assert_eq!((answer.as_str(), counts(&world)), ("answered", (2, 1)));
    says("a wait after a step", 2_usize, redirects, 1_usize);
}

#[inngest::api_fn(id = "guide-sleep-beside-work")]
async fn sleep_beside_work(step: Step) -> Result<&'static str, StepError> {
    let work = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        Ok(())
    };
    tokio::select! {
        worked = step.run("work", work) => worked.map(|()| "worked"),
        () = step.sleep("deadline", Duration::from_millis(1)) => Ok("too late"),
    }
}

/// The page says so of deadlines.
#[tokio::test]
async fn a_sleep_ends_no_step() {
    let (world, response) = requested(post(sleep_beside_work)).await;
    assert_eq!(answer(&world, response).await, (0, "worked".to_owned()));
}
