//! JSON values.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use inngest::middleware::{Encryption, EncryptionErrorKind};
use proptest::prelude::*;

use super::{data, encryption, raw, with_data};

#[test]
fn a_sealed_value_shows_nothing_of_it_and_is_another_each_time() {
    let (encryption, value) = (encryption(), raw(r#"{"card":"4242"}"#));
    let sealed = encryption.seal_value(&value).unwrap();
    let shape: serde_json::Value = serde_json::from_str(sealed.get()).unwrap();
    assert_eq!(shape["__ENCRYPTED__"], true);
    assert_eq!(shape["__STRATEGY__"], "inngest/libsodium");
    assert_eq!(shape.as_object().unwrap().len(), 3);
    let bytes = STANDARD.decode(data(&sealed)).unwrap();
    assert_eq!(bytes.len(), 24 + 16 + value.get().len());
    assert!(!String::from_utf8_lossy(&bytes).contains("4242"));
    let again = encryption.seal_value(&value).unwrap();
    assert_ne!(data(&sealed)[..32], data(&again)[..32], "the nonce is random");
}

#[test]
fn null_is_not_sealed() {
    let null = raw("null");
    assert_eq!(encryption().seal_value(&null).unwrap().get(), "null");
    assert_eq!(encryption().open_value(&null).unwrap().get(), "null");
}

#[test]
fn a_value_that_is_not_exactly_marked_stays_as_it_is() {
    let sealed = encryption().seal_value(&raw("1")).unwrap().into_owned();
    let data = data(&sealed);
    for value in [
        "1".to_owned(),
        "{}".to_owned(),
        r#""__ENCRYPTED__""#.to_owned(),
        r#"{"data":"__ENCRYPTED__"}"#.to_owned(),
        format!(r#"{{"__STRATEGY__":"inngest/libsodium","data":"{data}"}}"#),
        format!(r#"{{"__ENCRYPTED__":false,"__STRATEGY__":"inngest/libsodium","data":"{data}"}}"#),
        format!(r#"{{"__ENCRYPTED__":"true","__STRATEGY__":"inngest/libsodium","data":"{data}"}}"#),
        format!(r#"{{"__ENCRYPTED__":1,"__STRATEGY__":"inngest/libsodium","data":"{data}"}}"#),
        format!(r#"{{"__ENCRYPTED__":true,"__STRATEGY__":null,"data":"{data}"}}"#),
        format!(r#"{{"__ENCRYPTED__":true,"__STRATEGY__":"inngest/libsodium","data":["{data}"]}}"#),
        r#"{"__ENCRYPTED__":true,"__STRATEGY__":"inngest/libsodium"}"#.to_owned(),
        format!(r#"{{"__ENCRYPTED__":true,"__ENCRYPTED__":false,"__STRATEGY__":"x","data":"{data}"}}"#),
        format!("[{sealed}]"),
        format!(r#"{{"data":{sealed}}}"#),
        r#"{"__ENCRYPTED__":[],"\ud800":1}"#.to_owned(),
    ] {
        let value = raw(&value);
        let opened = encryption().open_value(&value).unwrap().into_owned();
        assert_eq!(opened.get(), value.get());
    }
}

#[test]
fn a_sealed_value_may_have_more_members_in_any_order_and_escapes() {
    let sealed = encryption().seal_value(&raw(r#"{"a":[1]}"#)).unwrap().into_owned();
    let data = data(&sealed).replace('/', "\\/");
    let json = format!(
        "{{ \"more\": {{\"data\": 1}}, \"data\": \"{data}\" ,\"__STRATEGY__\":\"inngest\\/libsodium\",\"__ENCRYPTED__\" : true}}"
    );
    assert_eq!(encryption().open_value(&raw(&json)).unwrap().get(), r#"{"a":[1]}"#);
}

#[test]
fn what_is_marked_is_so_however_its_names_are_escaped() {
    let decrypting = encryption().decrypt_only();
    for json in [
        r#"{"\u005f_ENCRYPTED__":true,"data":"AAAA"}"#,
        r#"{"__ENCRYPTE\u0044__":true,"__STRATEG\u0059__":"inngest\/libsodium","\u0064ata":"AA\u0041A"}"#,
        // Of two the last counts.
        r#"{"__ENCRYPTED__":false,"data":7,"\u005F_ENCRYPTED__":true,"\u0064ata":"AAAA"}"#,
        // Inngest writes it as U+FFFD.
        r#"{"\u005f_ENCRYPTED__":true,"data":"\ud800"}"#,
    ] {
        let sealed = decrypting.seal_value(&raw(json)).unwrap().into_owned();
        assert_ne!(sealed.get(), json);
        assert_eq!(decrypting.open_value(&sealed).unwrap().get(), json);
        let event = raw(&format!(r#"{{"note":{json}}}"#));
        let sealed = encryption().seal_event_data(&event).unwrap().into_owned();
        assert!(sealed.get().starts_with(r#"{"note":{"__ENCRYPTED__":true,"__STRATEGY__":"#), "{sealed}");
        assert_eq!(encryption().open_event_data(&sealed).unwrap().get(), event.get());
    }
    for json in [
        r#"{"__ENCRYPTED__":true,"\u005f_ENCRYPTED__":false,"data":"AAAA"}"#,
        r#"{"__ENCRYPTED__\ud800":true,"data":"AAAA"}"#,
        r#"{"\\u005f_ENCRYPTED__":true,"data":"AAAA"}"#,
    ] {
        assert_eq!(decrypting.seal_value(&raw(json)).unwrap().get(), json);
    }
}

#[test]
fn a_value_that_is_sealed_twice_is_opened_twice() {
    let once = encryption().seal_value(&raw("1")).unwrap().into_owned();
    let twice = encryption().seal_value(&once).unwrap().into_owned();
    let opened = encryption().open_value(&twice).unwrap().into_owned();
    assert_eq!(opened.get(), once.get());
}

#[test]
fn a_value_that_was_changed_anywhere_is_not_opened() {
    let sealed = encryption().seal_value(&raw(r#"{"amount":1200}"#)).unwrap().into_owned();
    let bytes = STANDARD.decode(data(&sealed)).unwrap();
    let fails = |bytes: &[u8], how: &str| {
        let error = encryption().open_value(&with_data(&STANDARD.encode(bytes))).unwrap_err();
        let kinds = [EncryptionErrorKind::NoKeyOpensIt, EncryptionErrorKind::Malformed];
        assert!(kinds.contains(&error.kind()), "{how}: {error}");
    };
    for (place, bit) in (0..bytes.len()).flat_map(|place| (0..8).map(move |bit| (place, bit))) {
        let mut changed = bytes.clone();
        changed[place] ^= 1 << bit;
        fails(&changed, "one bit");
    }
    for length in 0..bytes.len() {
        fails(&bytes[..length], "cut at its end");
        fails(&bytes[bytes.len() - length..], "cut at its beginning");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    fails(&longer, "longer");
}

#[test]
fn a_text_that_was_changed_anywhere_is_not_opened() {
    let sealed = encryption().seal_value(&raw("[1200]")).unwrap().into_owned();
    let data = data(&sealed);
    assert!(data.ends_with("=="), "also the bits that base64 leaves over must be as they were");
    for place in 0..data.len() {
        for other in "ABCghw019+/=-_ \u{e9}".chars().filter(|other| !data[place..].starts_with(*other)) {
            let mut changed = data.clone();
            changed.replace_range(place..=place, &other.to_string());
            assert!(encryption().open_value(&with_data(&changed)).is_err(), "{changed}");
        }
    }
}

#[test]
fn the_error_says_which() {
    let kind = |json: &str| {
        let error = encryption().open_value(&raw(json)).unwrap_err();
        (error.kind(), error.to_string())
    };
    let sealed = Encryption::new("another key").unwrap().seal_value(&raw("1")).unwrap().into_owned();
    let (no_key, text) = kind(sealed.get());
    assert_eq!(no_key, EncryptionErrorKind::NoKeyOpensIt);
    assert!(text.contains("fallback_decryption_key"), "{text}");

    let (unknown, text) = kind(r#"{"__ENCRYPTED__":true,"__STRATEGY__":"acme/rot13","data":"AAAA"}"#);
    assert_eq!(unknown, EncryptionErrorKind::UnknownStrategy);
    assert!(text.contains("acme/rot13") && text.contains("inngest/libsodium"), "{text}");
    let long = format!(r#"{{"__ENCRYPTED__":true,"__STRATEGY__":"{}","data":""}}"#, "x".repeat(10_000));
    assert!(kind(&long).1.len() < 300);

    for (data, problem) in [("AAAA", "too short"), ("no base64", "no base64"), ("", "too short")] {
        let (malformed, text) = kind(with_data(data).get());
        assert_eq!(malformed, EncryptionErrorKind::Malformed);
        assert!(text.contains(problem), "{text}");
    }
    assert_eq!(kind(with_data(r"\ud800").get()).0, EncryptionErrorKind::Malformed);
    let (version_0, text) = kind(r#"{"__ENCRYPTED__":true,"data":"AAAA"}"#);
    assert_eq!(version_0, EncryptionErrorKind::Malformed);
    assert!(text.contains("salt"), "{text}");
}

#[test]
fn what_only_decrypts_seals_nothing() {
    let old = encryption().decrypt_only();
    let value = raw(r#"{"encrypted":1}"#);
    assert_eq!(old.seal_value(&value).unwrap().get(), value.get());
    assert_eq!(old.seal_event_data(&value).unwrap().get(), value.get());
    assert_eq!(*old.seal_body(b"text").unwrap(), *b"text");
    let sealed = encryption().seal_value(&value).unwrap().into_owned();
    assert_eq!(old.open_value(&sealed).unwrap().get(), value.get());
}

proptest! {
    #[test]
    fn what_is_opened_is_what_was_sealed(text in any::<String>(), number in any::<f64>(), keys in any::<[bool; 3]>()) {
        let json = serde_json::json!({ text.clone(): [text, number, keys] }).to_string();
        let (value, [first, second, third]) = (raw(&json), ["k1", "k2", "k3"]);
        let sealing = if keys[0] { first } else if keys[1] { second } else { third };
        let sealed = Encryption::new(sealing).unwrap().seal_value(&value).unwrap().into_owned();
        let all = Encryption::new(third).unwrap();
        let all = all.fallback_decryption_key(second).unwrap().fallback_decryption_key(first).unwrap();
        let opened = all.open_value(&sealed).unwrap();
        prop_assert_eq!(opened.get(), json);
    }

    #[test]
    fn nothing_that_is_marked_panics(strategy in "(inngest/libsodium|inngest/aes|x|)", data in "[A-Za-z0-9+/]{0,200}={0,2}") {
        let named = raw(&format!(r#"{{"__ENCRYPTED__":true,"__STRATEGY__":"{strategy}","data":"{data}"}}"#));
        prop_assert!(encryption().open_value(&named).is_err());
        let version_0 = raw(&format!(r#"{{"__ENCRYPTED__":true,"data":"U2FsdGVkX1{data}"}}"#));
        prop_assert!(encryption().open_value(&version_0).is_err());
    }
}
