//! HTTP bodies.

use inngest::middleware::EncryptionErrorKind;
use proptest::prelude::*;

use super::{encryption, raw};

#[test]
fn an_empty_body_stays_empty() {
    assert!(encryption().seal_body(b"").unwrap().is_empty());
    assert!(encryption().open_body(b"").unwrap().is_empty());
}

#[test]
fn a_text_is_sealed_as_a_json_string() {
    let sealed = encryption().seal_body(b"{\"order\": 1}").unwrap().into_owned();
    let value = raw(&String::from_utf8(sealed).unwrap());
    assert_eq!(encryption().open_value(&value).unwrap().get(), r#""{\"order\": 1}""#);
}

#[test]
fn bytes_are_sealed_with_their_encoding() {
    let sealed = encryption().seal_body(b"\xff\x00").unwrap().into_owned();
    let value = raw(&String::from_utf8(sealed).unwrap());
    let opened = encryption().open_value(&value).unwrap().into_owned();
    assert_eq!(opened.get(), r#"{"__ENCODING__":"base64","data":"/wA="}"#);
}

#[test]
fn a_body_that_looks_sealed_comes_back_as_it_was() {
    for body in [
        r#"{"__ENCRYPTED__":true,"__STRATEGY__":"inngest/libsodium","data":"AAAA"}"#,
        r#"{"__ENCRYPTED__":true,"#,
        r#"{"__ENCODING__":"base64","data":"/wA="}"#,
        " ",
    ] {
        let sealed = encryption().seal_body(body.as_bytes()).unwrap().into_owned();
        assert_eq!(*encryption().open_body(&sealed).unwrap(), *body.as_bytes());
    }
}

#[test]
fn a_body_of_json_that_another_sdk_has_sealed_is_opened() {
    for json in [r#"{"order":1}"#, "[1]", "1", r#"{"__ENCODING__":"rot13","data":""}"#] {
        let sealed = encryption().seal_value(&raw(json)).unwrap().into_owned();
        assert_eq!(*encryption().open_body(sealed.get().as_bytes()).unwrap(), *json.as_bytes());
    }
}

#[test]
fn a_body_that_is_not_sealed_stays_as_it_is() {
    for body in [b"text".as_slice(), b"\xff", b"{}", b"{", b"[", b" {\"__ENCRYPTED__\": false}"] {
        assert_eq!(*encryption().open_body(body).unwrap(), *body);
    }
}

#[test]
fn a_sealed_body_that_lost_its_end_is_an_error() {
    let sealed = encryption().seal_body("an order".as_bytes()).unwrap().into_owned();
    for length in r#"{"__ENCRYPTED__":true,"#.len()..sealed.len() {
        let error = encryption().open_body(&sealed[..length]).unwrap_err();
        assert_eq!(error.kind(), EncryptionErrorKind::Malformed, "{length}");
    }
}

#[test]
fn a_body_that_claims_to_be_base64_and_is_not_is_an_error() {
    let wrong = raw(r#"{"__ENCODING__":"base64","data":"?"}"#);
    let sealed = encryption().seal_value(&wrong).unwrap().into_owned();
    let error = encryption().open_body(sealed.get().as_bytes()).unwrap_err();
    assert_eq!(error.kind(), EncryptionErrorKind::Malformed);

    let half = encryption().seal_value(&raw(r#""\ud800""#)).unwrap().into_owned();
    let error = encryption().open_body(half.get().as_bytes()).unwrap_err();
    assert_eq!(error.kind(), EncryptionErrorKind::Malformed);
}

proptest! {
    #[test]
    fn every_body_comes_back(bytes in any::<Vec<u8>>(), text in any::<String>()) {
        for body in [&bytes[..], text.as_bytes()] {
            let sealed = encryption().seal_body(body).unwrap().into_owned();
            prop_assert!(sealed.is_ascii());
            prop_assert_eq!(&*encryption().open_body(&sealed).unwrap(), body);
        }
    }

    #[test]
    fn no_body_panics(bytes in any::<Vec<u8>>(), text in r#"[{]"__ENCRYPTED__":(true|1),[{}"\\:,_a-zA-Z]{0,60}"#) {
        prop_assert_eq!(&*encryption().open_body(&bytes).unwrap(), &bytes[..]);
        // The one or the other, but an answer.
        let _ = encryption().open_body(text.as_bytes());
    }
}
