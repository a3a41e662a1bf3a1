//! Half-typed code: an editor sees the function, and the user sees no error of ours.

use super::{expand, messages};

/// Bodies that do not parse, as they are while somebody types.
#[test]
fn half_typed_bodies_still_expand() {
    for body in [
        "step.",
        "step.ru",
        "step.run",
        "step.run(",
        "step.run(\"a\"",
        "step.run(\"a\", ",
        "step.run(\"a\", async",
        "step.run(\"a\", async move",
        "step.run::<",
        "step.run::<u8",
        "let",
        "let s",
        "let s =",
        "let s = step.",
        "let s: = step",
        "let x = match step { ",
        "step.clone(",
        "a. .b = ; step.run(\"a\", x",
        "#![",
        "#!",
        "#",
        ";;",
        ",",
    ] {
        // An editor closes the brackets before a macro sees the tokens.
        let open = body.chars().filter(|c| "([{".contains(*c)).map(|c| match c {
            '(' => ')',
            '[' => ']',
            _ => '}',
        });
        let body = format!("{body}{}", open.rev().collect::<String>());
        let expansion = expand(r#"id = "typing""#, &format!("async fn typing(step: Step) {{ {body} }}"));
        let tokens = expansion.tokens.to_string();
        assert!(tokens.contains("async fn typing (step : Step)"), "{body}: {tokens}");
        assert!(tokens.contains("ApiFn for typing"), "{body}: {tokens}");
        assert_eq!(messages(expansion), Vec::<String>::new(), "{body}");
    }
}

#[test]
fn what_is_no_function_is_left_as_it_was() {
    for item in [
        "pub struct Order { id: u8 }",
        "const F: fn() = f;",
        "async fn f(step: Step);",
        "async fn f(step: ) {}",
    ] {
        let expansion = expand(r#"id = "x""#, item);
        assert_eq!(
            expansion.tokens.to_string(),
            item.parse::<proc_macro2::TokenStream>().unwrap().to_string()
        );
        assert_eq!(messages(expansion).len(), 1, "{item}");
    }
}

/// A mistake must not take away what other code refers to.
#[test]
fn a_mistake_costs_only_the_registration() {
    let expansion =
        expand("id = 5, retries = 2", r#"async fn place_order(step: Step) { step.run("a", x).await; }"#);
    let tokens = expansion.tokens.to_string();
    for part in [
        "enum place_order",
        "ApiFn for place_order",
        "FnOpts :: new (\"place-order\") . retries (2)",
        "step_meta",
    ] {
        assert!(tokens.contains(part), "no `{part}` in {tokens}");
    }
    assert!(!tokens.contains("inventory"), "{tokens}");
    assert_eq!(messages(expansion).len(), 1);
}

/// The good case of a bad signature, so that `.await` in it is no error of its own.
#[test]
fn a_bad_signature_is_mended() {
    let expansion = expand(r#"id = "x""#, r#"const unsafe extern "C" fn x(step: Step) {}"#);
    assert!(expansion.tokens.to_string().contains("] async fn x (step : Step)"), "{}", expansion.tokens);
    assert_eq!(messages(expansion).len(), 4);
}

#[test]
fn errors_are_configured_out_with_the_function() {
    let expansion =
        expand("", r#"#[cfg(unix)] #[cfg(feature = "x")] async fn x(step: Step) { step.run("", x) }"#);
    let errors = expansion.errors.into_tokens(&expansion.cfgs).to_string();
    assert_eq!(
        errors.matches("# [cfg (unix)] # [cfg (feature = \"x\")] :: core :: compile_error !").count(),
        2,
        "{errors}"
    );
}
