//! What the features of the crate turn on in rustls, which a program is built with once.

use std::process::Command;

/// The features of rustls, in a program that has this crate with features of its own alone; `None`
/// without rustls.
fn rustls_features(features: &[&str]) -> Option<Vec<String>> {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["tree", "--offline", "--locked", "--manifest-path", manifest, "--package", "stephttp"]);
    cargo.args(["--edges", "normal", "--prefix", "none", "--format", "{p}|{f}"]).args(features);
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    let line = tree.lines().find(|line| line.starts_with("rustls v"))?;
    let (_, features) = line.trim_end_matches(" (*)").split_once('|').unwrap();
    Some(features.split(',').map(str::to_owned).collect())
}

#[test]
fn no_feature_turns_a_provider_on_but_that_of_rustls_defaults() {
    let providers = |features: &[&str]| {
        let on = rustls_features(features)?;
        Some(["aws_lc_rs", "ring", "custom-provider"].map(|provider| on.iter().any(|name| name == provider)))
    };
    // An application with rustls by its defaults has this one, too.
    assert_eq!(providers(&[]), Some([true, false, false]));
    // One with `ring` alone goes on with that.
    let own = ["--no-default-features", "--features", "rustls-no-provider"];
    assert_eq!(providers(&own), Some([false, false, false]));
    assert_eq!(providers(&["--no-default-features"]), None);
}
