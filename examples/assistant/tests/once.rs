//! The program as it is run by hand.

use std::process::Command;

#[test]
fn the_demonstration_ends_well() {
    let output = Command::new(env!("CARGO_BIN_EXE_assistant"))
        .arg("--once")
        .env_remove("INNGEST_DEV")
        .env_remove("INNGEST_SIGNING_KEY")
        .env_remove("ASSISTANT_MODEL_URL")
        .env_remove("ASSISTANT_FAILURES")
        .output()
        .unwrap();
    let (story, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{story}\n{errors}");
    assert!(story.contains("takes this text away"), "{story}");
    assert!(story.contains("The client has the answer: {\"outcome\":\"answered\""), "{story}");
}
