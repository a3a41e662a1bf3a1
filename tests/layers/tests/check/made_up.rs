//! Crates on disk.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use stephttp_layers::{check, check_folder};

/// A crate of these files, which is gone when it is dropped.
pub(crate) struct Crate(PathBuf);

impl Crate {
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{number}", std::process::id()));
        for (name, text) in files {
            let file = folder.join("src").join(name);
            fs::create_dir_all(file.parent().unwrap_or(&folder)).expect("a folder in the target directory");
            fs::write(file, text).expect("a file in it");
        }
        Self(folder)
    }

    pub(crate) fn check(&self, order: &[&[&str]]) -> Vec<String> {
        check(&self.0.join("src"), order).iter().map(ToString::to_string).collect()
    }

    pub(crate) fn check_folder(&self, folder: &str, order: &[&[&str]]) -> Vec<String> {
        check_folder(&self.0.join("src"), folder, order).iter().map(ToString::to_string).collect()
    }
}

impl Drop for Crate {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What is found in `above.rs`, in a crate where `below` stands below it.
pub(crate) fn in_above(text: &str) -> Vec<String> {
    let below = "pub struct Thing; pub mod inner { pub fn make() {} }";
    Crate::of(&[("lib.rs", "mod above; mod below;"), ("above.rs", text), ("below.rs", below)])
        .check(&[&["above"], &["below"]])
}

/// Asserts that each fault says these words, in their order.
#[track_caller]
pub(crate) fn assert_says(faults: &[String], expected: &[&[&str]]) {
    assert_eq!(faults.len(), expected.len(), "{faults:#?}");
    for (fault, words) in faults.iter().zip(expected) {
        for word in *words {
            assert!(fault.contains(word), "`{word}` is not in: {fault}");
        }
    }
}
