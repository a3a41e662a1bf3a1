//! The output route's memory: clients that read slowly, and those who would keep all room for
//! themselves.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use inngest::middleware::Tracing;
use reqwest::Method;
use stephttp_tests::{RawClient, serve};

use crate::liar::{self, App, Looks, RUN_ID, large, responds, responds_as_asked, run, slow_reader};
use crate::turn::{self, Held};

const MIB: usize = 1024 * 1024;

/// Clients that have asked for the outputs of these runs, and read no more than the heads; with
/// those.
async fn readers_of(app: &App, runs: impl Iterator<Item = String>) -> Vec<(RawClient, String)> {
    let paths: Vec<_> = runs.map(|run_id| liar::path(&run_id)).collect();
    join_all(paths.iter().map(|path| slow_reader(&app.origin, path))).await
}

fn count(readers: &[(RawClient, String)], status: &str) -> usize {
    readers.iter().filter(|(_, head)| head.starts_with(&format!("HTTP/1.1 {status}"))).count()
}

/// The bytes that a run's client gets, within less time than room is waited for.
async fn output_of(app: &App, run_id: &str) -> usize {
    let asking = async {
        let response = app.request(Method::GET, &liar::path(run_id)).send().await.unwrap();
        assert_eq!(response.status(), 200);
        response.bytes().await.unwrap().len()
    };
    tokio::time::timeout(Duration::from_secs(4), asking).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_read_slowly_hold_little_of_their_outputs() {
    let _turn = turn::alone().await;
    const READERS: usize = 100;
    let (output, plain_output) = (large(), large());
    let (plain, _) = serve(Router::new().route("/", get(async move || plain_output.clone()))).await;
    let (url, _) = liar::inngest(move |_| responds(&[], output.clone())).await;
    let app = App::new(&url, |opts| opts).await;

    let held = Held::since_now();
    let readers = join_all((0..READERS).map(|_| slow_reader(&plain, "/"))).await;
    let by_plain_axum = held.most();
    drop(readers);

    let held = Held::since_now();
    let readers = {
        let path = liar::path(RUN_ID);
        join_all((0..READERS).map(|_| slow_reader(&app.origin, &path))).await
    };
    assert!(readers.iter().all(|(_, head)| head.starts_with("HTTP/1.1 200")));
    // One that reads all of it, and keeps nothing, so that the others have had their time too.
    let (mut whole, mut length) = (app.ask().send().await.unwrap(), 0);
    while let Some(chunk) = whole.chunk().await.unwrap() {
        length += chunk.len();
    }
    assert_eq!(length, 8 * MIB);
    // By plain HTTP two reads of 408 KiB are on their way: `reqwest` does not limit them.
    let (most, bound) = (held.most(), by_plain_axum + READERS * MIB);
    assert!(
        most < bound,
        "{READERS} readers of 8 MiB have held {most} bytes; with plain axum {by_plain_axum}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn outputs_that_middlewares_restore_share_a_room() {
    let _turn = turn::alone().await;
    const READERS: usize = 24;
    let output = large();
    let (url, _) = liar::inngest(move |request| {
        let small = request.uri().path().contains(RUN_ID);
        responds_as_asked(request, if small { Bytes::from_static(b"small") } else { output.clone() })
    })
    .await;
    let app = App::new(&url, |opts| opts.middleware(Looks)).await;
    let held = Held::since_now();
    let readers = readers_of(&app, (0..READERS).map(run)).await;
    let most = held.most();
    assert!(most < 96 * MIB, "{READERS} readers of 8 MiB have held {most} bytes");
    let served = count(&readers, "200");
    let refused = readers.iter().filter(|(_, head)| {
        head.starts_with("HTTP/1.1 503") && head.to_ascii_lowercase().contains("\r\nretry-after: ")
    });
    assert!((2..=4).contains(&served) && refused.count() == READERS - served, "{served} were served");

    // Small outputs do not wait for them.
    let small = tokio::time::timeout(Duration::from_secs(4), app.ask().send()).await.unwrap().unwrap();
    assert_eq!(small.text().await.unwrap(), "small");

    // Once they are gone there is room again.
    drop(readers);
    app.provider.wait(Duration::from_secs(30)).await.unwrap();
    assert_eq!(output_of(&app, &run(0)).await, 8 * MIB);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clients_of_one_run_do_not_keep_others_waiting() {
    let _turn = turn::alone().await;
    let output = large();
    let (url, _) = liar::inngest(move |request| responds_as_asked(request, output.clone())).await;
    let app = App::new(&url, |opts| opts.middleware(Looks)).await;
    let readers = readers_of(&app, (0..8).map(|_| run(1)));
    let (readers, ()) = tokio::join!(readers, async {
        for n in 2..6 {
            assert_eq!(output_of(&app, &run(n)).await, 8 * MIB);
        }
    });
    assert_eq!((count(&readers, "200"), count(&readers, "503")), (2, 6));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_whose_length_nobody_knows_takes_no_more_room_than_it_has() {
    let _turn = turn::alone().await;
    let output = large();
    // Inngest begins some, and says nothing more.
    let (url, _) = liar::inngest(move |request| {
        if request.uri().path().contains(&run(9)) {
            return responds_as_asked(request, output.clone());
        }
        let begun = stream::iter([Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; 200 * 1024]))]);
        responds_as_asked(request, Body::from_stream(begun.chain(stream::pending())))
    })
    .await;
    let app = App::new(&url, |opts| opts.middleware(Looks)).await;
    let runs: Vec<_> = (0..6).map(run).collect();
    let waiting = join_all(runs.iter().map(|run_id| app.request(Method::GET, &liar::path(run_id)).send()));
    tokio::select! {
        _ = waiting => unreachable!("they do not end"),
        () = async {
            while app.provider.in_flight() < 6 {
                tokio::task::yield_now().await;
            }
            // They have asked, and most of them hold something by now.
            for _ in 0..10 {
                assert_eq!(output_of(&app, &run(9)).await, 8 * MIB);
            }
        } => {}
    }
}

#[tokio::test]
async fn what_no_middleware_restores_is_passed_on_as_it_comes() {
    let _turn = turn::beside_others().await;
    let (url, _) = liar::inngest(|_| {
        let begun = stream::iter([Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; 200 * 1024]))]);
        responds(&[], Body::from_stream(begun.chain(stream::pending())))
    })
    .await;
    let app = App::new(&url, |opts| opts.middleware(Tracing::new())).await;
    let (_, head) =
        tokio::time::timeout(Duration::from_secs(10), slow_reader(&app.origin, &liar::path(RUN_ID)))
            .await
            .unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
}
