//! The check that the modules of a crate stand in one order, in which each names only those above
//! it.
//!
//! An order is a list of rows. A module may name the modules of the rows above its own; those of
//! one row may not name each other. What is inside of a module is free, unless [`check_folder`]
//! gives its folder an order of its own. The root (`lib.rs`, `main.rs`, a folder's `mod.rs`) stands
//! below them all.
//!
//! Names are the paths that begin with `crate`, `super` or `self`: in `use`, in code, in what
//! macros are given, and in attributes (`#[serde(with = "crate::..")]`). Comments, strings and
//! items under `#[cfg(test)]` are not read.
//!
//! What is found:
//! - a name of a module that is not above;
//! - a name of the root's, such as a re-export, by which a module's place in the order would be
//!   hidden;
//! - an inherent `impl` of a type that another module defines;
//! - a module that the order lacks, and one that is not there;
//! - a file that no `mod` declares, or that cannot be read, and `extern crate self`, by whose name
//!   modules are named too.
//!
//! ```no_run
//! # use std::path::Path;
//! let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
//! stephttp_layers::assert_order(&src, &[&["wire"], &["error", "event"], &["client"]]);
//! ```

mod fault;
mod impls;
mod names;
mod order;
mod scope;
mod tree;

use std::path::Path;

pub use crate::fault::Fault;

/// What is wrong with the order of a crate's modules. `src` is the folder of its `lib.rs` or
/// `main.rs`, or of both.
#[must_use]
pub fn check(src: &Path, order: &[&[&str]]) -> Vec<Fault> {
    let tree = tree::Tree::read(src);
    let mut faults = order::faults(&tree, &[], order);
    faults.extend(impls::faults(&tree));
    faults.extend(tree.faults);
    fault::sorted(faults)
}

/// What is wrong with the order of the modules in one folder, such as `engine` or
/// `middleware/traces`.
///
/// They may name what the folder's `mod.rs` defines itself, which is common to them; not what it
/// re-exports. Inherent `impl`s are free: each is in the folder of its type.
#[must_use]
pub fn check_folder(src: &Path, folder: &str, order: &[&[&str]]) -> Vec<Fault> {
    let folder: Vec<String> = folder.split('/').map(str::to_owned).collect();
    fault::sorted(order::faults(&tree::Tree::read(src), &folder, order))
}

/// Panics when [`check`] finds anything.
///
/// # Panics
/// With all that it has found.
#[track_caller]
pub fn assert_order(src: &Path, order: &[&[&str]]) {
    assert_none(&check(src, order));
}

/// Panics when [`check_folder`] finds anything.
///
/// # Panics
/// With all that it has found.
#[track_caller]
pub fn assert_folder_order(src: &Path, folder: &str, order: &[&[&str]]) {
    assert_none(&check_folder(src, folder, order));
}

#[track_caller]
fn assert_none(faults: &[Fault]) {
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert!(faults.is_empty(), "the order does not hold:\n{}", lines.join("\n"));
}
