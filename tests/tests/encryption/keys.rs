//! Keys.

use inngest::middleware::{Encryption, EncryptionKeyError};

use super::{encryption, raw};

#[test]
fn an_empty_key_is_refused() {
    for empty in ["", " \t\n", "\u{feff}\u{3000}\u{2028}"] {
        assert_eq!(Encryption::new(empty).unwrap_err(), EncryptionKeyError::Empty);
        let error = encryption().fallback_decryption_key(empty).unwrap_err();
        assert!(error.to_string().contains("openssl rand -base64 32"), "{error}");
    }
}

#[test]
fn white_space_around_a_key_does_not_count_and_within_does() {
    let sealed = Encryption::new("a key").unwrap().seal_value(&raw("1")).unwrap().into_owned();
    assert_eq!(Encryption::new("\n a key\t").unwrap().open_value(&sealed).unwrap().get(), "1");
    assert!(Encryption::new("a  key").unwrap().open_value(&sealed).is_err());
    assert!(Encryption::new("A key").unwrap().open_value(&sealed).is_err());
}

#[test]
fn a_fallback_key_opens_and_does_not_seal() {
    let rotated = Encryption::new("new").unwrap().fallback_decryption_key("old").unwrap();
    let sealed = rotated.seal_value(&raw("1")).unwrap().into_owned();
    assert_eq!(Encryption::new("new").unwrap().open_value(&sealed).unwrap().get(), "1");
    assert!(Encryption::new("old").unwrap().open_value(&sealed).is_err());
}

#[test]
fn nothing_shows_a_key() {
    let encryption =
        Encryption::new("first secret").unwrap().fallback_decryption_key("second secret").unwrap();
    let shown = format!("{encryption:?}");
    assert_eq!(
        shown,
        r#"Encryption { keys: 2, event_field: "encrypted", decrypt_only: false, readable_responses: false }"#
    );
    let sealed = Encryption::new("third secret").unwrap().seal_value(&raw("1")).unwrap().into_owned();
    let error = encryption.open_value(&sealed).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("secret"));
}
