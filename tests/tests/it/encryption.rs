//! Encryption: what Inngest gets, and what comes back of it. How values are sealed is tested in
//! `tests/encryption`.

mod deployments;
mod events;
mod keys;
mod sealed;

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use inngest::middleware::Encryption;
use serde_json::Value;
use serde_json::value::to_raw_value;
use stephttp_dev::{DevServer, RunView};
use stephttp_tests::{World, WorldBuilder};

const KEY: &str = "the key of these tests";

fn encryption() -> Encryption {
    Encryption::new(KEY).unwrap()
}

/// A world whose app encrypts.
fn world(encryption: Encryption) -> WorldBuilder {
    // Functions that stream are in this binary, too: none of them is in this app.
    World::builder().opts(|opts, url| opts.dev_server(url).middleware(encryption).stream_in_clear(true))
}

/// All that Inngest has got, with what is base64 decoded.
fn seen_by(inngest: &DevServer) -> String {
    let mut seen = String::new();
    let bodies = inngest.calls().into_iter().map(|call| (call.path, call.body));
    let answers = inngest.dispatches().into_iter().map(|dispatch| (dispatch.uri, dispatch.response_body));
    for (place, body) in bodies.chain(answers) {
        let _ = writeln!(seen, "{place} {}", String::from_utf8_lossy(&body));
        if let Ok(body) = serde_json::from_slice(&body) {
            decode(&body, &mut seen);
        }
    }
    seen
}

fn decode(value: &Value, seen: &mut String) {
    match value {
        Value::String(text) => {
            if let Ok(bytes) = STANDARD.decode(text) {
                let _ = writeln!(seen, "{}", String::from_utf8_lossy(&bytes));
            }
        }
        Value::Array(values) => values.iter().for_each(|value| decode(value, seen)),
        Value::Object(members) => members.values().for_each(|value| decode(value, seen)),
        _ => {}
    }
}

/// What is stored of a step, opened.
fn opened(encryption: &Encryption, run: &RunView, step: &str) -> Result<Value, String> {
    let stored = run.step(step).unwrap().value.clone().unwrap();
    assert_eq!(stored["__ENCRYPTED__"], true, "{stored}");
    let stored = to_raw_value(&stored).unwrap();
    let opened = encryption.open_value(&stored).map_err(|error| error.to_string())?;
    Ok(serde_json::from_str(opened.get()).unwrap())
}
