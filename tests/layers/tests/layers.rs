//! The check's own modules stand in an order, too.

use std::path::Path;

#[test]
fn each_module_names_only_those_above_it() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    stephttp_layers::assert_order(&src, &[&["fault", "names"], &["tree"], &["scope"], &["impls", "order"]]);
}
