//! The modules of this crate stand in one order, in which each names only those above it.

use std::path::PathBuf;

use stephttp_layers::{assert_folder_order, assert_order};

fn src() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "src"].iter().collect()
}

const CRATE: &[&[&str]] = &[
    &["clock", "fault", "function", "json", "socket", "sync", "text", "violation"],
    &["inspect", "remote"],
    &["recording"],
    &["notice", "timeline"],
    &["realtime"],
    &["engine"],
    &["page"],
    &["api"],
    &["server"],
    &["client", "process"],
    &["kit"],
    &["sweep"],
    &["replay"],
    // The command's.
    &["options"],
    &["record", "view"],
];

const ENGINE: &[&[&str]] = &[
    // What operations, requests and answers say, and what is due.
    &["condition", "delay", "gateway", "number", "op", "result", "work"],
    &["run", "wait"],
    &["answer", "clients", "log", "source"],
    &["history"],
    // What comes after an operation.
    &["errand", "flow"],
    // What operations do.
    &["apply"],
    &["checkpoint", "complete", "dispatch", "steps"],
    &["call", "late", "waits"],
    &["invoke"],
    // What comes from outside, and what tests are told.
    &["events", "new_run", "record", "standing", "streams"],
];

const API: &[&[&str]] =
    &[&["cut", "respond"], &["auth", "listening"], &["checkpoint", "events", "output", "realtime", "runs"]];

const REALTIME: &[&[&str]] = &[&["compact", "feed", "token"], &["message", "part", "subscribers"]];

const PAGE: &[&[&str]] = &[&["act", "feed", "guard", "look"]];

const TIMELINE: &[&[&str]] = &[&["words"], &["axis", "server", "text"], &["svg"], &["json"]];

const RECORDING: &[&[&str]] = &[&["blot", "check", "history"], &["trace"], &["redact", "server"]];

const REPLAY: &[&[&str]] = &[&["files", "report", "stand_in", "watch"], &["enter"], &["words"], &["compare"]];

const SERVER: &[&[&str]] = &[&["look"], &["builder", "faults", "realtime"]];

const KIT: &[&[&str]] = &[
    &["mocks", "step"],
    &["record"],
    &["recorder", "shared"],
    // What a test asks of an app.
    &["history", "response"],
    &["follow"],
    &["run"],
    &["request", "snapshot"],
    // How an app begins and ends.
    &["plan"],
    &["app"],
    &["builder", "finish"],
];

const SWEEP: &[&[&str]] = &[
    &["history", "machine", "place"],
    &["places", "promise", "settings", "wire"],
    &["mishaps", "report"],
    // What is seen of stories and of steps.
    &["client", "ledger"],
    &["plan", "watcher"],
    &["pass"],
    &["judge"],
    &["play"],
];

#[test]
fn the_crates_modules_name_only_those_above_them() {
    assert_order(&src(), CRATE);
}

#[test]
fn the_files_of_each_folder_name_only_those_above_them() {
    for (folder, order) in [
        ("engine", ENGINE),
        ("api", API),
        ("realtime", REALTIME),
        ("page", PAGE),
        ("server", SERVER),
        ("timeline", TIMELINE),
        ("kit", KIT),
        ("sweep", SWEEP),
        ("recording", RECORDING),
        ("replay", REPLAY),
    ] {
        assert_folder_order(&src(), folder, order);
    }
}
