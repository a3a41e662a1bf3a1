//! What extractors and middlewares remember of a client's request.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::memo::Memoized;
use super::record::StepKey;

/// The hidden step that holds the values.
const HIDDEN_STEP: &str = "stephttp:remember";

/// As JSON: from a type's name to its values, in the order of the handler's arguments.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct RememberedValues(pub(crate) BTreeMap<String, Vec<Box<RawValue>>>);

/// Where the version of the program is in which the run began; no type has this name.
pub(crate) const VERSION: &str = "stephttp:version";

/// Before the names of the texts that middlewares keep; no type's name begins with it.
pub(crate) const TEXT: &str = "middleware:";

/// The texts of middlewares in the hidden step's output.
pub(crate) fn remembered_texts(stored: &Memoized) -> BTreeMap<String, String> {
    let Ok(Ok(RememberedValues(values))) = stored.outcome::<RememberedValues>() else {
        return BTreeMap::new();
    };
    let text = |(name, values): (String, Vec<Box<RawValue>>)| {
        let name = name.strip_prefix(TEXT)?.to_owned();
        Some((name, serde_json::from_str(values.first()?.get()).ok()?))
    };
    values.into_iter().filter_map(text).collect()
}

/// The version of the program in the hidden step's output.
pub(crate) fn remembered_version(stored: &Memoized) -> Option<Box<str>> {
    let Ok(Ok(RememberedValues(values))) = stored.outcome::<RememberedValues>() else { return None };
    serde_json::from_str(values.get(VERSION)?.first()?.get()).ok()
}

pub(crate) fn remembered_step() -> StepKey {
    StepKey::hidden(HIDDEN_STEP)
}
