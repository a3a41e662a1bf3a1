//! Which names are found.

use super::made_up::{Crate, assert_says, in_above};

#[test]
fn a_name_upwards_is_none_of_the_checks_business() {
    let lib = ("lib.rs", "mod above; mod below;");
    let below = ("below.rs", "use crate::above::Thing;\npub fn f(_: super::above::Thing) {}");
    let of = Crate::of(&[lib, ("above.rs", "pub struct Thing;"), below]);
    assert_says(&of.check(&[&["above"], &["below"]]), &[]);
}

#[test]
fn a_use_downwards_is_found_with_its_place_and_a_way_out() {
    let faults = in_above("//! Docs.\n\nuse crate::below::Thing;\n");
    let words = ["src/above.rs:3: ", "`crate::below::Thing`", "stands below `above`", "move", "a trait"];
    assert_says(&faults, &[&words]);
}

#[test]
fn each_path_of_nested_groups_is_found_for_itself() {
    let faults = in_above(
        "use crate::{\n    above::X,\n    below::{\n        self, Thing,\n        inner::{make as m},\n    },\n};",
    );
    assert_says(
        &faults,
        &[&[":4: `crate::below::Thing`"], &[":4: `crate::below`"], &[":5: `crate::below::inner::make`"]],
    );
}

#[test]
fn a_use_of_everything_is_found() {
    assert_says(&in_above("use crate::below::*;"), &[&["`crate::below::*`"]]);
    assert_says(&in_above("use crate::{below::*};"), &[&["`crate::below::*`"]]);
}

#[test]
fn super_leads_as_far_as_it_says() {
    let text = "mod deep {\n    use super::super::below::Thing;\n    use super::local;\n}\nfn local() { super::below::inner::make() }";
    assert_says(
        &in_above(text),
        &[&[":2: `super::super::below::Thing`"], &[":5: `super::below::inner::make`"]],
    );
}

#[test]
fn super_in_a_file_of_a_folder_is_the_folder() {
    let files = [
        ("lib.rs", "mod above; mod below;"),
        ("above/mod.rs", "mod a; mod b; pub struct Common;"),
        ("above/a.rs", "use super::{Common, b::X};"),
        ("above/b.rs", "mod deep;\npub struct X;\nuse super::super::below::Thing;"),
        ("above/b/deep.rs", "use super::super::super::below::Thing; use super::X;"),
        ("below.rs", "pub struct Thing;"),
    ];
    let faults = Crate::of(&files).check(&[&["above"], &["below"]]);
    assert_says(&faults, &[&["src/above/b/deep.rs:1"], &["src/above/b.rs:3"]]);
}

#[test]
fn names_in_code_types_and_macros_arguments_are_found() {
    let code = "fn f() {\n    let x = crate::below::inner::make();\n}";
    assert_says(&in_above(code), &[&[":2: `crate::below::inner::make`"]]);
    let ty = "struct S<T = crate::below::Thing>(Vec<super::below::Thing>, T);";
    assert_says(&in_above(ty), &[&["`crate::below::Thing`"], &["`super::below::Thing`"]]);
    let arguments = "fn f() {\n    println!(\"{:?}\", [crate::below::inner::make()]);\n}";
    assert_says(&in_above(arguments), &[&[":2: `crate::below::inner::make`"]]);
    let macro_rules = "macro_rules! m { () => { $crate::below::inner::make() } }";
    assert_says(&in_above(macro_rules), &[&["`crate::below::inner::make`"]]);
    let generic = "fn f() { Vec::<crate::below::Thing>::new(); }";
    assert_says(&in_above(generic), &[&["`crate::below::Thing`"]]);
}

#[test]
fn paths_in_attributes_are_found_in_strings_too() {
    let serde = "struct S {\n    #[serde(default, with = \"crate::below::inner\")]\n    field: u8,\n}";
    assert_says(&in_above(serde), &[&[":2: `crate::below::inner`"]]);
    assert_says(&in_above("#[derive(Debug, crate::below::Thing)]\nstruct S;"), &[&["`crate::below::Thing`"]]);
}

#[test]
fn a_raw_identifier_is_the_module_that_it_names() {
    let files =
        [("lib.rs", "mod above; mod r#type;"), ("above.rs", "use crate::r#type::T;"), ("type.rs", "")];
    let faults = Crate::of(&files).check(&[&["above"], &["type"]]);
    assert_says(&faults, &[&["`crate::type::T`"]]);
}

#[test]
fn comments_and_strings_are_not_read() {
    let text = r####"
        //! See [`crate::below`].
        /// [`Thing`](crate::below::Thing)
        // use crate::below::Thing;
        /* crate::below::inner::make() */
        #[deprecated(note = "see crate::below::Thing instead")]
        fn f() -> &'static str { r#"crate::below::Thing"#; "use crate::below::Thing;" }
    "####;
    assert_says(&in_above(text), &[]);
}

#[test]
fn what_is_for_tests_alone_is_not_read() {
    let text = "
        #[cfg(test)]
        use crate::below::Thing;
        #[cfg(all(test, feature = \"x\"))]
        mod more { use crate::below::Thing; }
        /// Docs.
        #[cfg(test)]
        mod tests {
            use super::*;
            use crate::below::Thing;
        }
    ";
    assert_says(&in_above(text), &[]);
    let files = [
        ("lib.rs", "mod above; mod below; #[cfg(test)] mod tests;"),
        ("above.rs", "#[cfg(test)] mod tests;"),
        ("above/tests.rs", "use crate::below::Thing; mod more;"),
        ("above/tests/more.rs", "use crate::below::Thing;"),
        ("tests/mod.rs", "mod deep;"),
        ("tests/deep.rs", ""),
        ("below.rs", ""),
    ];
    assert_says(&Crate::of(&files).check(&[&["above"], &["below"]]), &[]);
}

#[test]
fn what_is_not_only_for_tests_is_read() {
    let text = "#[cfg(not(test))]\nuse crate::below::A;\n#[cfg(any(test, doc))]\nuse crate::below::B;";
    assert_says(&in_above(text), &[&[":2: `crate::below::A`"], &[":4: `crate::below::B`"]]);
}

#[test]
fn values_and_visibilities_are_no_names() {
    let text = "
        pub(crate) struct S;
        impl S {
            pub(super) fn f(&self) -> u8 { self.g(); *self as u8 }
            pub(in super::super) fn h() { self::local() }
        }
        fn local() {}
    ";
    assert_says(&in_above(text), &[]);
}
