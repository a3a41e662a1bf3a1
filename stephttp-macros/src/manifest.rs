//! By which name Cargo gives a dependency whose key in `Cargo.toml` is its package's name.
//!
//! It is the library's name. Where the dependency has a `package`, it is the key, even one that
//! says the same:
//!
//! ```toml
//! stephttp = "0.1"                                        # ::inngest
//! stephttp = { version = "0.1", package = "stephttp" }    # ::stephttp
//! ```
//!
//! `proc_macro_crate` gives the key alone, and it is `stephttp` for both.

use std::env;
use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Item, Table};

/// Whether the annotated crate's dependency with this key has a `package`, or inherits one.
pub(crate) fn has_package(key: &str) -> bool {
    let Some(directory) = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from) else { return false };
    read(&directory).is_some_and(|manifest| {
        is_renamed(key, &manifest, || {
            let named = manifest.get("package").and_then(|package| package.get("workspace")?.as_str());
            let named = named.map(|root| directory.join(root));
            let roots = named.iter().map(PathBuf::as_path).chain(directory.ancestors());
            roots.filter_map(read).find_map(|root| is_renamed_by_workspace(key, &root)).unwrap_or(false)
        })
    })
}

fn read(directory: &Path) -> Option<DocumentMut> {
    std::fs::read_to_string(directory.join("Cargo.toml")).ok()?.parse().ok()
}

fn is_renamed(key: &str, manifest: &Table, by_workspace: impl FnOnce() -> bool) -> bool {
    let targets = manifest.get("target").and_then(Item::as_table_like);
    let targets = targets.into_iter().flat_map(|targets| targets.iter()).map(|(_, target)| target);
    let tables = targets.map(|target| (target.get("dependencies"), target.get("dev-dependencies")));
    let tables = tables.chain([(manifest.get("dependencies"), manifest.get("dev-dependencies"))]);
    let entries = tables.flat_map(|(for_all, for_tests)| [for_all, for_tests]).flatten();
    let mut inherits = false;
    for entry in entries.filter_map(|table| table.get(key)) {
        if entry.get("package").is_some() {
            return true;
        }
        inherits |= entry.get("workspace").and_then(Item::as_bool) == Some(true);
    }
    inherits && by_workspace()
}

/// `None` where the manifest is of no workspace that has the dependency.
fn is_renamed_by_workspace(key: &str, root: &Table) -> Option<bool> {
    let entry = root.get("workspace")?.get("dependencies")?.get(key)?;
    Some(entry.get("package").is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toml(text: &str) -> DocumentMut {
        text.parse().unwrap()
    }

    #[track_caller]
    fn assert_renamed(expected: bool, manifest: &str) {
        let renamed = is_renamed("stephttp", &toml(manifest), || panic!("it inherits nothing: {manifest}"));
        assert_eq!(renamed, expected, "{manifest}");
    }

    #[track_caller]
    fn assert_inherited(expected: bool, manifest: &str, workspace: &str) {
        let inherited = || is_renamed_by_workspace("stephttp", &toml(workspace)).unwrap();
        assert_eq!(is_renamed("stephttp", &toml(manifest), inherited), expected, "{manifest}\n{workspace}");
    }

    #[test]
    fn a_package_renames_though_it_is_the_key() {
        for (renamed, entry) in [
            (false, r#""0.1""#),
            (false, r#"{ version = "0.1" }"#),
            (false, r#"{ path = "../stephttp", features = ["encryption"] }"#),
            (false, r#"{ version = "0.1", workspace = false }"#),
            (true, r#"{ version = "0.1", package = "stephttp" }"#),
        ] {
            assert_renamed(renamed, &format!("dependencies.stephttp = {entry}"));
            assert_renamed(renamed, &format!("[dependencies]\nstephttp = {entry}"));
            assert_renamed(renamed, &format!("[dev-dependencies]\nstephttp = {entry}"));
            assert_renamed(renamed, &format!("[target.'cfg(unix)'.dependencies]\nstephttp = {entry}"));
            assert_renamed(renamed, &format!("[target.'cfg(unix)'.dev-dependencies]\nstephttp = {entry}"));
        }
        assert_renamed(true, "[dependencies.stephttp]\nversion = '0.1'\npackage = 'stephttp'");
        assert_renamed(false, "[dependencies]\nserde = { version = '1', package = 'serde' }");
        assert_renamed(false, "[package]\nname = 'stephttp'");
    }

    #[test]
    fn a_dependency_inherits_its_package() {
        let members =
            ["stephttp.workspace = true", "stephttp = { workspace = true, features = ['encryption'] }"];
        for (renamed, entry) in [(false, "'0.1'"), (true, "{ version = '0.1', package = 'stephttp' }")] {
            for member in members {
                let workspace = format!("[workspace.dependencies]\nstephttp = {entry}");
                assert_inherited(renamed, &format!("[dependencies]\n{member}"), &workspace);
                assert_inherited(renamed, &format!("[dev-dependencies]\n{member}"), &workspace);
            }
        }
    }

    #[test]
    fn another_manifest_on_the_way_to_the_workspace_says_nothing() {
        for other in ["[package]\nname = 'a'", "[workspace]", "[workspace.dependencies]\nserde = '1'"] {
            assert_eq!(is_renamed_by_workspace("stephttp", &toml(other)), None);
        }
    }
}
