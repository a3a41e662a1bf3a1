//! Waiting for events, and sending them.

use std::time::Duration;

use axum::extract::Path;
use axum::http::Method;
use axum::routing::post;
use futures_util::future::try_join_all;
use inngest::{Event, Step, StepError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{LONG, NAP};
use crate::scenario::{Deed, Expect, Scenario, event, scenario, scenario_at, visit};
use crate::stage::Effects;

pub(super) fn all() -> Vec<Scenario> {
    let told =
        || visit(Method::POST, "/tell").at_once().says("told").did(["before"]).shows(["before", "tell"]);
    vec![
        scenario::<received>(post(received))
            .when("wait", event("conformance/received", json!({ "amount": 990, "note": "Grüße 🦀" })))
            .says("conformance/received: 990 Grüße 🦀")
            .did(["before", "after"])
            .shows(["before | wait", "after"]),
        scenario::<timed_out>(post(timed_out)).says("nothing").did(["after"]).shows(["wait", "after"]),
        scenario::<filtered>(post(filtered))
            .when("wait", event("conformance/filtered", json!({ "n": 1, "order": "mine" })))
            .when("wait", event("conformance/filtered", json!({ "n": 2, "order": "another" })))
            .when("wait", event("conformance/filtered", json!({ "n": 3, "order": "mine" })))
            .says("3")
            .shows(["wait"]),
        scenario::<odd_data>(post(odd_data))
            .when(
                "wait",
                event("conformance/odd", json!({ "data": { "data": null }, "error": [1.5, "", {}], "n": 9_007_199_254_740_991_u64 })),
            )
            .says_json(json!({ "data": { "data": null }, "error": [1.5, "", {}], "n": 9_007_199_254_740_991_u64 }))
            .shows(["wait", "nap"]),
        scenario::<two_in_a_row>(post(two_in_a_row))
            .when("first", event("conformance/row-1", json!({ "n": 1 })))
            .when("second", event("conformance/row-2", json!({ "n": 2 })))
            .says("1 2")
            .did(["between"])
            .shows(["first", "between", "second"]),
        scenario_at::<both>("/{name}", post(both))
            .gets(visit(Method::POST, "/apart"))
            .when("a", event("conformance/apart-a", json!({ "n": 1 })))
            .when("b", event("conformance/apart-b", json!({ "n": 2 })))
            .says("1 2")
            .did(["after-a", "after-b", "last"])
            .shows(["a | b", "after-a | after-b", "last"])
.not_swept("the two events come at once in `events-both-at-the-same-time`, which is swept"),
        scenario_at::<both>("/{name}", post(both))
            .named("events-both-at-the-same-time")
            .gets(visit(Method::POST, "/both"))
            .when(
                "a",
                Deed::Together(vec![
                    event("conformance/both-a", json!({ "n": 1 })),
                    event("conformance/both-b", json!({ "n": 2 })),
                ]),
            )
            .says("1 2")
            .did(["after-a", "after-b", "last"])
            .shows(["a | b", "after-a | after-b", "last"]),
        burst(),
        scenario::<one_event_for_two_waits>(post(one_event_for_two_waits))
            .when("a", event("conformance/shared", json!({ "n": 7 })))
            .says("7 7")
            .did(["last"])
            .shows(["a | b", "last"]),
        scenario::<first_of_two>(post(first_of_two))
            .when("a", event("conformance/first-b", json!({ "n": 2 })))
            .when("more", event("conformance/first-a", json!({ "n": 1 })))
            .when("more", event("conformance/first-more", json!({ "n": 3 })))
            .says("b 3")
            .did(["won-b"])
            .shows(["a | b", "won-b", "more"]),
        scenario::<event_beats_sleep>(post(event_beats_sleep))
            .when("wait", event("conformance/beats", json!({ "n": 1 })))
            .says("event")
            .did(["after"])
            .shows(["wait | limit", "after"]),
        scenario::<sleep_beats_event>(post(sleep_beats_event))
            .says("limit")
            .did(["after"])
            .shows(["wait | limit", "after"]),
        scenario::<beside_a_run>(post(beside_a_run))
            .when("wait", event("conformance/beside", json!({ "n": 1 })))
            .says("1 work")
            .did(["work", "last"])
            .shows(["work | wait", "last"]),
        scenario::<beside_a_failure>(post(beside_a_failure))
            .when("wait", event("conformance/beside-failure", json!({ "n": 1 })))
            .says("1")
            .did(["flaky", "flaky", "last"])
            .shows(["flaky | wait", "last"]),
        scenario::<refused>(post(refused)).at_once().says("InvalidEventName InvalidExpression").did_and_shows(["after"]),
        scenario::<waits_for_another_run>(post(waits_for_another_run))
            .and::<tells>("/tell", post(tells))
            .when("wait", Deed::Visit(Box::new(told())))
            .says("1 2")
            .did(["after"])
            .shows(["wait", "wait-too", "after"]),
        scenario::<sends_later>(post(sends_later))
            .says("3 events")
            .did(["after"])
            .shows(["nap", "one", "more", "after"]),
    ]
}

/// So many branches wait for events that all come at once.
const BURST: usize = 8;

fn burst() -> Scenario {
    let each = |name: &str| (0..BURST).map(|n| format!("{name}-{n}")).collect::<Vec<_>>();
    let events = (0..BURST).map(|n| event(format!("conformance/burst-{n}"), json!({ "n": n })));
    let mut scenario = scenario::<bursts>(post(bursts));
    for wait in &each("wait")[1..] {
        scenario = scenario.when(wait, Deed::Together(Vec::new()));
    }
    scenario
        .when("wait-0", Deed::Together(events.collect()))
        .says("28")
        .did([each("after"), vec!["last".to_owned()]].concat())
        .shows([each("wait").join(" | "), each("after").join(" | "), "last".to_owned()])
        .not_swept("eight branches have some 500 places; `events-both-at-the-same-time` is the same with two")
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Number {
    n: u32,
}

#[derive(Deserialize)]
struct Settled {
    amount: u64,
    note: String,
}

#[inngest::api_fn(id = "events-received")]
async fn received(step: Step, effects: Effects) -> Result<String, StepError> {
    step.run("before", effects.does("before")).await?;
    let settled = step.wait_for_event::<Settled>("wait", "conformance/received").timeout(LONG).await?;
    step.run("after", effects.does("after")).await?;
    Ok(settled.map_or("nothing".to_owned(), |Event { name, data, .. }| {
        format!("{name}: {} {}", data.amount, data.note)
    }))
}

#[inngest::api_fn(id = "events-timed-out")]
async fn timed_out(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    let event = step.wait_for_event::<Value>("wait", "conformance/never").timeout(NAP).await?;
    step.run("after", effects.does("after")).await?;
    Ok(if event.is_some() { "something" } else { "nothing" })
}

#[inngest::api_fn(id = "events-filtered")]
async fn filtered(step: Step, _effects: Effects) -> Result<String, StepError> {
    let event = step
        .wait_for_event::<Number>("wait", "conformance/filtered")
        .matching("data.order", "mine")
        .filter("async.data.n > 1")
        .timeout(LONG)
        .await?;
    Ok(event.map_or("nothing".to_owned(), |event| event.data.n.to_string()))
}

/// Data that looks like what Inngest wraps values in.
#[inngest::api_fn(id = "events-odd-data")]
async fn odd_data(step: Step, _effects: Effects) -> Result<String, StepError> {
    let event = step.wait_for_event::<Value>("wait", "conformance/odd").timeout(LONG).await?;
    step.sleep("nap", Duration::from_millis(10)).await;
    let mut data = event.map_or(Value::Null, |event| event.data);
    // Inngest may add what it knows of its own.
    if let Some(data) = data.as_object_mut() {
        data.remove("_inngest");
    }
    Ok(data.to_string())
}

#[inngest::api_fn(id = "events-two-in-a-row")]
async fn two_in_a_row(step: Step, effects: Effects) -> Result<String, StepError> {
    let first = number(&step, "first", "conformance/row-1").await?;
    step.run("between", effects.does("between")).await?;
    let second = number(&step, "second", "conformance/row-2").await?;
    Ok(format!("{first} {second}"))
}

/// The number of an event; 0 when none comes.
async fn number(step: &Step, id: &'static str, name: &str) -> Result<u32, StepError> {
    let event = step.wait_for_event::<Number>(id, name).timeout(LONG).await?;
    Ok(event.map_or(0, |event| event.data.n))
}

#[inngest::api_fn(id = "events-both")]
async fn both(Path(name): Path<String>, step: Step, effects: Effects) -> Result<String, StepError> {
    let branch = async |id: &'static str| {
        let n = number(&step, id, &format!("conformance/{name}-{id}")).await?;
        step.run(format!("after-{id}"), effects.does(format!("after-{id}"))).await?;
        Ok::<_, StepError>(n)
    };
    let (a, b) = tokio::try_join!(branch("a"), branch("b"))?;
    step.run("last", effects.does("last")).await?;
    Ok(format!("{a} {b}"))
}

#[inngest::api_fn(id = "events-burst", retries = 3)]
async fn bursts(step: Step, effects: Effects) -> Result<String, StepError> {
    let branch = async |n: usize| {
        let name = format!("conformance/burst-{n}");
        let wait = step.wait_for_event::<Number>(format!("wait-{n}"), name).timeout(LONG);
        let event = wait.await?;
        step.run(format!("after-{n}"), effects.does(format!("after-{n}"))).await?;
        Ok::<_, StepError>(event.map_or(0, |event| event.data.n))
    };
    let numbers = try_join_all((0..BURST).map(branch)).await?;
    step.run("last", effects.does("last")).await?;
    Ok(numbers.into_iter().sum::<u32>().to_string())
}

#[inngest::api_fn(id = "events-one-for-two-waits")]
async fn one_event_for_two_waits(step: Step, effects: Effects) -> Result<String, StepError> {
    let (a, b) =
        tokio::try_join!(number(&step, "a", "conformance/shared"), number(&step, "b", "conformance/shared"))?;
    step.run("last", effects.does("last")).await?;
    Ok(format!("{a} {b}"))
}

/// The loser's event comes later, and changes nothing.
#[inngest::api_fn(id = "events-first-of-two")]
async fn first_of_two(step: Step, effects: Effects) -> Result<String, StepError> {
    let won = tokio::select! {
        a = number(&step, "a", "conformance/first-a") => a.map(|_| "a")?,
        b = number(&step, "b", "conformance/first-b") => b.map(|_| "b")?,
    };
    step.run(format!("won-{won}"), effects.does(format!("won-{won}"))).await?;
    let more = number(&step, "more", "conformance/first-more").await?;
    Ok(format!("{won} {more}"))
}

#[inngest::api_fn(id = "events-event-beats-sleep")]
async fn event_beats_sleep(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    let won = tokio::select! {
        () = step.sleep("limit", LONG) => "limit",
        n = number(&step, "wait", "conformance/beats") => n.map(|_| "event")?,
    };
    step.run("after", effects.does("after")).await?;
    Ok(won)
}

#[inngest::api_fn(id = "events-sleep-beats-event")]
async fn sleep_beats_event(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    let won = tokio::select! {
        () = step.sleep("limit", NAP) => "limit",
        n = number(&step, "wait", "conformance/beaten") => n.map(|_| "event")?,
    };
    step.run("after", effects.does("after")).await?;
    Ok(won)
}

#[inngest::api_fn(id = "events-beside-a-run")]
async fn beside_a_run(step: Step, effects: Effects) -> Result<String, StepError> {
    let (n, work) = tokio::try_join!(
        number(&step, "wait", "conformance/beside"),
        step.run("work", effects.gives("work", "work".to_owned())),
    )?;
    step.run("last", effects.does("last")).await?;
    Ok(format!("{n} {work}"))
}

#[inngest::api_fn(id = "events-beside-a-failure", retries = 3)]
async fn beside_a_failure(step: Step, effects: Effects) -> Result<String, StepError> {
    let (n, ()) = tokio::try_join!(
        number(&step, "wait", "conformance/beside-failure"),
        step.run("flaky", effects.fails(1, "flaky")),
    )?;
    step.run("last", effects.does("last")).await?;
    Ok(n.to_string())
}

/// What makes no sense is an error at once, and nothing waits for it.
#[inngest::api_fn(id = "events-refused")]
async fn refused(step: Step, effects: Effects) -> Result<String, StepError> {
    let name = step.wait_for_event::<Value>("no-name", "").await.unwrap_err();
    let filter =
        step.wait_for_event::<Value>("no-filter", "conformance/refused").filter("async.data.n >").await;
    step.run("after", effects.does("after")).await?;
    Ok(format!("{} {}", name.name(), filter.unwrap_err().name()))
}

#[inngest::api_fn(id = "events-waits-for-another-run", retries = 5)]
async fn waits_for_another_run(step: Step, effects: Effects) -> Result<String, StepError> {
    let (one, two) = tokio::try_join!(
        number(&step, "wait", "conformance/told"),
        number(&step, "wait-too", "conformance/told-too"),
    )?;
    step.run("after", effects.does("after")).await?;
    Ok(format!("{one} {two}"))
}

#[inngest::api_fn(id = "events-tells", retries = 5)]
async fn tells(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    step.run("before", effects.does("before")).await?;
    let events = [("conformance/told", 1), ("conformance/told-too", 2)];
    step.send_events("tell", events.map(|(name, n)| Event::new(name, Number { n })).to_vec()).await?;
    Ok("told")
}

/// Nobody waits for these.
#[inngest::api_fn(id = "events-sends-later", retries = 5)]
async fn sends_later(step: Step, effects: Effects) -> Result<String, StepError> {
    step.sleep("nap", NAP).await;
    let one = step.send_event("one", Event::new("conformance/sent", json!({ "n": 1 }))).await?;
    let more = [2, 3].map(|n| Event::new("conformance/sent", Number { n })).to_vec();
    let mut ids = step.send_events("more", more).await?;
    ids.push(one);
    step.run("after", effects.does("after")).await?;
    ids.sort();
    ids.dedup();
    Ok(format!("{} events", ids.len()))
}
