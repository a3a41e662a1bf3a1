//! What stands in for the code of steps.

use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use inngest::Failure;
use serde::Serialize;
use serde_json::Value;

use crate::text::panic_text;

type Make = Arc<dyn Fn(u32) -> Result<Value, Failure> + Send + Sync>;

/// The mock of one step.
#[derive(Clone)]
pub(super) struct Mock(Make);

impl Mock {
    pub(super) fn new(make: impl Fn(u32) -> Result<Value, Failure> + Send + Sync + 'static) -> Self {
        Self(Arc::new(make))
    }

    /// What an attempt gives, counted from 1; the error says what the mock panicked with.
    pub(super) fn give(&self, attempt: u32) -> Result<Result<Value, Failure>, String> {
        catch_unwind(AssertUnwindSafe(|| (self.0)(attempt))).map_err(|panic| panic_text(&*panic).to_owned())
    }
}

/// A mock's value.
#[track_caller]
pub(super) fn mocked(output: impl Serialize) -> Value {
    match serde_json::to_value(output) {
        Ok(output) => output,
        Err(error) => panic!("a mock gives what can be written as JSON: {error}"),
    }
}

/// All mocks of a test, by the names of their steps.
#[derive(Default)]
pub(super) struct Mocks(HashMap<String, Entry>);

struct Entry {
    mock: Mock,
    used: bool,
}

impl Mocks {
    /// One that replaces an earlier one of the same name.
    pub(super) fn set(&mut self, name: String, mock: Mock) {
        self.0.insert(name, Entry { mock, used: false });
    }

    /// The mock of a step: of this use of its id, or of all of them.
    pub(super) fn take(&mut self, label: &str, id: &str) -> Option<Mock> {
        let name = if self.0.contains_key(label) { label } else { id };
        let entry = self.0.get_mut(name)?;
        entry.used = true;
        Some(entry.mock.clone())
    }

    /// The names for which no step has come.
    pub(super) fn unused(&self) -> Vec<String> {
        let unused = self.0.iter().filter(|(_, entry)| !entry.used);
        let mut names: Vec<String> = unused.map(|(name, _)| name.clone()).collect();
        names.sort();
        names
    }
}

impl fmt::Debug for Mocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
