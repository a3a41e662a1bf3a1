//! The modules of this crate stand in one order, in which each names only those above it.

use std::path::PathBuf;

use stephttp_layers::{assert_folder_order, assert_order};

fn src() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "src"].iter().collect()
}

/// What an attribute reads, from the words to the code.
const CRATE: &[&[&str]] = &[
    &["errors", "kind", "manifest", "nearest", "tokens"],
    &["cfgs", "place"],
    &["args", "item"],
    &["krate"],
    &["event", "steps", "steps_lock"],
    &["validate"],
    &["expand"],
];

const ARGS: &[&[&str]] = &[&["duration"], &["given"], &["split"]];

const EVENT: &[&[&str]] = &[&["integers", "name", "options", "serde"], &["container", "fields"], &["expand"]];

const STEPS: &[&[&str]] = &[
    &["filter", "limit"],
    &["borrowed", "branches", "call", "closure", "future", "spawn"],
    &["arguments", "configured", "result"],
    &["binding", "guard", "place", "volatile"],
    &["answer", "misuse"],
];

const VALIDATE: &[&[&str]] = &[
    &["arguments", "function_id", "hand_over", "limits", "live", "step_argument", "step_calls"],
    &["signature"],
    &["helper"],
];

const EXPAND: &[&[&str]] = &[&["doc_table", "opts", "warnings"], &["checks", "helper"]];

#[test]
fn the_crates_modules_name_only_those_above_them() {
    assert_order(&src(), CRATE);
}

#[test]
fn the_files_of_each_folder_name_only_those_above_them() {
    for (folder, order) in
        [("args", ARGS), ("event", EVENT), ("steps", STEPS), ("validate", VALIDATE), ("expand", EXPAND)]
    {
        assert_folder_order(&src(), folder, order);
    }
}
