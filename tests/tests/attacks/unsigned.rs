//! Requests in Inngest's name, by somebody who has no key.

use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::routing::{get, post};
use futures_util::future::join_all;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use inngest::signature::SigningKey;
use inngest::{Step, StepError};
use stephttp_tests::{Stage, World, serve};
use tokio::time::Instant;

use crate::app::{FALLBACK, KEY, RUN_ID, forged, signed};
use crate::stranger::{self, head};
use crate::turn;

const MIB: usize = 1024 * 1024;
/// As long as a run's request can be, about.
static LONG: [u8; 3_000_000] = [b'x'; 3_000_000];

#[inngest::api_fn(id = "unsigned-echo")]
async fn echo(State(stage): State<Stage>, step: Step, body: Bytes) -> Result<String, StepError> {
    stage.effects.happen("entered");
    step.run("length", async { Ok(body.len()) }).await.map(|length| length.to_string())
}

async fn app(stage: &Stage) -> World {
    let app = Router::new()
        .route("/", post(echo))
        .route("/health", get(async || "up"))
        .layer(DefaultBodyLimit::disable());
    signed().start(app.with_state(stage.clone())).await
}

/// Plain axum that reads bodies as long.
async fn plain(stage: &Stage) -> String {
    let read = async |State(stage): State<Stage>, body: Bytes| {
        stage.door.pass().await;
        body.len().to_string()
    };
    serve(Router::new().route("/", post(read)).layer(DefaultBodyLimit::disable()).with_state(stage.clone()))
        .await
        .0
}

