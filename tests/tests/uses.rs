//! `use` items: those of the standard library, of other crates and of this one are groups, in this
//! order.
//!
//! rustfmt sorts within groups alone. Where a module re-exports what is in its own modules, that
//! is a group too, before the rest of the crate's.
#![allow(clippy::unwrap_used, reason = "clippy takes only test functions for tests")]

use stephttp_tests::sources::{files, is_compared, read};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Of {
    Std,
    Others,
    ReExported,
    ThisCrate,
}

/// A line that begins a `use` item.
struct Use<'a> {
    indented: usize,
    /// It says `pub`, or `pub(…)`.
    is_public: bool,
    /// The first name of its path.
    root: &'a str,
}

/// What comes after `pub` or `pub(…)`, and whether that was there.
fn after_visibility(line: &str) -> (&str, bool) {
    match line.strip_prefix("pub") {
        Some(rest) if rest.starts_with('(') => (rest.split_once(") ").map_or(rest, |(_, rest)| rest), true),
        Some(rest) if rest.starts_with(' ') => (rest.trim_start(), true),
        _ => (line, false),
    }
}

fn name_at_start(text: &str) -> &str {
    &text[..text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len())]
}

fn as_use(line: &str) -> Option<Use<'_>> {
    let (rest, is_public) = after_visibility(line.trim_start());
    let path = rest.strip_prefix("use ")?;
    Some(Use { indented: indentation(line), is_public, root: name_at_start(path.trim_start_matches(':')) })
}

/// The module that a line begins or declares.
fn as_module(line: &str) -> Option<(usize, &str)> {
    let name = after_visibility(line.trim_start()).0.strip_prefix("mod ").map(name_at_start);
    name.map(|name| (indentation(line), name))
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Whose a group is. `modules` are those of the same file, with how far they are indented.
fn whose(group: &[Use<'_>], modules: &[(usize, &str)]) -> Result<Of, &'static str> {
    let is_own = |item: &Use<'_>| {
        let begins_a_type = item.root.starts_with(char::is_uppercase);
        ["crate", "self", "super"].contains(&item.root)
            || modules.contains(&(item.indented, item.root))
            || begins_a_type
    };
    let is_std = |item: &Use<'_>| ["std", "core", "alloc"].contains(&item.root);
    if group.iter().all(is_std) {
        Ok(Of::Std)
    } else if group.iter().all(|item| !is_own(item) && !is_std(item)) {
        Ok(Of::Others)
    } else if !group.iter().all(is_own) {
        Err("a group is of several crates")
    } else if group.iter().any(|item| item.is_public) {
        Ok(Of::ReExported)
    } else {
        Ok(Of::ThisCrate)
    }
}

/// What is wrong with the `use` items of a text, by lines.
fn faults(text: &str) -> Vec<(usize, &'static str)> {
    let modules: Vec<_> = text.lines().filter_map(as_module).collect();
    let mut faults = Vec::new();
    // The group that is being read, and whose the one before it was.
    let (mut group, mut before): (Vec<Use<'_>>, Option<Of>) = (Vec::new(), None);
    let mut within = false;
    for (line, number) in text.lines().chain([""]).zip(1..) {
        let trimmed = line.trim();
        if within {
            // A list of names over several lines.
            within = !trimmed.ends_with(';');
        } else if let Some(item) = as_use(line) {
            within = !trimmed.ends_with(';');
            group.push(item);
        } else if trimmed.is_empty() || !is_beside_uses(trimmed) {
            if !group.is_empty() {
                match (whose(&group, &modules), before) {
                    (Err(fault), _) => faults.push((number, fault)),
                    (Ok(of), Some(before)) if of == before => {
                        faults.push((number, "one group is in two"));
                    }
                    (Ok(of), Some(before)) if of < before => {
                        faults.push((number, "the groups are in another order"));
                    }
                    (Ok(of), _) => before = Some(of),
                }
                group.clear();
            }
            if !trimmed.is_empty() {
                // Another item: what follows it is in another place.
                before = None;
            }
        }
    }
    faults
}

/// What stands between `use` items and is none: attributes, comments, declarations of modules.
fn is_beside_uses(line: &str) -> bool {
    line.starts_with("#[") || line.starts_with("//") || (as_module(line).is_some() && line.ends_with(';'))
}

#[test]
fn groups_are_told_apart() {
    let good = "mod a;\n\nuse std::fs;\nuse std::{\n    io,\n    mem,\n};\n\n#[cfg(test)]\nuse bytes::Bytes;\n\n\
                pub(crate) use a::A;\n\nuse self::a::B;\nuse crate::C;\n\nfn f() {\n    use std::fmt;\n}\n";
    assert_eq!(faults(good), []);
    for (bad, fault) in [
        ("use bytes::Bytes;\n\nuse std::fs;\n", "the groups are in another order"),
        ("use bytes::Bytes;\nuse std::fs;\n", "a group is of several crates"),
        ("mod a;\nuse a::A;\nuse bytes::Bytes;\n", "a group is of several crates"),
        ("use std::fs;\n\nuse std::io;\n", "one group is in two"),
        ("use crate::A;\n\npub use crate::B;\n", "the groups are in another order"),
        ("mod tests {\n    use super::*;\n    use std::fs;\n}\n", "a group is of several crates"),
    ] {
        assert_eq!(faults(bad).into_iter().map(|(_, fault)| fault).collect::<Vec<_>>(), [fault], "{bad}");
    }
}

#[test]
fn groups_are_in_one_order() {
    let files = files(&[".rs"]);
    assert!(files.len() > 300, "sources are not found any more");
    let mut found = Vec::new();
    for file in files.iter().filter(|file| !is_compared(file)) {
        found.extend(faults(&read(file)).into_iter().map(|(line, fault)| format!("{file}:{line}: {fault}")));
    }
    assert!(found.is_empty(), "{} groups of `use` items: {found:#?}", found.len());
}
