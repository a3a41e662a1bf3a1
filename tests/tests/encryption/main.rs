//! What is sealed: compared with the JS package, and what happens to values that were changed or
//! are none.

mod bodies;
mod events;
mod js;
mod keys;
mod values;

use inngest::middleware::Encryption;
use serde_json::value::RawValue;

const KEY: &str = "a key of these tests";

fn encryption() -> Encryption {
    Encryption::new(KEY).expect("a key")
}

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).expect("JSON")
}

/// What a sealed value has as `data`.
fn data(sealed: &RawValue) -> String {
    let sealed: serde_json::Value = serde_json::from_str(sealed.get()).expect("JSON");
    sealed["data"].as_str().expect("a text").to_owned()
}

/// A sealed value with another `data`.
fn with_data(data: &str) -> Box<RawValue> {
    raw(&format!(r#"{{"__ENCRYPTED__":true,"__STRATEGY__":"inngest/libsodium","data":"{data}"}}"#))
}
