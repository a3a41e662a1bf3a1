//! The JS package's values are opened here, and ours there.

use inngest::middleware::{Encryption, EncryptionErrorKind};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::raw;

/// `vectors.json`, made by `compat.mjs`, which says how.
#[derive(Deserialize)]
struct Vectors {
    vectors: Vec<Vector>,
    version0: Vec<Vector>,
    events: Vec<Vector>,
}

#[derive(Deserialize, Serialize)]
struct Vector {
    key: String,
    /// The event's field that is sealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    json: String,
    sealed: Box<RawValue>,
    /// Whether all of an event's data is meant.
    #[serde(default)]
    event: bool,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("vectors.json")).expect("vectors")
}

#[test]
fn values_of_the_js_package_are_opened() {
    let vectors = vectors();
    assert!(vectors.vectors.len() > 30);
    for Vector { key, json, sealed, .. } in vectors.vectors {
        let encryption = Encryption::new(&key).unwrap();
        assert_eq!(encryption.open_value(&sealed).unwrap().get(), json, "{key:?}");
        let rotated = Encryption::new("a new key").unwrap().fallback_decryption_key(&key).unwrap();
        assert_eq!(rotated.open_value(&sealed).unwrap().get(), json, "{key:?}");
    }
}

#[test]
fn values_of_its_version_0_are_opened() {
    let vectors = vectors();
    assert!(vectors.version0.len() > 25);
    for Vector { key, json, sealed, .. } in vectors.version0 {
        let rotated = Encryption::new("a new key").unwrap().fallback_decryption_key(&key).unwrap();
        assert_eq!(rotated.open_value(&sealed).unwrap().get(), json, "{key:?}");
        let error = Encryption::new("another key").unwrap().open_value(&sealed).unwrap_err();
        assert_eq!(error.kind(), EncryptionErrorKind::NoKeyOpensIt, "{key:?} {json}");
    }
}

#[test]
fn a_value_of_version_0_may_name_its_strategy() {
    let Vector { key, json, sealed, .. } = vectors().version0.swap_remove(0);
    let named = sealed.get().replacen(r#""data""#, r#""__STRATEGY__":"inngest/aes","data""#, 1);
    assert_eq!(Encryption::new(key).unwrap().open_value(&raw(&named)).unwrap().get(), json);
}

#[test]
fn version_0_in_pieces_is_an_error() {
    let Vector { key, sealed, .. } = vectors().version0.swap_remove(0);
    let encryption = Encryption::new(key).unwrap();
    let data = super::data(&sealed);
    for length in (0..data.len()).step_by(4) {
        let cut = raw(&format!(r#"{{"__ENCRYPTED__":true,"data":"{}"}}"#, &data[..length]));
        assert!(encryption.open_value(&cut).is_err(), "{length}");
    }
}

#[test]
fn the_same_field_of_an_event_is_sealed_as_in_the_js_package() {
    for Vector { key, field, json, sealed, .. } in vectors().events {
        let encryption = Encryption::new(key).unwrap().event_field(field.unwrap());
        assert_eq!(encryption.open_event_data(&sealed).unwrap().get(), json);

        let json = raw(&json);
        let ours = encryption.seal_event_data(&json).unwrap();
        assert_eq!(without_data(&ours), without_data(&sealed));
    }
}

/// The shape of sealed values is the same each time, but what is sealed is not.
fn without_data(event: &RawValue) -> serde_json::Value {
    let mut event: serde_json::Value = serde_json::from_str(event.get()).expect("JSON");
    for field in event.as_object_mut().expect("an object").values_mut() {
        if field.get("__ENCRYPTED__").is_some() {
            field["data"] = "sealed".into();
        }
    }
    event
}

#[test]
#[ignore = "writes the file that SEALED_VALUES names, for `node compat.mjs open`"]
fn values_for_the_js_package() {
    let file = std::env::var("SEALED_VALUES").expect("SEALED_VALUES names the file to write");
    let Vectors { vectors, events, .. } = vectors();
    let mut sealed = Vec::new();
    for Vector { key, json, .. } in vectors {
        let value = raw(&json);
        let ours = Encryption::new(&key).unwrap().seal_value(&value).unwrap().into_owned();
        sealed.push(Vector { key, field: None, json, sealed: ours, event: false });
    }
    for Vector { key, field, json, .. } in events {
        let encryption = Encryption::new(&key).unwrap().event_field(field.unwrap());
        let ours = encryption.seal_event_data(&raw(&json)).unwrap().into_owned();
        sealed.push(Vector { key, field: None, json, sealed: ours, event: true });
    }
    for (body, json) in [
        ("a body: ü \"\\\n".as_bytes(), r#""a body: ü \"\\\n""#),
        (b"\xff\xfe\x00", r#"{"__ENCODING__":"base64","data":"//4A"}"#),
    ] {
        let ours = super::encryption().seal_body(body).unwrap();
        let ours = raw(str::from_utf8(&ours).unwrap());
        let (key, json) = (super::KEY.to_owned(), json.to_owned());
        sealed.push(Vector { key, field: None, json, sealed: ours, event: false });
    }
    std::fs::write(file, serde_json::to_string(&sealed).unwrap()).unwrap();
}
