//! What JS's package published and its clients heard, as it was recorded from the real server.

use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Case {
    case: String,
    /// The first request's own part; empty where its client did not ask for events.
    direct: String,
    parts: Vec<RecordedPart>,
    /// What a subscriber got, where one was there from the beginning.
    heard: Option<String>,
}

#[derive(Deserialize)]
struct RecordedPart {
    run: String,
    body: String,
    ended: bool,
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("../recordings/js-streams.json")).unwrap()
}

#[tokio::test]
async fn what_js_published_comes_out_byte_for_byte() {
    let mut heard = 0;
    for case in cases().into_iter().filter(|case| !case.parts.is_empty()) {
        let run_id = case.parts[0].run.clone();
        let Scene { server, client, .. } =
            Scene::with(App::answering([result(200, "done")]).await, |domain, _| {
                report(&run_id, domain, [step_run("a", 1)])
            })
            .await;
        let mut listener = Listener::open(&client, &server, &run_id).await;
        let mut open = Vec::new();
        for part in &case.parts {
            let mut tee = Tee::open(&server, &run_id).await;
            tee.send(&part.body).await;
            if part.ended {
                assert!(tee.end().await.starts_with("HTTP/1.1 200 "), "{}", case.case);
            } else {
                let came = |parts: &[stephttp_dev::PartView]| {
                    parts.last().is_some_and(|last| last.bytes == part.body.len())
                };
                server.wait_for_published(&run_id, came).await;
                open.push(tee);
            }
        }
        let sent: String = case.parts.iter().map(|part| part.body.as_str()).collect();
        assert_eq!(listener.heard(sent.len()).await, sent, "{}", case.case);
        if let Some(recorded) = case.heard {
            assert_eq!(listener.text, recorded, "{}", case.case);
            heard += 1;
        }
        // All of it can be read, and nothing is wrong but that two parts were not ended, of which
        // the engine hears nothing here: there are no re-entries.
        let read: usize = server.published(&run_id).iter().map(|part| part.events.len()).sum();
        assert_eq!(read, events(&sent).len(), "{}", case.case);
        server.assert_no_violations();
    }
    assert_eq!(heard, 4);
}

#[test]
fn recorded_events_are_written_as_they_were_read() {
    let mut texts = 0;
    for case in cases() {
        let parts = case.parts.iter().map(|part| part.body.as_str());
        for recorded in parts.chain([case.direct.as_str()]).filter(|recorded| !recorded.is_empty()) {
            let written: String = events(recorded)
                .iter()
                .map(|event| match event {
                    Event::Metadata(event) => text(event),
                    Event::Stream(event) => text(event),
                    Event::Commit(event) => text(event),
                    Event::Rollback(event) => text(event),
                    Event::RedirectInfo(event) => text(event),
                    Event::Response(event) => text(event),
                    other => panic!("{other:?}"),
                })
                .collect();
            assert_eq!(written, recorded, "{}", case.case);
            texts += 1;
        }
    }
    assert_eq!(texts, 19);
}
