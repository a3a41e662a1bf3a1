//! The files of the repository, for tests that read them.

use std::fs;
use std::path::{Path, PathBuf};

/// The root of the repository.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All files that people write and that end in one of these, as paths below the root.
///
/// # Panics
/// When a folder cannot be read.
#[must_use]
pub fn files(endings: &[&str]) -> Vec<String> {
    let root = root();
    let (mut found, mut folders) = (Vec::new(), vec![root.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the folder can be read") {
            let entry = entry.expect("the folder can be read");
            let name = entry.file_name().into_string().expect("names are text");
            if entry.file_type().expect("the folder can be read").is_dir() {
                if name != "target" && name != ".git" {
                    folders.push(entry.path());
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                let path = entry.path();
                let path = path.strip_prefix(&root).expect("it is below the root");
                found.push(path.to_str().expect("names are text").replace('\\', "/"));
            }
        }
    }
    found
}

/// What a file holds.
///
/// # Panics
/// When it cannot be read.
#[must_use]
pub fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Whether a file is compared word by word with what the compiler says, or the attribute writes.
#[must_use]
pub fn is_compared(file: &str) -> bool {
    file.contains("tests/ui/tests/ui/") || file.contains("/tests/golden/")
}
