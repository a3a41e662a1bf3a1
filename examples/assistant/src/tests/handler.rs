//! Answers, without a browser.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use inngest::{Live, Step};
use serde_json::{Value, json};

use super::World;
use crate::answer::{Answer, Progress, Question, answer};
use crate::client::{Happening, Reading};
use crate::model::{Fake, Model, Pace};

/// Without a server.
async fn detached(step: Step) -> (Answer, Vec<Value>) {
    let live = Live::detached();
    let model = Model::Fake(Fake::new(Pace::After(Duration::ZERO), 0));
    let question = Question { question: "Why?".to_owned() };
    let Json(answer) = answer(State(model), step, live.clone(), Json(question)).await.unwrap();
    (answer, live.pushed())
}

#[tokio::test]
async fn an_approved_draft_leads_to_an_answer_with_the_remark() {
    let review = json!({ "answer": "", "approved": true, "remark": "Please." });
    let (answer, pushed) = detached(Step::detached_with([("review", review)])).await;
    let Answer::Answered { text } = answer else { panic!("{answer:?}") };
    assert!(text.ends_with("Please."), "{text}");
    let stages: Vec<_> = pushed.iter().filter_map(|entry| entry["stage"].as_str()).collect();
    assert_eq!(stages, ["drafting", "review", "writing"]);
    let written: Vec<_> = pushed.iter().filter_map(Value::as_str).collect();
    assert!(written.concat().ends_with(&text));
}

#[tokio::test]
async fn a_draft_that_nobody_reviews_expires() {
    assert_eq!(detached(Step::detached()).await.0, Answer::Expired);
}

/// Reads on until somebody is asked; gives where.
async fn until_review(reading: &mut Reading) -> String {
    loop {
        if let Happening::Progress(Progress::Review { url }) = reading.next().await.unwrap() {
            return url;
        }
    }
}

async fn end(reading: &mut Reading) -> Answer {
    loop {
        if let Happening::Ended(answer) = reading.next().await.unwrap() {
            return answer;
        }
    }
}

#[tokio::test]
async fn what_is_committed_is_what_is_stored_however_often_the_model_breaks_off() {
    let world = World::of(3, |opts| opts).await;
    world.write_all();
    let mut reading = Reading::begin(world.here(), "Why?").await.unwrap();
    let url = until_review(&mut reading).await;
    reading.review(&url, true, "Please.").await.unwrap();
    let Answer::Answered { text } = end(&mut reading).await else { panic!("it was approved") };
    assert_eq!(reading.rollbacks, 3);
    assert_eq!(reading.committed.len(), 2);
    assert_eq!(reading.committed[1], text);
    world.app.engine().assert_no_violations();
}

#[tokio::test]
async fn a_discarded_draft_is_no_answer() {
    let world = World::of(0, |opts| opts).await;
    world.write_all();
    let mut reading = Reading::begin(world.here(), "Why?").await.unwrap();
    let url = until_review(&mut reading).await;
    reading.review(&url, false, "No.").await.unwrap();
    assert_eq!(end(&mut reading).await, Answer::Discarded { why: "No.".to_owned() });
    world.app.engine().assert_no_violations();
}

#[tokio::test]
async fn a_client_that_is_sent_elsewhere_reads_it_all_the_same() {
    let world = World::of(1, |opts| opts.stream_relays(0)).await;
    world.write_all();
    let mut reading = Reading::begin(world.here(), "Why?").await.unwrap();
    let url = until_review(&mut reading).await;
    reading.review(&url, true, "Please.").await.unwrap();
    assert!(matches!(end(&mut reading).await, Answer::Answered { .. }));
    assert_eq!((reading.rollbacks, reading.committed.len()), (1, 2));
    world.app.engine().assert_no_violations();
}
