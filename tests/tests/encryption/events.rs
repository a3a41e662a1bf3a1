//! Events' data.

use inngest::middleware::EncryptionErrorKind;
use proptest::prelude::*;

use super::{encryption, raw};

#[test]
fn one_field_is_sealed_and_the_others_stay_as_they_are_written() {
    let data =
        raw(r#"{ "b" : 1.50, "encrypted": {"card":"4242"}, "a\u0062": [ 1 ], "inner": {"encrypted": 2} }"#);
    let sealed = encryption().seal_event_data(&data).unwrap().into_owned();
    assert!(!sealed.get().contains("4242"));
    assert!(sealed.get().starts_with(r#"{"b":1.50,"encrypted":{"__ENCRYPTED__":true,"#), "{sealed}");
    assert!(sealed.get().ends_with(r#""},"a\u0062":[ 1 ],"inner":{"encrypted": 2}}"#), "{sealed}");
    let opened = encryption().open_event_data(&sealed).unwrap().into_owned();
    let expected = r#"{"b":1.50,"encrypted":{"card":"4242"},"a\u0062":[ 1 ],"inner":{"encrypted": 2}}"#;
    assert_eq!(opened.get(), expected);
}

#[test]
fn the_field_is_found_however_its_name_is_written_and_each_time() {
    let data = raw(r#"{"encrypted":"secret","encrypte\u0064":"secret"}"#);
    let sealed = encryption().seal_event_data(&data).unwrap().into_owned();
    assert!(!sealed.get().contains("secret"), "{sealed}");
}

#[test]
fn another_field_can_be_chosen() {
    let data = raw(r#"{"encrypted":"open","a \"name\"":"secret"}"#);
    let sealed = encryption().event_field("a \"name\"").seal_event_data(&data).unwrap().into_owned();
    assert!(sealed.get().contains("open") && !sealed.get().contains("secret"), "{sealed}");
    // Who opens needs not know the field's name.
    assert_eq!(encryption().open_event_data(&sealed).unwrap().get(), data.get());
}

#[test]
fn data_without_the_field_stays_as_it_is() {
    let data = raw(r#"{ "order" : 1 }"#);
    assert_eq!(encryption().seal_event_data(&data).unwrap().get(), data.get());
    assert_eq!(encryption().open_event_data(&data).unwrap().get(), data.get());
}

#[test]
fn data_that_is_no_object_cannot_have_the_field() {
    assert_eq!(encryption().seal_event_data(&raw("null")).unwrap().get(), "null");
    for json in ["[]", "1", r#""encrypted""#] {
        let data = raw(json);
        let error = encryption().seal_event_data(&data).unwrap_err();
        assert_eq!(error.kind(), EncryptionErrorKind::NotAnObject);
        assert_eq!(encryption().open_event_data(&data).unwrap().get(), json);
    }
}

#[test]
fn the_error_names_the_field() {
    let data = raw(r#"{"order":1,"pay\"ment":{"__ENCRYPTED__":true,"__STRATEGY__":"x","data":""}}"#);
    let error = encryption().open_event_data(&data).unwrap_err();
    assert_eq!(error.field(), Some("pay\"ment"));
    assert!(error.to_string().contains(r#"pay\"ment"#), "{error}");
    let odd = raw(r#"{"\ud800":{"__ENCRYPTED__":true,"__STRATEGY__":"x","data":""}}"#);
    assert_eq!(encryption().open_event_data(&odd).unwrap_err().field(), Some(r#""\ud800""#));
}

#[test]
fn names_that_are_no_unicode_do_no_harm() {
    let data = raw(r#"{"\ud800":1,"encrypted":"secret"}"#);
    let sealed = encryption().seal_event_data(&data).unwrap().into_owned();
    assert_eq!(encryption().open_event_data(&sealed).unwrap().get(), data.get());
}

proptest! {
    #[test]
    fn every_event_comes_back(fields in proptest::collection::btree_map("(encrypted|[a-c\"\\\\])", any::<String>(), 0..4)) {
        let json = serde_json::to_string(&fields).unwrap();
        let data = raw(&json);
        let sealed = encryption().seal_event_data(&data).unwrap().into_owned();
        let opened = encryption().open_event_data(&sealed).unwrap().into_owned();
        prop_assert_eq!(opened.get(), json);
    }
}
