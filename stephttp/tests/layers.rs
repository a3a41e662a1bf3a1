//! The folders of this crate stand in one order, in which each names only those above it:
//! `ARCHITECTURE.md` says what each is for.

use std::path::PathBuf;

use stephttp_layers::assert_order;

const ORDER: &[&[&str]] = &[
    // Locks.
    &["sync"],
    // What crosses HTTP.
    &["wire"],
    &["signature"],
    // What strangers send, and what a step may say.
    &["untrusted"],
    &["error", "event", "function"],
    // What replay tests are told.
    &["observer"],
    // Where calls go, and how a call is made.
    &["connect"],
    &["client"],
    &["middleware"],
    // One HTTP exchange as data.
    &["exchange"],
    // The rules of replay.
    &["journal"],
    // What the process still owes Inngest.
    &["delivery"],
    // What a run tells its client before its response.
    &["streaming"],
    // What all requests of a provider share.
    &["app"],
    // One request's share of a run.
    &["run"],
    &["checkpoint"],
    // What runs tell clients of other requests.
    &["relay"],
    // The tools, and the front door.
    &["step"],
    &["live", "remember"],
    &["replayable"],
    &["extract"],
    &["trace"],
    &["layer", "output"],
    &["provider"],
    &["__private"],
    &["steps_lock"],
    // Documentation alone.
    &["from_go", "guide"],
];

#[test]
fn folders_name_only_those_above_them() {
    let src: PathBuf = [env!("CARGO_MANIFEST_DIR"), "src"].iter().collect();
    assert_order(&src, ORDER);
}
