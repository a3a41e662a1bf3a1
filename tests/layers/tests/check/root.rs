//! Names of the root.

use super::made_up::{Crate, assert_says};

const ORDER: &[&[&str]] = &[&["above"], &["below"]];

fn with_root(lib: &str, above: &str) -> Vec<String> {
    Crate::of(&[("lib.rs", lib), ("above.rs", above), ("below.rs", "pub struct Thing;")]).check(ORDER)
}

#[test]
fn the_root_may_name_everything() {
    let lib =
        "mod above; mod below; pub use above::X; pub use crate::below::Thing; fn f() { self::below::f() }";
    assert_says(&with_root(lib, "pub struct X;"), &[]);
    let files =
        [("main.rs", "mod above; mod below; use self::below::Thing;"), ("above.rs", ""), ("below.rs", "")];
    assert_says(&Crate::of(&files).check(ORDER), &[]);
}

#[test]
fn a_re_export_is_not_named_by_the_root() {
    let faults =
        with_root("mod above; mod below; pub use below::Thing;", "use crate::Thing;\nuse super::Thing as T;");
    let way_out = "name it where it is defined: `crate::below::Thing`";
    assert_says(&faults, &[&["src/above.rs:1: `crate::Thing`", way_out], &[":2: `super::Thing`", way_out]]);
}

#[test]
fn what_the_root_defines_is_named_by_nobody() {
    let faults = with_root("mod above; mod below; pub struct Common;", "fn f(_: crate::Common) {}");
    assert_says(&faults, &[&["`crate::Common` is of the root", "move it into a module of its own"]]);
}

#[test]
fn the_whole_root_is_named_by_nobody() {
    let lib = "mod above; mod below;";
    assert_says(&with_root(lib, "use super::*;"), &[&["`super::*` is of the root"]]);
    assert_says(&with_root(lib, "use crate as all;"), &[&["`crate` names all of the root"]]);
    assert_says(&with_root(lib, "use super::{self as all};"), &[&["`super` names all of the root"]]);
}

#[test]
fn an_exported_macro_is_of_the_module_that_defines_it() {
    let lib = "mod above; mod below;";
    let defined = "#[macro_export] macro_rules! made { () => { $crate::made!(1) }; }";
    assert_says(&with_root(lib, defined), &[]);
    let files = [("lib.rs", lib), ("above.rs", "fn f() { crate::made!() }"), ("below.rs", defined)];
    assert_says(&Crate::of(&files).check(ORDER), &[&["`crate::made` is of `below`"]]);
}

#[test]
fn another_name_for_the_root_is_found() {
    let faults = with_root("mod above; mod below;\nextern crate self as me;", "use me::below::Thing;");
    assert_says(&faults, &[&["src/lib.rs:2: `extern crate self`", "write `crate`"]]);
}
