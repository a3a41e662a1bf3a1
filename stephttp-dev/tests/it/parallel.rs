//! Several things outstanding at once: docs/protocol.md 8.

use std::sync::Arc;

use serde_json::json;
use stephttp_dev::{DevServer, RunStatus, ViolationKind};
use tokio::sync::Barrier;

use crate::support::*;

/// An app that answers a targeted re-entry with the step that it names, and others as `discovery`
/// says.
async fn planner(
    names: &'static [&'static str],
    discovery: impl Fn(&Reentry) -> Answer + Clone + Send + Sync + 'static,
) -> App {
    App::start(move |reentry: Reentry| {
        let named = reentry.step().and_then(|step| names.iter().find(|name| hash(name) == step));
        let answer = named.map_or_else(|| discovery(&reentry), |name| ops([step_run(name, *name)]));
        async move { answer }
    })
    .await
}

fn targets(app: &App) -> Vec<Option<String>> {
    app.seen().iter().map(|reentry| reentry.step().map(str::to_owned)).collect()
}

// docs/protocol.md 8.1: planned by a checkpoint, so a discovery after each
#[tokio::test]
async fn steps_planned_by_a_checkpoint_are_not_known_to_belong_together() {
    let server = DevServer::start().await.unwrap();
    let client = Client::new(&server);
    // The discoveries answer `[]` until both are done, so that each of them is seen.
    let both = Arc::new(Barrier::new(2));
    let app = App::start(move |reentry: Reentry| {
        let both = Arc::clone(&both);
        async move {
            match reentry.step() {
                Some(step) => {
                    both.wait().await;
                    let name = if step == hash("p1") { "p1" } else { "p2" };
                    ops([step_run(name, 1)])
                }
                None => {
                    both.wait().await;
                    result(200, "x")
                }
            }
        }
    })
    .await;
    let run_id = new_id();
    client.create(&report(&run_id, &app.domain, [planned("p1"), planned("p2")])).await;
    let run = server.wait_for_end(&run_id).await;
    server.idle().await;
    assert_eq!(run.status, RunStatus::Completed);
    let mut seen = targets(&app);
    seen[..2].sort();
    let mut expected = vec![Some(hash("p1")), Some(hash("p2"))];
    expected.sort();
    assert_eq!(seen, [expected, vec![None, None]].concat());
    let forced: Vec<_> =
        app.seen()[..2].iter().map(|r| r.header("x-inngest-force-step-plan").is_some()).collect();
    assert_eq!(forced, [true, true]);
    assert_eq!(app.seen()[3].header("x-inngest-force-step-plan"), None);
    server.assert_no_violations();
}

// docs/protocol.md 8.1: planned in a re-entry, so one discovery after both
#[tokio::test]
async fn steps_planned_in_a_re_entry_are_waited_for_together() {
    let app = planner(&["p1", "p2"], |reentry| match reentry.n {
        1 => ops([planned("p1"), planned("p2")]),
        _ => result(200, "x"),
    })
    .await;
    let scene = Scene::with(app, |domain, run_id| report(run_id, domain, [sleep("s", "1s")])).await;
    let run = scene.server.wait_for_end(&scene.run_id).await;
    scene.server.idle().await;
    assert_eq!(run.steps.len(), 3);
    let seen = targets(&scene.app);
    assert_eq!((seen.len(), &seen[0], &seen[3]), (4, &None, &None));
    scene.server.assert_no_violations();
}

