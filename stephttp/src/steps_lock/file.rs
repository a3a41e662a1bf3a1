//! The file: how it looks, and how it is read and written.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::StepsLockError;
use super::program::{Function, Program, Steps, hands_over};
use super::unique_map::UniqueMap;

/// The only version so far.
const VERSION: u32 = 1;

/// What the file says of itself: whoever meets it in a review should not have to ask.
const ABOUT: &str = "The endpoints, and the steps by which their runs in flight find results again. Written by \
                     inngest::assert_steps_lock!(): STEPS_LOCK=accept cargo test";

/// What the file holds. Sorted, so that it depends on the program alone, and on nothing that runs
/// do not depend on: no places in the source, no order of steps, no retries.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lock {
    about: String,
    version: u32,
    pub(super) endpoints: UniqueMap<Locked>,
    /// Those that have steps with literal ids, by path. A program without any has the file that it
    /// had before there were any.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) helpers: UniqueMap<Locked>,
}

/// The steps of one endpoint or helper.

#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Locked {
    /// The kind of each step; of an id that is used at several places one for each, in the order of
    /// the source.
    pub(super) steps: UniqueMap<Words>,
    /// The ids that a step had before: one for each place that says so.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) renamed_from: UniqueMap<Words>,
}

/// One word or several. One alone stands without brackets, so that a step is a line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "OneOrMany", into = "OneOrMany")]
pub(super) struct Words(pub(super) Vec<String>);

#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a string or a list of strings")]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl From<OneOrMany> for Words {
    fn from(words: OneOrMany) -> Self {
        match words {
            OneOrMany::One(word) => Self(vec![word]),
            OneOrMany::Many(words) => Self(words),
        }
    }
}

impl From<Words> for OneOrMany {
    fn from(Words(mut words): Words) -> Self {
        match words.pop() {
            Some(word) if words.is_empty() => Self::One(word),
            last => {
                words.extend(last);
                Self::Many(words)
            }
        }
    }
}

impl Locked {
    pub(super) fn of(steps: &Steps<'_>) -> Self {
        let mut locked = Self::default();
        for (id, places) in &steps.by_id {
            let kinds = places.iter().map(|step| step.kind().method().to_owned()).collect();
            locked.steps.insert((*id).to_owned(), Words(kinds));
        }
        for (old, renamed) in &steps.by_old_id {
            for (id, places) in renamed {
                let olds = places.iter().map(|_| (*old).to_owned());
                locked.renamed_from.entry((*id).to_owned()).or_default().0.extend(olds);
            }
        }
        locked
    }
}

impl Lock {
    /// What the file should hold for this program.
    pub(super) fn of(program: &Program<'_>) -> Self {
        let endpoints = program.endpoints.iter().filter(|(_, endpoint)| hands_over(endpoint));
        let endpoints = endpoints
            .map(|(id, endpoint)| ((*id).to_owned(), Locked::of(&Steps::of(&Function::Endpoint(endpoint)))));
        let helpers = program
            .helpers
            .iter()
            .map(|(path, helpers)| {
                ((*path).to_owned(), Locked::of(&Steps::of(&Function::Helper(helpers.clone()))))
            })
            .filter(|(_, locked)| !locked.steps.is_empty());
        Self {
            about: ABOUT.to_owned(),
            version: VERSION,
            endpoints: endpoints.collect(),
            helpers: helpers.collect(),
        }
    }

    pub(super) fn read(path: &Path) -> Result<Self, StepsLockError> {
        let text = fs::read_to_string(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => StepsLockError::Missing { path: path.to_owned() },
            // `read_to_string` says so for what is not UTF-8.
            ErrorKind::InvalidData => StepsLockError::Invalid {
                path: path.to_owned(),
                problem: "it is no text in UTF-8".to_owned(),
            },
            _ => StepsLockError::Io { doing: "read", path: path.to_owned(), source: error },
        })?;
        Self::parse(&text).map_err(|problem| StepsLockError::Invalid { path: path.to_owned(), problem })
    }

    /// An error is the problem in words, with its place.
    fn parse(text: &str) -> Result<Self, String> {
        /// Read first: a later version may differ in everything else.
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let is_marker = |line: &str| ["<<<<<<<", ">>>>>>>"].iter().any(|marker| line.starts_with(marker));
        if let Some(line) = text.lines().position(is_marker) {
            return Err(format!(
                "line {} is the mark of a merge conflict: keep the lines of both sides, and let this test tell what \
                 differs",
                line + 1
            ));
        }
        let Versioned { version } = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if version != VERSION {
            return Err(format!(
                "it has version {version}, and this version of stephttp knows version {VERSION} alone"
            ));
        }
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    fn to_text(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// Whoever reads at the same time sees the file as it was or as it is, and a crash leaves one
    /// of the two.
    pub(super) fn write(&self, path: &Path) -> Result<(), StepsLockError> {
        let write = || {
            let mut name = path.file_name().unwrap_or_default().to_owned();
            name.push(format!(".{}.tmp", std::process::id()));
            let temporary = path.with_file_name(name);
            let written = fs::File::create(&temporary)
                .and_then(|mut file| {
                    file.write_all(self.to_text()?.as_bytes())?;
                    file.sync_all()
                })
                .and_then(|()| fs::rename(&temporary, path));
            if written.is_err() {
                // What matters is why it was not written.
                let _ = fs::remove_file(&temporary);
            }
            written
        };
        write().map_err(|source| StepsLockError::Io { doing: "written", path: path.to_owned(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{
  "about": "",
  "version": 1,
  "endpoints": {
    "checkout": {
      "steps": {
        "charge-card": "run",
        "tell": [
          "send_event",
          "run"
        ]
      },
      "renamed_from": {
        "charge-card": "charge"
      }
    }
  }
}
"#;

    #[test]
    fn what_is_read_is_written_the_same() {
        assert_eq!(Lock::parse(GOOD).unwrap().to_text().unwrap(), GOOD);
        assert_eq!(Lock::parse(&GOOD.replace('\n', "\r\n")).unwrap().to_text().unwrap(), GOOD);
        let helpers = ",\n  \"helpers\": {\n    \"shop::pay\": {\n      \"steps\": {\n        \"tell\": \"run\"\n      }\n    }\n  }\n}\n";
        let with_helpers = GOOD.trim_end().trim_end_matches('}').trim_end().to_owned() + helpers;
        assert_eq!(Lock::parse(&with_helpers).unwrap().to_text().unwrap(), with_helpers);
    }

    #[test]
    fn what_cannot_be_read_is_named_with_its_place() {
        let cases = [
            (
                GOOD.replace("    \"checkout\"", "<<<<<<< HEAD\n    \"checkout\""),
                "line 5 is the mark of a merge",
            ),
            (
                GOOD.replace(": 1,", ": 2,"),
                "it has version 2, and this version of stephttp knows version 1 alone",
            ),
            (GOOD.replace("1,", "1"), "expected `,` or `}` at line 4 column 3"),
            (
                GOOD.replace("\"run\",\n", "1,\n"),
                "expected a string or a list of strings at line 7 column 24",
            ),
            (
                GOOD.replace("\"tell\"", "\"charge-card\""),
                "\"charge-card\" is there twice at line 8 column 21",
            ),
            (GOOD.replace("\"steps\"", "\"stops\""), "unknown field `stops`"),
            ("steps".to_owned(), "expected value at line 1 column 1"),
            (String::new(), "EOF while parsing a value at line 1 column 0"),
        ];
        for (text, problem) in cases {
            let found = Lock::parse(&text).unwrap_err();
            assert!(found.contains(problem), "{problem:?} is not in {found:?}");
        }
    }
}