#[tokio::test]
async fn what_the_headers_show_is_refused_before_any_of_the_body_is_read() {
    let _turn = turn::beside_others().await;
    let stage = Stage::new();
    let world = app(&stage).await;
    let key = SigningKey::parse(KEY).unwrap();
    let old = key.sign(b"", SystemTime::now() - Duration::from_secs(600));
    let now = key.sign(b"", SystemTime::now());
    let short = now[..now.len() - 2].to_owned();
    for (path, run_id, signature, length, status) in [
        ("/", RUN_ID, "", "3000000", 401),
        ("/nowhere", RUN_ID, "", "3000000", 401),
        ("/", RUN_ID, "t=1&s=zz", "3000000", 401),
        ("/", RUN_ID, &short, "3000000", 401),
        ("/", RUN_ID, &old, "3000000", 401),
        ("/", "no run", &now, "3000000", 400),
        ("/", "81M817NZCZ3BTTPY1FEX7T2M4B", &now, "3000000", 400),
        ("/", RUN_ID, &now, "4000000", 413),
    ] {
        let headers = [("x-run-id", run_id), ("x-inngest-signature", signature), ("content-length", length)];
        // None of the body is sent: an answer shows that none was waited for.
        let (stream, _) = stranger::send(&world.origin, head(path, &headers), b"", 1).await.unwrap();
        assert_eq!(stranger::status(stream).await, Some(status), "{path} {run_id} {signature} {length}");
    }
    assert_eq!(stage.effects.count("entered"), 0);
    assert!(world.inngest.calls().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn all_unproven_bodies_together_take_a_bounded_part_of_memory() {
    let _turn = turn::alone().await;
    let stage = Stage::new();
    let world = app(&stage).await;
    let signature = forged();
    let headers = [("x-run-id", RUN_ID), ("x-inngest-signature", &*signature), ("content-length", "3000001")];
    let held = turn::Held::since_now();
    let sending: Vec<_> =
        (0..40).map(|_| stranger::send(&world.origin, head("/", &headers), &LONG, 64 * 1024)).collect();
    let mut answers: FuturesUnordered<_> =
        join_all(sending).await.into_iter().map(|sent| stranger::status(sent.unwrap().0)).collect();
    // Each has sent all but its last byte. Who is answered before its time is over has given way to
    // another.
    let began = Instant::now();
    for answered in 0..30 {
        assert_eq!(answers.next().await, Some(Some(503)), "after {answered} answers");
    }
    assert!(began.elapsed() < Duration::from_secs(8), "they had their time");
    let most = held.most();
    // 16 MiB, what the buffers of 40 connections take, and what is being let go of. Without the
    // limit it is 120 MB.
    assert!(most < 60 * MIB, "{} MiB", most / MIB);
    drop(answers);

    // Plain axum takes all of them.
    let origin = plain(&stage).await;
    let held = turn::Held::since_now();
    let headers = [("content-length", "3000000")];
    let sending: Vec<_> =
        (0..40).map(|_| stranger::send(&origin, head("/", &headers), &LONG, 64 * 1024)).collect();
    let sent = join_all(sending).await;
    stage.door.reached(40).await;
    assert!(most < held.most() / 2, "{} MiB, and plain axum {} MiB", most / MIB, held.most() / MIB);
    drop(sent);
}

/// A call back as Inngest would make it, about a run that nobody has begun.
async fn call_back(world: &World, key: &str) -> String {
    let body = &LONG[..2_000_000];
    let signature = SigningKey::parse(key).unwrap().sign(body, SystemTime::now());
    let request = world.post("/").header("x-run-id", RUN_ID).header("x-inngest-signature", signature);
    request.body(body).send().await.unwrap().text().await.unwrap()
}

#[track_caller]
fn assert_believed(answer: &str) {
    assert!(answer.contains("Inngest gives no state of the run"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_genuine_call_backs_at_once_take_turns() {
    let _turn = turn::alone().await;
    let world = app(&Stage::new()).await;
    // Twice as much as all unverified bodies may take together.
    let held = turn::Held::since_now();
    for answer in join_all((0..20).map(|_| call_back(&world, KEY))).await {
        assert_believed(&answer);
    }
    assert!(held.most() < 120 * MIB, "{} MiB", held.most() / MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_genuine_call_back_comes_through_while_strangers_fill_the_room() {
    let _turn = turn::alone().await;
    let stage = Stage::new();
    let world = app(&stage).await;
    let signature = forged();
    let headers = [("x-run-id", RUN_ID), ("x-inngest-signature", &*signature), ("content-length", "3000001")];
    let flood: Vec<_> =
        (0..12).map(|_| stranger::send(&world.origin, head("/", &headers), &LONG, 64 * 1024)).collect();
    let flood = join_all(flood).await;
    for key in [KEY, FALLBACK, KEY] {
        assert_believed(&call_back(&world, key).await);
    }
    drop(flood);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_in_one_byte_segments_takes_no_more_than_its_bytes() {
    let _turn = turn::alone().await;
    let world = app(&Stage::new()).await;
    let signature = forged();
    let headers = [("x-run-id", RUN_ID), ("x-inngest-signature", &*signature), ("content-length", "30000")];
    let held = turn::Held::since_now();
    let sending = stranger::send(&world.origin, head("/", &headers), &LONG[..30_000], 1);
    let (stream, sent) = sending.await.unwrap();
    assert!(sent);
    assert_eq!(stranger::status(stream).await, Some(401));
    let most = held.most();
    assert!(most < 2 * MIB, "30,000 bytes take {} KiB", most / 1024);
}

/// The time in which others get no answer is short beside what the bodies cost.
#[tokio::test]
async fn long_bodies_do_not_hold_the_thread_while_they_are_verified() {
    let _turn = turn::alone().await;
    let world = app(&Stage::new()).await;
    let signature = forged();
    let headers = [("x-run-id", RUN_ID), ("x-inngest-signature", &*signature), ("content-length", "3000000")];
    let mut sending = stranger::send(&world.origin, head("/", &headers), &LONG, 64 * 1024);
    let began = Instant::now();
    let (mut longest, mut pings) = (Duration::ZERO, 0);
    let stream = loop {
        let asked = Instant::now();
        assert_eq!(world.get("/health").send().await.unwrap().status(), 200);
        (longest, pings) = (longest.max(asked.elapsed()), pings + 1);
        if sending.is_finished() {
            break (&mut sending).await.unwrap().0;
        }
    };
    let answer = tokio::spawn(stranger::status(stream));
    while !answer.is_finished() {
        let asked = Instant::now();
        assert_eq!(world.get("/health").send().await.unwrap().status(), 200);
        (longest, pings) = (longest.max(asked.elapsed()), pings + 1);
    }
    assert_eq!(answer.await.unwrap(), Some(401));
    let whole = began.elapsed();
    assert!(longest < whole / 4, "of {whole:?}, others waited {longest:?} at a time ({pings} asked)");
}
