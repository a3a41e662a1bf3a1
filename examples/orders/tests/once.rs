//! The program as it is run by hand.

use std::process::Command;

#[test]
fn the_demonstration_ends_well() {
    let directory = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_orders"))
        .arg("--once")
        .current_dir(directory.path())
        .env_remove("INNGEST_DEV")
        .env_remove("INNGEST_SIGNING_KEY")
        .env_remove("DATABASE_URL")
        .env("LISTEN", "127.0.0.1:0")
        .output()
        .unwrap();
    let (story, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{story}\n{errors}");
    assert!(story.contains("The customer has the receipt"), "{story}");
}
