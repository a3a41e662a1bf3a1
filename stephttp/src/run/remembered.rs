//! What a client's request remembers for its re-entries, and how far a re-entry has come with it.

use std::any::type_name;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use serde_json::value::RawValue;

use crate::journal::{RememberedValues, TEXT, VERSION};
use crate::sync::lock;

type TypeName = &'static str;

/// The values of the request at hand.
#[derive(Default)]
pub(crate) struct Remembered {
    /// In the first request: what was extracted. In a re-entry: the types asked for so far.
    values: Mutex<Vec<(TypeName, Option<Box<RawValue>>)>>,
}

impl Remembered {
    pub(crate) fn push<T>(&self, json: Box<RawValue>) {
        self.lock().push((type_name::<T>(), Some(json)));
    }

    /// How many of this type were asked for before; counts this one.
    pub(crate) fn next_index<T>(&self) -> usize {
        let mut values = self.lock();
        let index = values.iter().filter(|(name, _)| *name == type_name::<T>()).count();
        values.push((type_name::<T>(), None));
        index
    }

    /// The hidden step's output, if there is anything to remember.
    ///
    /// `texts` are what middlewares keep, `version` is the program's.
    pub(crate) fn take(
        &self,
        texts: &BTreeMap<String, String>,
        version: Option<&str>,
    ) -> Option<Box<RawValue>> {
        let mut stored = BTreeMap::<String, Vec<Box<RawValue>>>::new();
        let texts = texts.iter().map(|(name, text)| (format!("{TEXT}{name}"), text.as_str()));
        for (name, text) in texts.chain(version.map(|version| (VERSION.to_owned(), version))) {
            stored.insert(name, serde_json::value::to_raw_value(text).into_iter().collect());
        }
        for (name, json) in self.lock().drain(..) {
            stored.entry(name.to_owned()).or_default().extend(json);
        }
        if stored.is_empty() {
            return None;
        }
        // Texts and raw JSON: this cannot fail.
        serde_json::value::to_raw_value(&RememberedValues(stored)).ok()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(TypeName, Option<Box<RawValue>>)>> {
        lock(&self.values)
    }
}
