//! Responses pass through the layer untouched, and what of them is stored.

mod compressed;
mod streams;
mod untouched;
mod upgrades;

use stephttp_dev::{ResponseView, RunView};

/// The run's response, which has no body, and why.
#[track_caller]
fn assert_not_stored(run: &RunView, why: &str) -> ResponseView {
    let stored = run.response.clone().unwrap();
    assert_eq!((stored.body.as_str(), run.output.as_str()), ("", ""));
    let note = stored.header("x-stephttp-body-not-stored").unwrap();
    assert!(note.contains(why), "{note}");
    stored
}
