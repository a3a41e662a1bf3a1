//! The page, in a browser.

use serde_json::json;
use stephttp_browser::{Browser, chromium};

use super::World;

/// Texts of the page, final ones and provisional ones.
const FINAL: &str = "[...document.querySelectorAll('#texts p:not(.provisional)')].map(p => p.textContent)";
const PROVISIONAL: &str = "[...document.querySelectorAll('#texts p.provisional')].map(p => p.textContent)";

/// How much lighter or darker an element is than the page: WCAG asks for 4.5 at least.
const CONTRAST: &str = "(element => {
    const light = color => {
        const [r, g, b] = color.match(/[\\d.]+/g).map(Number).map(value => {
            value /= 255;
            return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const both = [getComputedStyle(element).color, getComputedStyle(document.body).backgroundColor].map(light);
    return (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
})";

async fn is_in(browser: &mut Browser, state: &str) {
    browser.until(&format!("document.body.dataset.state === '{state}'")).await;
}

/// One answer, whose first draft breaks off.
async fn read_an_answer(world: &World, mut browser: Browser) {
    const DRAFT: &str = "Thank you for your question, “Can you send the teapot again?”. The short answer is yes, and it takes a day. Write to us again if it takes longer.";
    const TOLD: &str = "Approved: the lid is new, too.";
    const TEXT: &str = "Thank you for your question. Yes, we will see to it within a day, and tell you when it is done. A colleague would like to add: the lid is new, too.";

    browser.click("#ask button").await;
    world.write(3);
    browser.shows(PROVISIONAL, &["Thank you for "]).await;

    // Provisional text is lighter, and still readable, in the dark too.
    for scheme in ["light", "dark"] {
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        browser.call("Emulation.setEmulatedMedia", media).await;
        let text = browser.eval(&format!("{CONTRAST}(document.querySelector('#texts p'))")).await;
        let heading = browser.eval(&format!("{CONTRAST}(document.querySelector('h1'))")).await;
        let (text, heading) = (text.as_f64().unwrap(), heading.as_f64().unwrap());
        assert!(4.5 < text && text + 3.0 < heading, "{scheme}: {text} {heading}");
    }

    // It breaks off in the middle, and what it has written vanishes.
    let length = DRAFT.split_inclusive(' ').count();
    world.write(length / 2 + 1 - 3);
    browser.until("document.getElementById('status').textContent.includes('broke off')").await;
    browser.shows(PROVISIONAL, &[]).await;
    assert_eq!(browser.eval(FINAL).await, json!([]));

    world.write(2);
    browser.shows(PROVISIONAL, &["Thank you "]).await;
    world.write(length - 2);
    is_in(&mut browser, "review").await;
    browser.shows(FINAL, &[DRAFT]).await;
    assert_eq!(browser.eval("document.activeElement.id").await, "remark");

    browser.click("#review button[value=yes]").await;
    world.write(5);
    browser.shows(PROVISIONAL, &["Thank you for your question. "]).await;
    browser.shows(FINAL, &[DRAFT, TOLD]).await;
    assert_eq!(browser.eval("document.getElementById('review').hidden").await, true);
    world.write_all();
    is_in(&mut browser, "done").await;
    browser.shows(FINAL, &[DRAFT, TOLD, TEXT]).await;
    assert_eq!(browser.eval("document.querySelector('#answer p').textContent").await, TEXT);
    world.app.engine().assert_no_violations();
    browser.close().await;
}

#[tokio::test]
async fn the_page_shows_what_is_provisional_and_what_is_final() {
    let Some(chromium) = chromium() else { return };
    let world = World::of(1, |opts| opts).await;
    let browser = Browser::open(chromium, world.here()).await;
    read_an_answer(&world, browser).await;
}

/// As when the process that it has asked is being replaced.
#[tokio::test]
async fn the_page_reads_on_where_it_is_sent() {
    let Some(chromium) = chromium() else { return };
    let world = World::of(1, |opts| opts.stream_relays(0)).await;
    let browser = Browser::open(chromium, world.here()).await;
    read_an_answer(&world, browser).await;
}

#[tokio::test]
async fn the_page_says_what_has_gone_wrong() {
    let Some(chromium) = chromium() else { return };
    let world = World::of(usize::MAX, |opts| opts).await;
    world.write_all();
    let mut browser = Browser::open(chromium, world.here()).await;
    browser.click("#ask button").await;
    is_in(&mut browser, "failed").await;
    browser.shows(PROVISIONAL, &[]).await;
    browser.until("document.getElementById('status').textContent.includes('500')").await;
    browser.close().await;
}
