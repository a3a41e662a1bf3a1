//! The order inside of one folder.

use super::made_up::{Crate, assert_says};

fn engine(first: &str, second: &str) -> Vec<String> {
    let root = "mod first; mod second;\npub use self::second::X;\npub struct State(first::A, second::X);";
    let files = [
        ("lib.rs", "mod engine; mod other;"),
        ("engine/mod.rs", root),
        ("engine/first.rs", first),
        ("engine/second.rs", second),
        ("other.rs", ""),
    ];
    Crate::of(&files).check_folder("engine", &[&["first"], &["second"]])
}

#[test]
fn a_name_downwards_is_found() {
    assert_says(
        &engine("use super::second::X;", ""),
        &[&["src/engine/first.rs:1: `super::second::X`", "below `first`"]],
    );
    assert_says(&engine("fn f(_: crate::engine::second::X) {}", ""), &[&["`crate::engine::second::X`"]]);
    assert_says(&engine("", "use super::first::A;"), &[]);
}

#[test]
fn what_the_folders_root_defines_is_common() {
    assert_says(&engine("use super::State; impl State {}", "fn f(_: crate::engine::State) {}"), &[]);
}

#[test]
fn what_the_folders_root_re_exports_is_not() {
    assert_says(
        &engine("use super::X;", ""),
        &[&["`super::X`", "name it where it is defined: `crate::engine::second::X`"]],
    );
    assert_says(&engine("use super::*;", ""), &[&["`super::*`"]]);
    assert_says(&engine("use super::{self as all};", ""), &[&["names all of `engine`"]]);
}

#[test]
fn other_folders_are_the_crates_order() {
    assert_says(&engine("use crate::other::X; use super::super::other::Y; use crate::Z;", ""), &[]);
}

#[test]
fn a_folder_of_a_folder_has_its_order_too() {
    let files = [
        ("lib.rs", "mod a;"),
        ("a/mod.rs", "mod b;"),
        ("a/b/mod.rs", "mod x; mod y;"),
        ("a/b/x.rs", "use super::y::Y;"),
        ("a/b/y.rs", ""),
    ];
    assert_says(&Crate::of(&files).check_folder("a/b", &[&["x"], &["y"]]), &[&["src/a/b/x.rs:1"]]);
}
