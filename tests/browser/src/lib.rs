//! A browser without a window, by the protocol of its developers' tools.
//!
//! It is for tests alone: whatever goes wrong is a panic.

#![expect(clippy::unwrap_used, reason = "tests have nothing better to do with an error")]

use std::env;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Chromium's names.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A browser with one page. It ends when this is dropped.
#[derive(Debug)]
pub struct Browser {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    session: Option<String>,
    commands: u64,
    process: Child,
    profile: TempDir,
}

/// Where Chromium is. `None`, with the reason printed: it is not installed, and need not be.
///
/// # Panics
/// When it is not installed and `REQUIRE_BROWSER` is set.
#[must_use]
pub fn chromium() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path)
        .flat_map(|folder| NAMES.map(|name| folder.join(name)))
        .find(|file| file.is_file());
    if found.is_none() {
        assert!(
            env::var_os("REQUIRE_BROWSER").is_none(),
            "REQUIRE_BROWSER is set, and there is none of {NAMES:?} in PATH"
        );
        println!("skipped: there is none of {NAMES:?} in PATH");
    }
    found
}

impl Browser {
    /// Opens a page.
    ///
    /// # Panics
    /// When the browser does not start.
    pub async fn open(chromium: PathBuf, url: &str) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let mut process = Command::new(chromium)
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .args(["--no-first-run", "--no-proxy-server", "--remote-debugging-port=0"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            // Whatever it leaves behind goes with the profile.
            .env("TMPDIR", profile.path())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        let address = loop {
            let line = tokio::time::timeout(PATIENCE, lines.next_line()).await.expect("it starts").unwrap();
            let line = line.unwrap_or_else(|| panic!("the browser has ended: {said:?}"));
            match line.strip_prefix("DevTools listening on ") {
                Some(address) => break address.to_owned(),
                None => said.push(line),
            }
        };
        // It does not wait until somebody has read what it says.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let (socket, _) = connect_async(address).await.unwrap();
        let mut browser = Self { socket, session: None, commands: 0, process, profile };
        let target = browser.call("Target.createTarget", json!({ "url": "about:blank" })).await;
        let session = json!({ "targetId": target["targetId"], "flatten": true });
        let session = browser.call("Target.attachToTarget", session).await;
        browser.session = session["sessionId"].as_str().map(str::to_owned);
        browser.call("Page.navigate", json!({ "url": url })).await;
        browser.until("document.readyState === 'complete'").await;
        browser
    }

    /// Ends the browser, with all of its processes, and then removes its files.
    ///
    /// # Panics
    /// When the browser does not end.
    pub async fn close(mut self) {
        self.call("Browser.close", json!({})).await;
        let end = tokio::time::timeout(PATIENCE, self.process.wait()).await;
        end.expect("the browser ends").unwrap();
        self.profile.close().unwrap();
    }

    /// Makes a call, and gives its result.
    ///
    /// # Panics
    /// When the browser refuses it, or has gone.
    pub async fn call(&mut self, method: &str, params: Value) -> Value {
        self.commands += 1;
        let id = self.commands;
        let mut call = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = &self.session {
            call["sessionId"] = session.as_str().into();
        }
        self.socket.send(Message::text(call.to_string())).await.unwrap();
        loop {
            let message = self.socket.next().await.expect("the browser is there").unwrap();
            let Message::Text(text) = message else { continue };
            let mut message: Value = serde_json::from_str(&text).unwrap();
            if message["id"] == id {
                assert_eq!(message["error"], Value::Null, "{method}: {call}");
                return message["result"].take();
            }
        }
    }

    /// What an expression comes to in the page; a promise, what it is kept with.
    ///
    /// # Panics
    /// When the expression throws.
    pub async fn eval(&mut self, expression: &str) -> Value {
        let params = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let mut result = self.call("Runtime.evaluate", params).await;
        assert_eq!(result["exceptionDetails"], Value::Null, "{expression}");
        result["result"]["value"].take()
    }

    /// Waits until an expression holds in the page, which is looked at with each change.
    ///
    /// # Panics
    /// When it does not come to hold within a minute.
    pub async fn until(&mut self, expression: &str) {
        let waiting = format!(
            "new Promise(resolve => {{
                const watch = new MutationObserver(() => check());
                const check = () => {{ if ({expression}) {{ watch.disconnect(); resolve(true); }} }};
                const all = {{ subtree: true, childList: true, attributes: true, characterData: true }};
                watch.observe(document, all);
                document.addEventListener('readystatechange', check);
                check();
            }})"
        );
        if tokio::time::timeout(PATIENCE, self.eval(&waiting)).await.is_err() {
            let page = self.eval("document.body.innerText + ' ' + document.body.dataset.state").await;
            panic!("{expression} does not come to hold: {page}");
        }
    }

    /// Waits until an expression comes to these texts.
    ///
    /// # Panics
    /// When it does not within a minute.
    pub async fn shows(&mut self, texts: &str, expected: &[&str]) {
        let expected = json!(expected).to_string();
        self.until(&format!("JSON.stringify({texts}) === JSON.stringify({expected})")).await;
    }

    /// Clicks on the first element that a selector finds.
    ///
    /// # Panics
    /// When there is none.
    pub async fn click(&mut self, selector: &str) {
        self.eval(&format!("document.querySelector('{selector}').click()")).await;
    }

    /// Presses a key, as a keyboard does: `Tab`, `Enter`, `ArrowDown`.
    ///
    /// # Panics
    /// When the browser has gone.
    pub async fn press(&mut self, key: &str) {
        let code = match key {
            "Tab" => 9,
            "Enter" => 13,
            "Escape" => 27,
            "ArrowUp" => 38,
            "ArrowDown" => 40,
            _ => 0,
        };
        for event in ["rawKeyDown", "keyUp"] {
            let params = json!({"type": event, "key": key, "code": key, "windowsVirtualKeyCode": code});
            self.call("Input.dispatchKeyEvent", params).await;
            if event == "rawKeyDown" && key == "Enter" {
                let typed = json!({"type": "char", "key": key, "text": "\r", "windowsVirtualKeyCode": code});
                self.call("Input.dispatchKeyEvent", typed).await;
            }
        }
    }
}
