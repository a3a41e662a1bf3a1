//! How long a client is kept, and what ends its waiting.

use std::time::Duration;

use inngest::output::OutputOpts;
use reqwest::Method;
use serde_json::{Value, json};

use super::api::{Api, App, RUN_ID, RUNNING, query, responds, says};

const SHORT: Duration = Duration::from_millis(50);

#[tokio::test]
async fn a_client_that_waits_is_sent_round_to_the_same_place() {
    let (api, url) = Api::new(|before| if before == 0 { None } else { responds(200, &[], "done") }).await;
    let app = App::new(&url, OutputOpts::new().max_wait(SHORT)).await;
    let response = app.ask().send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["cache-control"]),
        (303, &"no-store".parse().unwrap())
    );
    assert_eq!(response.headers()["location"], format!("./output?{}&redirects=1", query()).as_str());
    api.given_up(1).await;
    // As any client resolves it.
    let next = response.url().join(response.headers()["location"].to_str().unwrap()).unwrap();
    let response = reqwest::get(next).await.unwrap();
    assert_eq!(response.text().await.unwrap(), "done");
}

/// Whatever the path's last segment is, and whatever stands before it outside.
#[tokio::test]
async fn the_same_place_is_relative_to_the_request() {
    for (path, here) in [("/x/{run_id}", "./RUN_ID"), ("/{run_id}/", "./"), ("/{run_id}/a:b", "./a:b")] {
        let (_, url) = Api::new(|_| None).await;
        let app = App::new(&url, OutputOpts::new().max_wait(SHORT).path(path)).await;
        let asked = format!("{}?{}", path.replace("{run_id}", RUN_ID), query());
        let response = app.request(Method::GET, &asked).send().await.unwrap();
        let location = response.headers()["location"].to_str().unwrap();
        assert_eq!(location, format!("{}?{}&redirects=1", here.replace("RUN_ID", RUN_ID), query()));
        let next = response.url().join(location).unwrap();
        assert_eq!(next.path(), response.url().path());
    }
}

#[tokio::test]
async fn a_client_that_follows_ten_redirects_is_not_sent_round_for_longer() {
    let (_, url) = Api::new(|_| None).await;
    let app = App::new(&url, OutputOpts::new().max_wait(SHORT)).await;
    // The first redirect, from the endpoint, is the ninth.
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::limited(9))
        .tls_certs_only([])
        .build()
        .unwrap();
    let response = client.get(app.url()).send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["retry-after"]),
        (202, &"1".parse().unwrap())
    );
    assert_eq!(response.headers()["location"], format!("./output?{}", query()).as_str());
    assert!(!response.headers().contains_key("x-run-id"));
    assert!(response.url().as_str().ends_with("&redirects=8"), "{}", response.url());
    let body: Value = response.json().await.unwrap();
    assert_eq!(body, json!({ "run_id": RUN_ID, "status": "running" }));
    // Whoever makes up a number is at the end of it.
    let made_up = app.request(Method::GET, &format!("/runs/{RUN_ID}/output?{}&redirects=-1", query()));
    assert_eq!(made_up.send().await.unwrap().status(), 202);
}

#[tokio::test]
async fn a_client_that_polls_gets_202_at_once() {
    let (_, url) = Api::new(|_| None).await;
    let app = App::new(&url, OutputOpts::new().max_wait(SHORT).max_redirects(0)).await;
    assert_eq!(app.ask().send().await.unwrap().status(), 202);
}

#[tokio::test]
async fn an_inngest_that_says_running_at_once_is_not_asked_without_end() {
    let (api, url) = Api::new(|_| says(200, RUNNING)).await;
    let app = App::new(&url, OutputOpts::new().max_wait(Duration::from_secs(1))).await;
    assert_eq!(app.ask().send().await.unwrap().status(), 303);
    // After 0, 100, 300 and 700 ms, or later.
    assert!((1..=4).contains(&api.seen().len()), "{}", api.seen().len());
}

#[tokio::test]
async fn a_client_that_goes_away_is_no_longer_waited_for() {
    let (api, url) = Api::new(|_| None).await;
    let app = App::new(&url, OutputOpts::new().max_wait(Duration::from_secs(86_400))).await;
    let client = tokio::spawn(app.ask().send());
    api.reached(1).await;
    assert_eq!(app.provider.in_flight(), 1);
    client.abort();
    api.given_up(1).await;
    app.provider.wait(Duration::from_secs(30)).await.unwrap();
    assert_eq!(api.seen().len(), 1);
}

#[tokio::test]
async fn a_process_that_ends_sends_its_clients_round() {
    let (api, url) = Api::new(|_| None).await;
    let app = App::new(&url, OutputOpts::new().max_wait(Duration::from_secs(86_400))).await;
    let client = tokio::spawn(app.ask().send());
    api.reached(1).await;
    app.provider.drain();
    let response = client.await.unwrap().unwrap();
    assert_eq!(response.status(), 303);
    assert_eq!(response.headers()["location"], format!("./output?{}&redirects=1", query()).as_str());
    // One that comes now is not kept for a day either.
    assert_eq!(app.ask().send().await.unwrap().status(), 303);
    app.provider.wait(Duration::from_secs(30)).await.unwrap();
}

#[tokio::test]
async fn a_process_that_ends_still_gives_what_there_is() {
    let (_, url) = Api::new(|_| responds(200, &[], "done")).await;
    let app = App::new(&url, OutputOpts::new()).await;
    app.provider.drain();
    assert_eq!(app.ask().send().await.unwrap().text().await.unwrap(), "done");
}
