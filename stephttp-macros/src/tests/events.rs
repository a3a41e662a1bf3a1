//! `#[derive(EventData)]`: every mistake, and what is said.

use super::{derived, messages};
use crate::event::Derived;

#[track_caller]
fn event(item: &str, expected: &[&str]) {
    assert_eq!(messages(derived(Derived::EventData, item)), expected, "{item}");
}

#[track_caller]
fn options(options: &str, expected: &[&str]) {
    event(&format!("#[event({options})] struct OrderPaid {{}}"), expected);
}

#[track_caller]
fn field(field: &str, expected: &[&str]) {
    event(&format!(r#"#[event(name = "a")] struct OrderPaid {{ {field} }}"#), expected);
}

/// What is said of an integer type, on the type.
fn too_large(ty: &str, instead: &str) -> String {
    format!(
        "{ty}: Inngest keeps the numbers of an event as 64-bit floats, which hold integers up to ±(2^53 - 1), and `{ty}` goes on: write \
         `{instead}`, or `String` for what is not calculated with. If the values are always small enough, put \
         `#[event(safe_integer)]` on the field: an event with a larger one is then not sent"
    )
}

#[test]
fn name() {
    let missing = "OrderPaid: the event's name is missing; write `#[event(name = \"app/order.paid\")]` below the derive, or derive \
                   `EventFields` if it is an object inside of an event";
    event("struct OrderPaid {}", &[missing]);
    options(r#"v = "1""#, &[missing]);
    options(r#"name = """#, &[r#""": `name` is empty; write `name = "app/order.paid"`"#]);
    options(
        r#"name = " shop/paid""#,
        &[r#"" shop/paid": `name` begins or ends with a space; write `name = "shop/paid"`"#],
    );
    options(
        r#"name = "Inngest/paid""#,
        &[
            r#""Inngest/paid": names that begin with `inngest/` are Inngest's own, and it refuses them of others; write `name = "app/paid"`"#,
        ],
    );
    options(
        r#"name = "inngest/""#,
        &[
            r#""inngest/": names that begin with `inngest/` are Inngest's own, and it refuses them of others; write `name = "app/order.paid"`"#,
        ],
    );
    options(
        &format!("name = {:?}", "é".repeat(257)),
        &["..: `name` has 514 bytes, and Inngest takes 512; shorten it"],
    );
    options(&format!("name = {:?}", "é".repeat(256)), &[]);
    options(r#"name = "inngestion/x", v = "2025-01-01""#, &[]);
    options(
        "name = NAME",
        &[
            r#"NAME: `name` must be a string literal, because it is fixed when the program is compiled: write `name = "app/order.paid"`"#,
        ],
    );
    options("name", &[r#"name: `name` needs a value: write `name = "app/order.paid"`"#]);
    options(r#"name("a")"#, &[r#""a": `name` takes its value after `=`: write `name = "app/order.paid"`"#]);
}

#[test]
fn other_options() {
    options(
        r#"name = "a", v = 1"#,
        &[
            r#"1: `v` must be a string literal, because it is fixed when the program is compiled: write `v = "1"`"#,
        ],
    );
    options(r#"name = "a", v = """#, &[r#""": `v` is empty; leave it out, or write `v = "1"`"#]);
    options(r#"name = "a", name = "b""#, &["name: `name` is given twice; remove one of the two"]);
    options(
        r#"nam = "a""#,
        &[
            "nam: unknown option `nam`; did you mean `name`? Of the options, those of a struct are `name`, `v` and `crate`",
        ],
    );
    options(
        r#"name = "a", version = "1""#,
        &["version: unknown option `version`; of the options, those of a struct are `name`, `v` and `crate`"],
    );
    options(r#"name = "a", crate = "x""#, &[r#""x": `crate` is a path: write `crate = path::to::facade`"#]);
    options(r#"name = "a", crate = platform::durable"#, &[]);
    event(r#"#[event(name = "a")] #[event(v = "1")] struct OrderPaid {}"#, &[]);
    event(
        r#"#[event(name = "a")] #[event(name = "b")] struct OrderPaid {}"#,
        &["name: `name` is given twice; remove one of the two"],
    );
}

#[test]
fn objects_inside_of_events_have_no_name() {
    let fields = |item: &str| messages(derived(Derived::EventFields, item));
    assert!(fields("struct Payer { id: String }").is_empty());
    assert_eq!(
        fields(r#"#[event(name = "a", crate = x)] struct Payer { id: String }"#),
        [
            "name: `name` is said of an event: derive `EventData` for one, or leave this out for an object inside of one"
        ]
    );
    assert_eq!(fields("struct Payer { id: u64 }"), [too_large("u64", "u32")]);
}

#[test]
fn shapes() {
    event(
        r#"#[event(name = "a")] enum Paid { Card, Cash }"#,
        &[
            "enum: an event has the same fields each time, and an enum other ones for each variant: derive `EventData` for a struct for \
           each event, or put the enum into a field; or send the value as it is, with `Event::new(name, value)`",
        ],
    );
    event(
        r#"#[event(name = "a")] struct Paid(String);"#,
        &[
            "(String): an event's data is a JSON object, whose fields have names: name them, as `{ order: String }`",
        ],
    );
    event(
        r#"#[event(name = "a")] struct Paid;"#,
        &["Paid: an event's data is a JSON object, and this is written as `null`: write `struct Paid {}`"],
    );
    event(
        r#"#[event(name = "a")] union Paid { a: u8 }"#,
        &["union: a union cannot be written as JSON: make it a struct"],
    );
    event(r#"#[event(name = "a")] struct Paid<'a> { a: &'a str }"#, &[]);
    event(
        r#"#[event(name = "a")] struct Paid<'a, T> { a: &'a T }"#,
        &[
            "<'a, T>: an event has one form: write the types out; or send the value as it is, with `Event::new(name, value)`",
        ],
    );
    event(
        r#"#[event(name = "a")] struct Paid<T> { a: T }"#,
        &[
            "<T>: an event has one form: write the types out; or send the value as it is, with `Event::new(name, value)`",
        ],
    );
    event(
        r#"#[event(name = "a")] #[serde(transparent)] struct Paid { a: Other }"#,
        &[
            "transparent: with this option the JSON is that of another type, whose fields are not known here: leave it out and write \
           the fields down, or send the value with `Event::new(name, value)`",
        ],
    );
}

/// The impls are there, whatever is wrong, so that nothing else is.
#[test]
fn a_mistake_is_one_error() {
    for item in ["enum A { B }", "struct A<T> { t: T }", "struct A(u8);", "struct A { n: u64 }", "struct A;"]
    {
        let tokens = derived(Derived::EventData, item).tokens;
        assert!(syn::parse2::<syn::File>(tokens.clone()).is_ok(), "{tokens}");
        let tokens = tokens.to_string();
        assert!(tokens.contains("EventData for A") && tokens.contains("EventFields for A"), "{tokens}");
    }
}

#[test]
fn integers() {
    for (ty, large, instead) in [
        ("u64", "u64", "u32"),
        ("i64", "i64", "i32"),
        ("u128", "u128", "u32"),
        ("i128", "i128", "i32"),
        ("usize", "usize", "u32"),
        ("isize", "isize", "i32"),
        ("std::primitive::u64", "u64", "u32"),
        ("Option<Vec<u64>>", "u64", "u32"),
        ("Box<[u64]>", "u64", "u32"),
        ("(String, [i64; 2])", "i64", "i32"),
        ("HashMap<String, Option<u64>>", "u64", "u32"),
        ("std::num::NonZeroU64", "NonZeroU64", "NonZeroU32"),
        ("NonZero<i64>", "i64", "i32"),
    ] {
        field(&format!("n: {ty}"), &[&too_large(large, instead)]);
    }
    for ty in [
        "u32",
        "i32",
        "f64",
        "String",
        "HashMap<u64, u8>",
        "PhantomData<u64>",
        "Id<u64>",
        "fn(u64) -> u64",
        "NonZeroU32",
    ] {
        field(&format!("n: {ty}"), &[]);
    }
    field("#[event(safe_integer)] n: u64", &[]);
    field("#[serde(with = \"text\")] n: u64", &[]);
    field("#[serde(skip)] n: u64", &[]);
    field(
        "#[event(safe_integer = true)] n: u64",
        &[
            "safe_integer = true: `safe_integer` takes no value: write `safe_integer`",
            &too_large("u64", "u32"),
        ],
    );
    field(
        "#[event(safe_int)] n: u8",
        &[
            "safe_int: unknown option `safe_int`; did you mean `safe_integer`? Of the options, the only one of a field is `safe_integer`",
        ],
    );
}
