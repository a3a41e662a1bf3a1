//! `#[step_fn]`: what it says, and what it leaves as it is.

use proc_macro2::TokenStream;
use quote::ToTokens;

use super::{expand_as, messages};
use crate::kind::Kind;

#[track_caller]
fn says(args: &str, item: &str, expected: &[&str]) {
    assert_eq!(messages(expand_as(Kind::Helper, args, item)), expected, "#[step_fn({args})] {item}");
}

#[track_caller]
fn body(body: &str, expected: &[&str]) {
    says("", &format!("async fn f(step: &Step) {{ {body} }}"), expected);
}

#[test]
fn options() {
    const HELPER: &str = "async fn f(step: &Step) {}";
    says("allow(clock, guard), crate = facade::durable", HELPER, &[]);
    says(
        r#"id = "charge", retries = 3, step_timeout = "5m", track = always"#,
        HELPER,
        &[
            "id: a helper has no id: its steps are found by their own; remove `id`",
            "retries: `retries` is said of a handler, and holds for the helpers that it calls: write it in \
             `#[api_fn(..)]` there, or write `.retries(..)` after its steps",
            "step_timeout: `step_timeout` is said of a handler, and holds for the helpers that it calls: write it in \
             `#[api_fn(..)]` there, or write `.timeout(..)` after its steps",
            "track: `track` is said of a handler, and holds for the helpers that it calls: write it in \
             `#[api_fn(..)]` there",
        ],
    );
    says(
        r#""charge""#,
        HELPER,
        &[r#""charge": a helper has no id: its steps are found by their own; remove this"#],
    );
    says(
        "alow(clock)",
        HELPER,
        &["alow: unknown option `alow`; did you mean `allow`? The options are `allow` and `crate`"],
    );
    says(
        "concurrency = 3",
        HELPER,
        &["concurrency: unknown option `concurrency`; the options are `allow` and `crate`"],
    );
    says("5", HELPER, &["5: expected an option, such as `allow(clock)`"]);
    says(
        "allow(clok)",
        HELPER,
        &[
            "clok: there is no warning `clok`; did you mean `clock`? The warnings are `clock`, `random`, `guard`, \
             `transaction`, `sleep` and `spawn`",
        ],
    );
}

#[test]
fn what_it_stands_on() {
    says(
        "",
        "struct A;",
        &["struct: `#[step_fn]` goes on a function: put it above one that takes a handler's `Step`"],
    );
    says(
        "",
        "async fn f(step: &Step);",
        &[
            ";: a helper needs a body: write `{ .. }`, or, for a trait's method, put `#[step_fn]` into the `impl`",
        ],
    );
    says(
        "",
        "#[inngest::api_fn(id = \"x\")] async fn f(step: Step) {}",
        &[
            "#[api_fn]: `#[api_fn]` does for a handler what `#[step_fn]` does for the functions that it calls; remove \
           `#[step_fn]`",
        ],
    );
    assert_eq!(
        messages(super::expand(r#"id = "x""#, "#[inngest::step_fn] async fn f(step: Step) {}")),
        [
            "#[inngest::step_fn]: `#[api_fn]` does for a handler what `#[step_fn]` does for the functions that it calls; \
          remove `#[step_fn]`"
        ]
    );
}

#[test]
fn the_step_argument() {
    for sig in [
        "fn f(step: &Step)",
        "fn f(step: Step)",
        "fn f(mut step: inngest::Step)",
        "fn f<'a>(s: &'a inngest::Step)",
        "fn f(step: &Alias)",
        "fn f(_: &Step)",
        "fn f<T: Into<u8>, const N: usize>(&self, a: [T; N], step: &Step, b: impl Fn(u8)) -> Vec<T> where T: Send",
        "const unsafe fn f(step: &mut Step)",
    ] {
        for sig in [sig.to_owned(), format!("pub(crate) async {}", sig.replace("const ", ""))] {
            says("", &format!("{sig} {{}}"), &[]);
        }
    }
    says(
        "",
        "async fn f(step: &Step, other: Step) {}",
        &[
            "Step: a helper takes one `Step`, since all of its steps are of one run; remove this one, and clone the other \
           where you need two",
        ],
    );
    const NONE: &str = "f: a helper takes the `Step` of the handler that calls it: add `step: &Step` to its arguments. \
                        Steps of a `Step` that comes by another way, in a struct say, are not seen by `#[step_fn]`";
    says("", "async fn f(order: Order) {}", &[NONE]);
    says("", "async fn f(&self) { self.step.run(\"a\", x).await }", &[NONE]);
    says("", "async fn f(step: Option<Step>) {}", &[NONE]);
    says("", "async fn f((step, a): (Step, u8)) {}", &[NONE]);
    says("", "async fn f(Own(a): Step) {}", &["Own(a): the `Step` needs a name here: write `step: &Step`"]);

    // The good case of itself: the body finds its step.
    let expansion = expand_as(Kind::Helper, "", r#"async fn f(&self, a: u8) { step.run("a", x).await }"#);
    let tokens = expansion.tokens.to_string();
    assert!(tokens.contains("(& self , step : & :: inngest :: Step , a : u8)"), "{tokens}");
    assert_eq!(
        messages(expansion),
        [
            "step: this helper has no `Step`, which is what steps are run with: add `step: &Step` to its arguments"
        ]
    );
}

/// As in handlers: the words are tested there.
#[test]
fn steps() {
    body(r#"step.run("a", async { Ok(1) }).await; step.clone().sleep("b", x).await;"#, &[]);
    body(
        r#"step.run("", x).await"#,
        &[r#""": a step's id is empty; write one that says what the step does, as "charge-card""#],
    );
    for mistake in [
        r#"step.run("complete", x).await"#,
        r#"step.run("stephttp:x", x).await"#,
        r#"step.run(5, x).await"#,
        r#"step.run("a", x).await; step.run("a", y).await"#,
        r#"step.run("a", async { step.run("b", x).await }).await"#,
        r#"step.run("a", || async { Ok(1) }).await"#,
        r#"step.run("a", async { Ok("text") }).await"#,
        r#"step.run("a", x);"#,
        r#"step.run("a", x).timeout(Duration::ZERO).await"#,
        r#"tokio::spawn(async { step.run("a", x).await })"#,
    ] {
        let expansion = expand_as(Kind::Helper, "", &format!("async fn f(step: &Step) {{ {mistake} }}"));
        assert!(!expansion.tokens.to_string().contains("inventory"), "{mistake}");
        assert_eq!(messages(expansion).len(), 1, "{mistake}");
    }
}

#[test]
fn warnings() {
    for (warning, code) in [
        ("clock", "let now = SystemTime::now();"),
        ("random", "let id = Uuid::new_v4();"),
        ("guard", r#"scopeguard::defer! { refund(); } step.run("a", x).await?;"#),
        ("sleep", r#"tokio::time::sleep(x).await; step.run("a", x).await;"#),
        ("transaction", r#"let tx = pool.begin().await?; step.sleep("a", x).await; tx.commit().await?;"#),
    ] {
        let item = format!("async fn f(step: &Step) {{ {code} }}");
        let said = |args: &str| {
            let tokens = expand_as(Kind::Helper, args, &item).tokens.to_string();
            tokens.replace(' ', "").contains(&format!("::in_helper::{warning}()"))
        };
        assert!(said(""), "{code}");
        assert!(!said(&format!("allow({warning})")), "{code}");
    }
}

/// One item, since beside a method there is no place for another: what is added is in the body.
#[test]
fn only_the_body_changes() {
    for item in [
        "pub async fn f<T>(step: &Step, a: T) -> u8 where T: Send { step.run(\"a\", async { Ok(1) }).await }",
        "fn f(&self, step: &Step) -> impl Future<Output = u8> { async move { step.run(\"a\", x(Instant::now())).await } }",
        "#[cfg(unix)] async fn f(step: Step) { SystemTime::now(); }",
    ] {
        let expansion = expand_as(Kind::Helper, "", item);
        let mut after = syn::parse2::<syn::ItemFn>(expansion.tokens).expect("one function");
        let mut before: syn::ItemFn = syn::parse_str(item).unwrap();
        assert!(after.block.stmts.len() > before.block.stmts.len());
        after.attrs.retain(|attr| !attr.path().is_ident("doc"));
        before.block.stmts.clear();
        after.block.stmts.clear();
        let text = |item: &syn::ItemFn| ToTokens::to_token_stream(item).to_string();
        assert_eq!(text(&after), text(&before));
    }
}

#[test]
fn errors_are_where_the_helper_is() {
    let expansion =
        expand_as(Kind::Helper, "", r#"#[cfg(unix)] async fn f(step: &Step) { step.run("", x).await }"#);
    let tokens: TokenStream = expansion.into_tokens();
    // In an `impl`, too.
    let within: syn::ItemImpl = syn::parse2(quote::quote!(impl A { #tokens })).unwrap();
    assert_eq!(within.items.len(), 2);
}
