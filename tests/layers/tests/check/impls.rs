//! Inherent `impl`s.

use super::made_up::{Crate, assert_says};

/// What is found in `below.rs`, where `above` defines `Thing`, `Face` and `folder::Deep`.
fn in_below(text: &str) -> Vec<String> {
    let above = "pub struct Thing<T>(T); pub trait Face {} pub mod folder { pub struct Deep; } pub use folder::Deep as Shown;";
    Crate::of(&[("lib.rs", "mod above; mod below;"), ("above.rs", above), ("below.rs", text)])
        .check(&[&["above"], &["below"]])
}

#[test]
fn an_inherent_impl_of_another_modules_type_is_found_through_its_use() {
    let faults = in_below("use crate::above::Thing;\n\nimpl<T> Thing<T> {\n    fn f() {}\n}");
    let words =
        ["src/below.rs:3: ", "`crate::above::Thing`", "`above` defines", "not `below`", "or make functions"];
    assert_says(&faults, &[&words]);
}

#[test]
fn it_is_found_however_the_type_is_named() {
    assert_says(&in_below("impl crate::above::Thing<u8> {}"), &[&["`crate::above::Thing`"]]);
    assert_says(&in_below("use crate::above::{self, Face};\nimpl above::Thing<u8> {}"), &[&[":2: "]]);
    assert_says(
        &in_below("use crate::above::Thing as Other;\nimpl Other<u8> {}"),
        &[&["`crate::above::Thing`"]],
    );
    assert_says(&in_below("use crate::above::*;\nimpl Thing<u8> {}"), &[&["`crate::above::Thing`"]]);
    assert_says(&in_below("use crate::above::Shown;\nimpl Shown {}"), &[&["`crate::above::folder::Deep`"]]);
    assert_says(&in_below("type Mine = crate::above::Thing<u8>;\nimpl Mine {}"), &[&[":2: "]]);
    assert_says(&in_below("impl dyn crate::above::Face + Send {}"), &[&["`crate::above::Face`"]]);
}

#[test]
fn it_is_found_inside_of_functions_and_macros() {
    assert_says(
        &in_below("fn f() {\n    use crate::above as a;\n    impl crate::above::Thing<u8> {}\n}"),
        &[&[":3: "]],
    );
    assert_says(
        &in_below("some_macro! {\n    #[inline]\n    impl crate::above::Thing<u8> {}\n}"),
        &[&[":3: "]],
    );
}

#[test]
fn an_impl_of_a_trait_may_stand_anywhere() {
    let text = "use crate::above::{Face, Thing};\nimpl Drop for Thing<u8> { fn drop(&mut self) {} }\nimpl<T> Face for Thing<T> {}\nfn f() -> impl Face { unimplemented!() }";
    assert_says(&in_below(text), &[]);
}

#[test]
fn a_folders_own_types_may_have_theirs_anywhere_in_it() {
    let files = [
        ("lib.rs", "mod run;"),
        ("run/mod.rs", "mod drive; pub struct Run; impl dyn Fn() {}"),
        ("run/drive.rs", "use super::Run; use std::vec::Vec; impl Run { fn f() {} }"),
    ];
    assert_says(&Crate::of(&files).check(&[&["run"]]), &[]);
}

#[test]
fn a_type_that_a_macro_defines_is_of_its_module() {
    let text = "use crate::above::*;\npin_project! { pub struct Thing { x: u8 } }\nimpl Thing {}\nmade_up!(Other);\nimpl Other {}";
    assert_says(&in_below(text), &[]);
}

#[test]
fn the_root_has_none_of_its_modules_types() {
    let of = Crate::of(&[
        ("lib.rs", "mod above;\npub use above::Thing;\nimpl Thing {}"),
        ("above.rs", "pub struct Thing;"),
    ]);
    assert_says(&of.check(&[&["above"]]), &[&["src/lib.rs:3: ", "not `the root`"]]);
}
