//! The program as it is run by hand.

use std::process::Command;

#[test]
fn the_demonstration_ends_well() {
    let output = Command::new(env!("CARGO_BIN_EXE_approval"))
        .arg("--once")
        .env_remove("INNGEST_DEV")
        .env_remove("INNGEST_SIGNING_KEY")
        .output()
        .unwrap();
    let (story, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{story}\n{errors}");
    assert!(story.contains("nobody has decided"), "{story}");
}