// docs/protocol.md 8.1: reporting what is open again makes the rest belong together
#[tokio::test]
async fn what_a_discovery_reports_again_is_waited_for_together() {
    let server = Arc::new(DevServer::start().await.unwrap());
    let client = Client::new(&server);
    let watched = Arc::clone(&server);
    let app = App::start(move |reentry: Reentry| {
        let server = Arc::clone(&watched);
        async move {
            match ["p1", "p2", "p3"].into_iter().find(|name| reentry.step() == Some(hash(name).as_str())) {
                Some("p1") => ops([step_run("p1", 1)]),
                // The slow ones end only when the discovery after p1 has said that both are open.
                Some(name) => {
                    server.wait_for_answer(4).await;
                    ops([step_run(name, 1)])
                }
                None if reentry.n == 4 => ops([planned("p2"), planned("p3")]),
                None => result(200, "x"),
            }
        }
    })
    .await;
    let run_id = new_id();
    client.create(&report(&run_id, &app.domain, [planned("p1"), planned("p2"), planned("p3")])).await;
    server.wait_for_end(&run_id).await;
    server.idle().await;
    assert_eq!(targets(&app)[3..], [None, None]);
    server.assert_no_violations();
}

// docs/protocol.md 8.2
#[tokio::test]
async fn a_single_step_can_be_planned() {
    for first in [sleep("s", "1s"), planned("b")] {
        let app = planner(&["b"], |reentry| match reentry.n {
            1 => ops([planned("b")]),
            _ => result(200, "x"),
        })
        .await;
        let scene = Scene::with(app, |domain, run_id| report(run_id, domain, [first])).await;
        scene.server.wait_for_end(&scene.run_id).await;
        assert_eq!(targets(&scene.app).iter().flatten().count(), 1);
        scene.server.assert_no_violations();
    }
}

// docs/protocol.md 8.1: two finished steps, two re-entries, and planning forced
#[tokio::test]
async fn two_finished_steps_in_one_answer_are_two_re_entries() {
    let both = Arc::new(Barrier::new(2));
    let app = App::start(move |reentry: Reentry| {
        let both = Arc::clone(&both);
        async move {
            if reentry.n == 1 {
                return ops([step_run("b", 1), step_run("c", 2)]);
            }
            both.wait().await;
            result(200, "x")
        }
    })
    .await;
    let scene = Scene::with(app, |domain, run_id| report(run_id, domain, [sleep("s", "1s")])).await;
    scene.server.wait_for_end(&scene.run_id).await;
    scene.server.idle().await;
    let seen = scene.app.seen();
    assert_eq!(seen.len(), 3);
    assert!(seen[1..].iter().all(|reentry| reentry.header("x-inngest-force-step-plan") == Some("true")));
    scene.server.assert_no_violations();
}

// docs/protocol.md 8.1: one re-entry, after the sleep
#[tokio::test]
async fn a_step_beside_a_sleep_waits_for_it() {
    let scene =
        Scene::new([sleep("s", "1s")], [ops([step_run("b", 1), sleep("t", "1h")]), result(200, "")]).await;
    scene.server.wait_for_end(&scene.run_id).await;
    let dispatches = scene.server.dispatches();
    assert_eq!(dispatches.len(), 2);
    assert_eq!(dispatches[1].at.duration_since(dispatches[0].at).unwrap().as_secs(), 3_600);
    scene.server.assert_no_violations();
}

// docs/protocol.md 8.1: two waits planned together
#[tokio::test]
async fn each_of_two_waits_is_re_entered_for() {
    for open in ["[]".to_owned(), json!([sleep("late", "6s")]).to_string()] {
        let app = App::answering([Answer::new(206, open), result(200, "x")]).await;
        let steps = [sleep("early", "1s"), sleep("late", "6s")];
        let scene = Scene::with(app, |domain, run_id| report(run_id, domain, steps)).await;
        scene.server.wait_for_end(&scene.run_id).await;
        let dispatches = scene.server.dispatches();
        assert_eq!(dispatches.len(), 2);
        assert_eq!(dispatches[1].at.duration_since(dispatches[0].at).unwrap().as_secs(), 5);
        scene.server.assert_no_violations();
    }
}

#[tokio::test]
async fn a_result_at_the_first_of_two_waits_drops_the_second() {
    let scene = Scene::new([sleep("early", "1s"), sleep("late", "6s")], [result(200, "x")]).await;
    let run = scene.server.wait_for_end(&scene.run_id).await;
    scene.server.idle().await;
    assert_eq!((scene.app.seen().len(), run.outstanding), (1, 0));
    scene.server.assert_no_violations();
}

