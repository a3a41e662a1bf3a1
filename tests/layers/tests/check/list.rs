//! The list itself, and the files.

use super::made_up::{Crate, assert_says};

#[test]
fn a_module_that_the_order_lacks_is_found() {
    let files = [
        ("lib.rs", "mod a;\nmod b;\npub mod c {}"),
        ("a.rs", ""),
        ("b/mod.rs", "mod deep;"),
        ("b/deep.rs", ""),
    ];
    let faults = Crate::of(&files).check(&[&["a"]]);
    assert_says(
        &faults,
        &[&["src/lib.rs:2: ", "lacks `b`", "give it a row"], &["src/lib.rs:3: ", "lacks `c`"]],
    );
}

#[test]
fn a_module_that_is_not_there_or_twice_in_the_order_is_found() {
    let faults = Crate::of(&[("lib.rs", "mod a;"), ("a.rs", "")]).check(&[&["a", "b"], &["a"]]);
    assert_says(&faults, &[&["has `a` twice"], &["has `b`, which is not there"]]);
}

#[test]
fn modules_of_one_row_do_not_name_each_other() {
    let files = [("lib.rs", "mod a; mod b;"), ("a.rs", "use crate::b::X;"), ("b.rs", "pub struct X;")];
    assert_says(
        &Crate::of(&files).check(&[&["a", "b"]]),
        &[&["`crate::b::X` is of `b`, which stands beside `a`"]],
    );
    assert_says(&Crate::of(&files).check(&[&["b"], &["a"]]), &[]);
}

#[test]
fn a_file_that_nobody_declares_is_found() {
    let files = [("lib.rs", "mod a;"), ("a.rs", ""), ("a/stray.rs", "use crate::below::X;")];
    assert_says(&Crate::of(&files).check(&[&["a"]]), &[&["src/a/stray.rs:1: no `mod` declares"]]);
}

#[test]
fn a_file_that_is_not_there_or_cannot_be_read_is_found() {
    let faults = Crate::of(&[("lib.rs", "mod a;\nmod b;"), ("a.rs", "\nfn f( {")]).check(&[&["a"]]);
    assert_says(
        &faults,
        &[&["src/a.rs:2: it cannot be read"], &["src/lib.rs:2: the file of `b` is not there"]],
    );
    assert_says(
        &Crate::of(&[("other.rs", "")]).check(&[]),
        &[&["neither `lib.rs` nor `main.rs`"], &["other.rs"]],
    );
}

#[test]
fn files_under_other_names_and_conditions_are_all_read() {
    let lib = "mod a; mod b;\n#[cfg(feature = \"x\")]\n#[path = \"with.rs\"]\nmod c;\n#[cfg(not(feature = \"x\"))]\n#[path = \"without.rs\"]\nmod c;";
    let name = "use crate::b::X;";
    let files = [("lib.rs", lib), ("a.rs", ""), ("b.rs", ""), ("with.rs", name), ("without.rs", name)];
    let faults = Crate::of(&files).check(&[&["a"], &["c"], &["b"]]);
    assert_says(&faults, &[&["src/with.rs:1"], &["src/without.rs:1"]]);
}

#[test]
fn each_file_that_a_condition_chooses_is_read() {
    let lib = "mod a; mod b;\n#[cfg_attr(x, path = \"with.rs\")]\n#[cfg_attr(not(x), path = \"without.rs\")]\nmod c;";
    let name = "use crate::b::X;";
    let files = [("lib.rs", lib), ("a.rs", ""), ("b.rs", ""), ("with.rs", name), ("without.rs", name)];
    let faults = Crate::of(&files).check(&[&["a"], &["c"], &["b"]]);
    assert_says(&faults, &[&["src/with.rs:1"], &["src/without.rs:1"]]);
}
