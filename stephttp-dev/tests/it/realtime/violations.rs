//! What is wrong with a stream.

use stephttp_dev::{DevServer, PartView, ViolationKind};

use super::*;

/// The violations of parts that are sent one after the other, of a run that goes on.
async fn wrong(parts: impl FnOnce(&str) -> Vec<String>) -> Vec<ViolationKind> {
    let scene = scene().await;
    for part in parts(&scene.run_id) {
        let path = format!("/v1/realtime/publish/tee?channel={}", scene.run_id);
        assert_eq!(scene.client.post(&path, part).await.status, 200);
    }
    scene.violations()
}

#[tokio::test]
async fn a_part_begins_with_its_metadata() {
    use ViolationKind::{MissingMetadata, WrongIds};
    assert_eq!(wrong(|run| vec![stream("a", "x") + &metadata(run)]).await, [MissingMetadata]);
    assert_eq!(wrong(|_| vec![response()]).await, [MissingMetadata]);
    assert_eq!(wrong(|_| vec![metadata(&new_id())]).await, [WrongIds]);
    // A comment is nothing.
    assert_eq!(wrong(|run| vec![format!(":\n\n{}", metadata(run))]).await, []);
}

#[tokio::test]
async fn an_event_can_be_read() {
    for unreadable in [
        "event: inngest.other\ndata: {}\n\n",
        "event: inngest.stream\ndata: {\n\n",
        "event: inngest.stream\ndata: {\"hashedStepId\":\"a\"}\n\n",
        "event: inngest.commit\ndata: {\"hashedStepId\":\"a\"}\n\n",
        "event:inngest.stream\ndata: {\"data\":1}\n\n",
        "event: inngest.stream\r\ndata: {\"data\":1}\r\n\n",
        "event: inngest.stream\n\n",
        "data: {\"data\":1}\n\n",
        "event: inngest.stream\ndata: {\"data\":\ndata: 1}\n\n",
        "event: inngest.stream\ndata: {\"data\":1}\n",
    ] {
        let kinds = wrong(|run| vec![metadata(run) + unreadable]).await;
        assert_eq!(kinds, [ViolationKind::UnreadableEvent], "{unreadable}");
    }
    let fine = "id: 1-2\nevent: inngest.stream\ndata: {\"data\":1}\n: a comment\n\n";
    assert_eq!(wrong(|run| vec![metadata(run) + fine]).await, []);
}

#[tokio::test]
async fn an_event_is_short_unless_it_is_the_response() {
    let long = "x".repeat(16 * 1024);
    assert_eq!(wrong(|run| vec![metadata(run) + &stream("a", &long)]).await, [ViolationKind::LongEvent]);
    let short = &long[..long.len() - 200];
    assert_eq!(wrong(|run| vec![metadata(run) + &stream("a", short)]).await, []);
    let result = ApiResult::new(200).body(long.as_str());
    let response = text(&Response::new(Outcome::Succeeded, result));
    assert_eq!(wrong(|run| vec![metadata(run) + &response]).await, []);
}

#[tokio::test]
async fn nothing_comes_after_the_response() {
    use ViolationKind::MisplacedEvent;
    let whole = |run: &str| metadata(run) + &response();
    for late in [stream("a", "x"), commit("a"), rollback("a")] {
        assert_eq!(wrong(|run| vec![whole(run) + &late]).await, [MisplacedEvent]);
        assert_eq!(wrong(|run| vec![whole(run), metadata(run) + &late]).await, [MisplacedEvent]);
    }
    assert_eq!(wrong(|run| vec![whole(run) + &response()]).await, [MisplacedEvent]);
    // Its sender may not have heard that it arrived.
    assert_eq!(wrong(|run| vec![whole(run), whole(run)]).await, []);
    let redirect = "event: inngest.redirect_info\ndata: {\"runId\":\"x\",\"url\":\"http://x\"}\n\n";
    assert_eq!(wrong(|run| vec![metadata(run) + redirect]).await, [MisplacedEvent]);
}

#[tokio::test]
async fn a_stream_after_the_response_of_a_lost_answer_is_no_mistake() {
    // The first re-entry publishes its response, and its answer is lost; the second does all again.
    let server = std::sync::Arc::new(DevServer::start().await.unwrap());
    let client = Client::new(&server);
    let app = App::start(move |reentry: Reentry| {
        let client = client.clone();
        async move {
            let run = reentry.run_id();
            let part = metadata(run) + &text(&Stream::new("x")) + &response();
            client.post(&format!("/v1/realtime/publish/tee?channel={run}"), part).await;
            if reentry.n == 1 { Answer::new(500, "lost") } else { result(200, "done") }
        }
    })
    .await;
    let client = Client::new(&server);
    let run_id = new_id();
    client.create(&report(&run_id, &app.domain, [sleep("s", "1s")])).await;
    server.wait_for_end(&run_id).await;
    assert_eq!(server.published(&run_id).len(), 2);
    let kinds = kinds(&server);
    assert!(!kinds.contains(&ViolationKind::MisplacedEvent), "{kinds:?}");
}

