//! What the compiler says about mistakes with the attribute.
//!
//! `TRYBUILD=overwrite cargo test -p stephttp-ui` accepts what it says now.

#[test]
fn mistakes_are_explained() {
    let tests = trybuild::TestCases::new();
    tests.compile_fail("tests/ui/*/*.rs");
}