// docs/protocol.md 8.1: two sleeps end in one instant. Both re-entries are under way at once, and
// both sleeps are over
#[tokio::test]
async fn sleeps_that_end_in_one_instant_are_dispatched_at_once() {
    let server = DevServer::start().await.unwrap();
    let client = Client::new(&server);
    let both = Arc::new(Barrier::new(2));
    let looker = client.clone();
    let app = App::start(move |reentry: Reentry| {
        let (client, both) = (looker.clone(), Arc::clone(&both));
        async move {
            if reentry.n > 2 {
                return match reentry.step() {
                    Some(step) => ops([step_run(if step == hash("A") { "A" } else { "B" }, 1)]),
                    None => result(200, "x"),
                };
            }
            // Would wait for ever if they came one after the other.
            both.wait().await;
            let state = client.actions(reentry.run_id()).await.json();
            assert_eq!(state, json!({hash("s1"): null, hash("s2"): null}));
            ops([planned("A"), planned("B")])
        }
    })
    .await;
    let run_id = new_id();
    client.create(&report(&run_id, &app.domain, [sleep("s1", "1s"), sleep("s2", "1s")])).await;
    let run = server.wait_for_end(&run_id).await;
    server.idle().await;
    // Both plan the same steps; each is named once, and one discovery comes after both.
    assert_eq!(targets(&app).iter().flatten().count(), 2);
    assert_eq!(app.seen().len(), 5);
    assert_eq!(run.steps.iter().map(|step| step.attempts).sum::<u32>(), 2);
    server.assert_no_violations();
}

// docs/protocol.md 8.1: a result while a sibling is executing
#[tokio::test]
async fn a_result_while_a_sibling_runs_ends_the_run_and_is_nobodys_mistake() {
    let slow = Arc::new(tokio::sync::Notify::new());
    let server = DevServer::start().await.unwrap();
    let client = Client::new(&server);
    let (release, saver) = (Arc::clone(&slow), client.clone());
    let app = App::start(move |reentry: Reentry| {
        let (slow, client) = (Arc::clone(&slow), saver.clone());
        async move {
            match reentry.step() {
                Some(step) if step == hash("p1") => ops([step_run("p1", 1)]),
                Some(_) => {
                    slow.notified().await;
                    assert_eq!(client.save(&reentry, [step_run("p2", 2)]).await.status, 409);
                    ops([step_run("p2", 2)])
                }
                None => result(200, "x"),
            }
        }
    })
    .await;
    let run_id = new_id();
    client.create(&report(&run_id, &app.domain, [planned("p1"), planned("p2")])).await;
    let run = server.wait_for_end(&run_id).await;
    assert_eq!((run.status, run.outstanding), (RunStatus::Completed, 0));
    release.notify_one();
    server.idle().await;
    server.assert_no_violations();
}

// docs/protocol.md 8.2: a discovery runs what its planned re-entry is running
#[tokio::test]
async fn a_step_that_runs_twice_is_noted() {
    let app = planner(&["p1", "p2"], |reentry| match reentry.n {
        1 => ops([planned("p1"), planned("p2")]),
        _ => result(200, "x"),
    })
    .await;
    let scene = Scene::with(app, |domain, run_id| report(run_id, domain, [sleep("s", "1s")])).await;
    scene.server.wait_for_end(&scene.run_id).await;
    scene.server.assert_no_violations();

    let app = App::start(|reentry: Reentry| async move {
        match (reentry.n, reentry.step()) {
            (_, Some(_)) => ops([step_run("p", 1)]),
            (1, None) => ops([planned("p"), step_run("p", 1)]),
            _ => result(200, "x"),
        }
    })
    .await;
    let scene = Scene::with(app, |domain, run_id| report(run_id, domain, [sleep("s", "1s")])).await;
    scene.server.wait_for_end(&scene.run_id).await;
    scene.server.idle().await;
    assert_eq!(scene.violations(), [ViolationKind::StepRanTwice]);
}
