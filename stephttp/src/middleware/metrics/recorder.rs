//! Where metrics go.

use std::fmt;

use ::metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder, with_recorder};

use super::names::Name;

/// Where metrics go.
pub(super) enum Target {
    /// To the recorder that the program has installed.
    Installed,
    Own(Box<dyn Recorder + Send + Sync>),
}

static METADATA: Metadata<'static> = Metadata::new("inngest", Level::INFO, Some(module_path!()));

impl Target {
    pub(super) fn with<T>(&self, use_it: impl FnOnce(&dyn Recorder) -> T) -> T {
        match self {
            Self::Installed => with_recorder(use_it),
            Self::Own(recorder) => use_it(recorder),
        }
    }

    pub(super) fn counter(&self, name: Name, labels: Vec<Label>) -> Counter {
        let key = Key::from_parts(name.as_str(), labels);
        self.with(|recorder| recorder.register_counter(&key, &METADATA))
    }

    pub(super) fn histogram(&self, name: Name, labels: Vec<Label>) -> Histogram {
        let key = Key::from_parts(name.as_str(), labels);
        self.with(|recorder| recorder.register_histogram(&key, &METADATA))
    }

    pub(super) fn gauge(&self, name: Name) -> Gauge {
        let key = Key::from_name(name.as_str());
        self.with(|recorder| recorder.register_gauge(&key, &METADATA))
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Installed => "Installed",
            Self::Own(_) => "Own",
        })
    }
}
