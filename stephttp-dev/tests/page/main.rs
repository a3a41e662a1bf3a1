//! The engine's page, in a browser; skipped where there is none.

#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]
#![allow(clippy::needless_pass_by_value, reason = "so that tests can write `json!(..)` in place")]

#[path = "../it/support.rs"]
#[allow(dead_code, reason = "the other tests need more of it")]
mod support;

use std::time::Duration;

use serde_json::{Value, json};
use stephttp_browser::{Browser, chromium};
use stephttp_dev::{Clock, DevServer};

use crate::support::*;

/// A run whose page is open, by a clock that is moved by hand.
async fn opened(
    steps: impl IntoIterator<Item = Value>,
    answers: impl IntoIterator<Item = Answer>,
) -> Option<(Browser, Scene)> {
    let chromium = chromium()?;
    let server = DevServer::builder().clock(Clock::Manual).start().await.unwrap();
    let app = App::answering(answers).await;
    let browser = Browser::open(chromium, server.url()).await;
    let scene = Scene::on(server, app, |domain, id| report(id, domain, steps)).await;
    Some((browser, scene))
}

/// Texts of all elements that a selector finds.
fn texts(selector: &str) -> String {
    format!("[...document.querySelectorAll('{selector}')].map(one => one.textContent)")
}

#[tokio::test]
async fn a_sleeping_run_appears_goes_on_by_the_pages_clock_and_ends() {
    let evil = "<img src=x onerror=document.title='run'>";
    let answers = [ops([step_run("ship", json!({"parcel": evil}))]), result(200, "{\"done\":true}")];
    let Some((mut browser, scene)) =
        opened([step_run("charge", "ch_1"), sleep("cool-off", "2h")], answers).await
    else {
        return;
    };
    // The page was open before the run was there.
    browser.until("document.querySelector('.item .more')?.textContent.includes('sleeps at cool-off')").await;
    browser.shows(&texts("#bars .label"), &["Requests", "charge", "cool-off"]).await;
    assert_eq!(browser.eval("location.hash").await, format!("#run={}", scene.run_id));

    browser.eval("document.getElementById('amount').value = '2'").await;
    browser.click("#move").await;
    browser.until("document.getElementById('status').textContent === 'Completed'").await;
    browser.shows(&texts("#bars .label"), &["Requests", "charge", "cool-off", "ship"]).await;
    browser.shows(&texts("#took"), &["after 2 h"]).await;
    // Who sees a run for the first time is told where the values are, beside its response.
    browser.until("document.getElementById('detail').textContent.includes('Response: 200')").await;
    browser.until("document.getElementById('detail').textContent.startsWith('Select a row')").await;
    // What the re-entries had already is told apart from what they ran.
    browser.until("document.querySelectorAll('#bars .row')[1].querySelectorAll('.memo').length === 2").await;
    assert_eq!(
        browser.eval("document.querySelectorAll('#bars .row')[3].querySelectorAll('.bar.step').length").await,
        1
    );

    // By the keyboard alone: from the runs into the timeline, to a step and its value.
    browser.eval("document.getElementById('runs').focus()").await;
    browser.press("Enter").await;
    for _ in 0..3 {
        browser.press("ArrowDown").await;
    }
    assert_eq!(browser.eval("document.activeElement.firstChild.textContent").await, "ship");
    browser.press("Enter").await;
    browser.until("document.querySelector('#detail pre')?.textContent.includes('onerror')").await;
    assert_eq!(browser.eval("document.activeElement.getAttribute('aria-expanded')").await, "true");
    assert_eq!(browser.eval("document.querySelectorAll('img').length").await, 0);
    assert_ne!(browser.eval("document.title").await, "run");
    browser.close().await;
}

#[tokio::test]
async fn a_violation_is_told_in_words_and_an_event_is_sent_by_the_page() {
    let wait = op_with("WaitForEvent", "settled", json!({"event": "bank/settled", "timeout": "1d"}));
    let answers = [ops([step_run("a", 2)]), result(200, "x")];
    let Some((mut browser, _scene)) = opened([step_run("a", 1), wait], answers).await else { return };
    browser.until("document.querySelector('.item .more')?.textContent.includes('waits for an event')").await;
    browser.click("#send-event").await;
    assert_eq!(browser.eval("document.getElementById('send-name').value").await, "bank/settled");
    browser.eval("document.getElementById('send-data').value = '{'").await;
    browser.click("#send .primary").await;
    browser.until("document.getElementById('send-error').textContent.includes('not JSON')").await;
    browser.eval("document.getElementById('send-data').value = '{\"cents\": 990}'").await;
    browser.click("#send .primary").await;
    browser.until("document.getElementById('said').textContent.includes('woke 1 step')").await;
    browser
        .until("document.querySelector('#notes .violation')?.textContent.includes('StepRanTwice: ')")
        .await;
    browser.until("document.querySelector('.item .more').textContent.includes('1 violation')").await;
    browser.close().await;
}

#[tokio::test]
async fn what_the_clock_does_not_allow_is_disabled_with_its_reason() {
    let Some(chromium) = chromium() else { return };
    let server = DevServer::builder().clock(Clock::Real).start().await.unwrap();
    let mut browser = Browser::open(chromium, server.url()).await;
    browser.until("document.getElementById('clock-why').textContent.includes('cannot be moved')").await;
    let disabled =
        "['amount', 'unit', 'move', 'hold-time'].every(id => document.getElementById(id).disabled)";
    assert_eq!(browser.eval(disabled).await, true);
    browser.close().await;
}

/// As many elements as are seen, whatever there is; and no frame that a user would notice.
#[tokio::test]
async fn a_thousand_runs_stay_smooth() {
    const RUNS: usize = 1_000;
    let Some(chromium) = chromium() else { return };
    let server = DevServer::start().await.unwrap();
    let client = Client::new(&server);
    let mut browser = Browser::open(chromium, server.url()).await;
    browser
        .eval(
            "(() => {
                window.frames = { longest: 0, most: 0 };
                let last = performance.now();
                const frame = time => {
                    frames.longest = Math.max(frames.longest, time - last);
                    frames.most = Math.max(frames.most, document.querySelectorAll('.item').length);
                    last = time;
                    requestAnimationFrame(frame);
                };
                requestAnimationFrame(frame);
            })()",
        )
        .await;
    let domain = "http://127.0.0.1:1";
    for _ in 0..RUNS {
        client.create(&report(&new_id(), domain, [step_run("a", 1), complete(200, "x")])).await;
    }
    browser.until("document.querySelector('h1').textContent === 'Runs (1,000)'").await;
    // Through the list, a screen in each frame.
    browser
        .eval(
            "(async () => {
                const list = document.getElementById('runs');
                for (let top = 0; top < list.scrollHeight; top += list.clientHeight) {
                    list.scrollTop = top;
                    await new Promise(requestAnimationFrame);
                }
            })()",
        )
        .await;
    let frames = browser.eval("frames").await;
    let (longest, most) = (frames["longest"].as_f64().unwrap(), frames["most"].as_u64().unwrap());
    assert!(0 < most && most < 60, "{most} rows");
    // Generous: a machine that compiles something else is slow.
    assert!(longest < 1_500.0, "{longest} ms for a frame");
    assert!(server.calls().len() <= RUNS, "the page's own requests are no calls");
    browser.close().await;
    // It has gone, and nothing is done for it any more.
    tokio::time::timeout(Duration::from_secs(30), server.shutdown()).await.unwrap();
}
