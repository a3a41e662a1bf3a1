//! Which files hold the recordings.

use std::path::{Path, PathBuf};

use crate::recording::Recording;

/// The recordings of a file, a folder, or a pattern with `*` in the file's name, by their names and
/// in their order.
pub(super) fn read(pattern: &str) -> Result<Vec<(String, Recording)>, String> {
    let paths = find(pattern)?;
    let recordings = paths.iter().map(|path| {
        let recording = Recording::read(path).map_err(|error| error.to_string())?;
        Ok((path.display().to_string(), recording))
    });
    recordings.collect()
}

fn find(pattern: &str) -> Result<Vec<PathBuf>, String> {
    let path = Path::new(pattern);
    if path.is_dir() {
        return list(path, "*.json", pattern);
    }
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if folder.to_string_lossy().contains('*') {
        return Err(format!(
            "`{pattern}` has a `*` in the name of a folder: it may stand in a file's name alone"
        ));
    }
    if name.contains('*') {
        return list(folder, name, pattern);
    }
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    Err(format!("there is no recording `{pattern}`{}", seen_from()))
}

fn list(folder: &Path, name: &str, pattern: &str) -> Result<Vec<PathBuf>, String> {
    let entries = std::fs::read_dir(folder)
        .map_err(|error| format!("the folder {} cannot be read: {error}{}", folder.display(), seen_from()))?;
    let mut paths = Vec::new();
    for entry in entries {
        let entry =
            entry.map_err(|error| format!("the folder {} cannot be read: {error}", folder.display()))?;
        if entry.file_name().to_str().is_some_and(|file| matches(name, file)) && entry.path().is_file() {
            paths.push(entry.path());
        }
    }
    paths.sort();
    if paths.is_empty() {
        return Err(format!(
            "no file matches `{pattern}`{}: a test without a recording tests nothing. Record a run with \
             `stephttp-dev record` or `DevServer::record`",
            seen_from()
        ));
    }
    Ok(paths)
}

/// A package's tests run in its folder.
fn seen_from() -> String {
    std::env::current_dir()
        .map_or_else(|_| String::new(), |folder| format!(", seen from {}", folder.display()))
}

/// Whether a name is as a pattern says, in which `*` is any text.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(place) => rest = &rest[place + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_text() {
        for (pattern, name, is_match) in [
            ("a.json", "a.json", true),
            ("a.json", "b.json", false),
            ("*.json", "a.json", true),
            ("*.json", "a.json.bak", false),
            ("order-*.json", "order-1.json", true),
            ("order-*-*.json", "order-1.json", false),
            ("order-*-*.json", "order-1-2.json", true),
            ("*", "anything", true),
            ("ab*ba", "aba", false),
        ] {
            assert_eq!(matches(pattern, name), is_match, "{pattern} {name}");
        }
    }

    #[test]
    fn what_is_not_there_is_named() {
        assert!(read("nowhere/*.json").unwrap_err().contains("nowhere"));
        assert!(read("src/*.json").unwrap_err().contains("no file matches `src/*.json`"));
        assert!(read("*/x.json").unwrap_err().contains("folder"));
        assert!(read("src/none.json").unwrap_err().contains("src/none.json"));
    }
}
