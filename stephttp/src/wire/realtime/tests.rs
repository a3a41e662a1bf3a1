//! The stream's wire, beside what was recorded.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::*;
use crate::wire::{ApiResult, StepHash};

fn text(event: &impl SseEvent) -> String {
    let mut out = b"before".to_vec();
    event.write(&mut out).unwrap();
    String::from_utf8(out).unwrap().strip_prefix("before").unwrap().to_owned()
}

const A: &str = "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8";

#[test]
fn events_are_written_as_the_js_package_writes_them() {
    let run = "01M817QB1N98C1FRD955KWQZQ2";
    let step = StepHash::of("a");
    let metadata = text(&Metadata::new(run));
    assert_eq!(metadata, format!("event: inngest.metadata\ndata: {{\"runId\":\"{run}\"}}\n\n"));
    assert_eq!(
        text(&Stream::new("sync-data").of_step(step)),
        format!("event: inngest.stream\ndata: {{\"data\":\"sync-data\",\"hashedStepId\":\"{A}\"}}\n\n")
    );
    assert_eq!(text(&Stream::new(())), "event: inngest.stream\ndata: {\"data\":null}\n\n");
    let commit = text(&Commit::new(step));
    assert_eq!(commit, format!("event: inngest.commit\ndata: {{\"hashedStepId\":\"{A}\"}}\n\n"));
    let rollback = text(&Rollback::new(step));
    assert_eq!(rollback, format!("event: inngest.rollback\ndata: {{\"hashedStepId\":\"{A}\"}}\n\n"));
    let url = "http://127.0.0.1:8288/v1/realtime/sse?token=T";
    assert_eq!(
        text(&RedirectInfo::new(run, url)),
        format!("event: inngest.redirect_info\ndata: {{\"runId\":\"{run}\",\"url\":\"{url}\"}}\n\n")
    );
    let result = ApiResult::new(200).header("content-type", "application/json").body("{\"done\":1}");
    assert_eq!(
        text(&Response::new(Outcome::Succeeded, result)),
        "event: inngest.response\ndata: {\"status\":\"succeeded\",\"response\":{\"body\":\"{\\\"done\\\":1}\",\
         \"statusCode\":200,\"headers\":{\"content-type\":\"application/json\"}}}\n\n"
    );
}

#[test]
fn an_event_is_on_one_line() {
    let data = RawValue::from_string("{\r\n  \"a\": \"\\n\"\n}".to_owned()).unwrap();
    assert_eq!(text(&Stream::new(data)), "event: inngest.stream\ndata: {\"data\":{    \"a\": \"\\n\" }}\n\n");
    assert!(!text(&Stream::new("a\r\nb\u{2028}")).contains("a\r"));
}

#[test]
fn what_cannot_be_written_leaves_nothing() {
    let mut out = b"before".to_vec();
    let unwritable = BTreeMap::from([((1, 2), 3)]);
    assert!(Stream::new(unwritable).write(&mut out).is_err());
    assert_eq!(out, b"before");
}

#[test]
fn events_are_read() {
    let event = Event::read("inngest.stream", &format!("{{\"data\":[1],\"hashedStepId\":\"{A}\"}}")).unwrap();
    assert_eq!((event.name(), event.step()), ("inngest.stream", Some(StepHash::of("a"))));
    let Event::Commit(commit) = Event::read("inngest.commit", "{\"hashedStepId\":null}").unwrap() else {
        panic!("a commit")
    };
    assert_eq!(commit.hashed_step_id, None);
    let resume = Event::read("stephttp.resume", r#"{"runId":"01M8","url":"/stream"}"#).unwrap();
    assert_eq!(resume.name(), "stephttp.resume");
    assert!(matches!(Event::read("inngest.other", "{}"), Err(UnreadableEvent::Unknown(_))));
    let bad = "{\"hashedStepId\":\"a\"}";
    for (name, data) in [("inngest.metadata", "{}"), ("inngest.commit", bad), ("inngest.stream", "{")] {
        assert!(matches!(Event::read(name, data), Err(UnreadableEvent::Data { .. })), "{name} {data}");
    }
}