#[tokio::test]
async fn an_event_that_comes_in_pieces_can_be_torn_by_another_part() {
    let Scene { server, client, run_id, .. } = scene().await;
    let mut listener = Listener::open(&client, &server, &run_id).await;
    let mut one = Tee::open(&server, &run_id).await;
    let mut other = Tee::open(&server, &run_id).await;
    let begin = metadata(&run_id) + "event: inngest.stream\ndata: {\"data\":";
    one.send(&begin).await;
    assert_eq!(listener.heard(begin.len()).await, begin);
    let within = metadata(&run_id) + &stream("a", "x");
    other.send(&within).await;
    assert_eq!(listener.heard((begin.clone() + &within).len()).await, begin.clone() + &within);
    one.send("1}\n\n").await;
    assert!(one.end().await.starts_with("HTTP/1.1 200 "));
    assert!(other.end().await.starts_with("HTTP/1.1 200 "));
    // Each part by itself is whole.
    assert_eq!(server.published(&run_id).iter().map(|part| part.events.len()).sum::<usize>(), 4);
    assert_eq!(kinds(&server), [ViolationKind::TornEvent]);
}

#[tokio::test]
async fn parts_at_once_whose_chunks_are_whole_events_tear_nothing() {
    let Scene { server, client, run_id, .. } = scene().await;
    let mut listener = Listener::open(&client, &server, &run_id).await;
    let mut tees = [Tee::open(&server, &run_id).await, Tee::open(&server, &run_id).await];
    let mut bytes = 0;
    for tee in &mut tees {
        let first = metadata(&run_id);
        bytes += first.len();
        tee.send(first).await;
    }
    for n in 0..30 {
        for (tee, step) in tees.iter_mut().zip(["a", "b"]) {
            let chunk = stream(step, &format!("{n}{}", "x".repeat(14_000)));
            bytes += chunk.len();
            tee.send(chunk).await;
        }
    }
    for tee in tees {
        assert!(tee.end().await.starts_with("HTTP/1.1 200 "));
    }
    // None is broken, and each step's are in order.
    let heard = events(&listener.heard(bytes).await);
    assert_eq!(heard.len(), 62);
    for step in ["a", "b"] {
        let of_step = heard.iter().filter_map(|event| match event {
            Event::Stream(event) if event.hashed_step_id == Some(StepHash::of(step)) => {
                Some(event.data.get())
            }
            _ => None,
        });
        let numbers: Vec<_> = of_step.map(|data| data.trim_matches(['"', 'x']).to_owned()).collect();
        assert_eq!(numbers, (0..30).map(|n| n.to_string()).collect::<Vec<_>>());
    }
    server.assert_no_violations();
}

#[tokio::test]
async fn a_part_ends_before_its_reentrys_answer() {
    for ends in [true, false] {
        let server = std::sync::Arc::new(DevServer::start().await.unwrap());
        let published = std::sync::Arc::clone(&server);
        let open = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let kept = std::sync::Arc::clone(&open);
        let app = App::start(move |reentry: Reentry| {
            let (server, open) = (std::sync::Arc::clone(&published), std::sync::Arc::clone(&kept));
            async move {
                let run = reentry.run_id().to_owned();
                let mut tee = Tee::open(&server, &run).await;
                tee.send(metadata(&run) + &stream("b", "x") + &commit("b")).await;
                if ends {
                    tee.end().await;
                } else {
                    let came = |parts: &[PartView]| {
                        parts.get(reentry.n - 1).is_some_and(|part| part.events.len() == 3)
                    };
                    server.wait_for_published(&run, came).await;
                    open.lock().unwrap().push(tee);
                }
                if reentry.n == 1 { ops([step_run("b", 1)]) } else { result(200, "done") }
            }
        })
        .await;
        let client = Client::new(&server);
        let run_id = new_id();
        client.create(&report(&run_id, &app.domain, [sleep("s", "1s")])).await;
        server.wait_for_end(&run_id).await;
        let expected: &[_] = if ends { &[] } else { &[ViolationKind::UnfinishedPart; 2] };
        assert_eq!(kinds(&server), expected);
    }
}

#[tokio::test]
async fn a_step_whose_end_is_told_is_one_of_the_run() {
    for (told, expected) in [
        (commit("a"), None),
        (rollback("a"), None),
        (commit("other"), Some(ViolationKind::UnknownStep)),
        (rollback("other") + &rollback("other"), Some(ViolationKind::UnknownStep)),
    ] {
        let Scene { server, client, run_id, .. } = scene().await;
        let path = format!("/v1/realtime/publish/tee?channel={run_id}");
        client.post(&path, metadata(&run_id) + &told).await;
        // It may be reported later.
        server.assert_no_violations();
        server.release_dispatches();
        server.wait_for_end(&run_id).await;
        assert_eq!(kinds(&server), Vec::from_iter(expected), "{told}");
    }
}

#[tokio::test]
async fn a_part_is_of_a_run_that_is_there() {
    let Scene { server, client, .. } = scene().await;
    let unknown = new_id();
    let path = format!("/v1/realtime/publish/tee?channel={unknown}");
    assert_eq!(client.post(&path, metadata(&unknown)).await.status, 200);
    assert_eq!(kinds(&server), [ViolationKind::UnknownRun]);
}
