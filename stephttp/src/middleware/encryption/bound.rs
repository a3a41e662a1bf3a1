//! What is sealed of a response says that it is one, and of which run.
//!
//! A sealed value does not say by itself where it belongs. A response goes to a client as soon as
//! it is opened, so of all sealed values that Inngest could give in its place none other may be.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::wire::RunId;

/// `{"stephttp:response":"01J…","body":"…"}`, before it is sealed.
#[derive(Deserialize)]
// Nothing that holds more, such as a step's output with a name in it that its client chose.
#[serde(deny_unknown_fields)]
pub(super) struct Bound<'a> {
    #[serde(rename = "stephttp:response", borrow)]
    run_id: Cow<'a, str>,
    /// The body as it would be sealed alone.
    #[serde(borrow)]
    pub(super) body: &'a RawValue,
}

impl<'a> Bound<'a> {
    pub(super) fn write(run_id: RunId, body: &str) -> String {
        format!(r#"{{"stephttp:response":"{run_id}","body":{body}}}"#)
    }

    /// `None` for everything that was not written so.
    pub(super) fn read(opened: &'a RawValue) -> Option<Self> {
        serde_json::from_str(opened.get()).ok().filter(|bound: &Self| bound.run_id.parse::<RunId>().is_ok())
    }

    pub(super) fn is_of(&self, run_id: RunId) -> bool {
        self.run_id.parse() == Ok(run_id)
    }
}
