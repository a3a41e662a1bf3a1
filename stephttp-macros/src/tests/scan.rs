//! Which calls are steps.

use quote::quote;

use super::expand;

/// The literal ids found in `body`, and the rewritten function without spaces.
fn scan(body: &str) -> (Vec<String>, String) {
    let expansion =
        expand(r#"id = "scan""#, &format!("async fn scan(step: Step) -> Result<(), E> {{ {body} }}"));
    assert!(expansion.errors.is_empty());
    let function = expansion.tokens.to_string().replace([' ', '\n'], "");
    let (function, rest) = function.split_once("#[allow(non_camel_case_types)]").unwrap();
    let ids = rest.split("step_meta(\"").skip(1).map(|meta| meta.split('"').next().unwrap().to_owned());
    (ids.collect(), function.to_owned())
}

#[track_caller]
fn finds(body: &str, ids: &[&str]) {
    let (found, function) = scan(body);
    assert_eq!(found, ids, "{body}");
    assert_eq!(function.matches("::step_id(").count(), ids.len(), "{function}");
}

#[track_caller]
fn leaves_alone(body: &str) {
    let (found, function) = scan(body);
    assert!(found.is_empty(), "{body}: {found:?}");
    let plain = body.replace([' ', '\n'], "");
    assert!(function.ends_with(&format!("{plain}}}}}).await}}")), "{function}");
}

#[track_caller]
fn types(future: &str, expected: bool) {
    let (_, function) = scan(&format!("step.run(id, {future})"));
    assert_eq!(function.contains("__private::block::block("), expected, "{function}");
}

#[test]
fn calls_inside_anything() {
    finds(r#"join!(step.run("a", x), step.sleep("b", y))"#, &["a", "b"]);
    finds(r#"select! { _ = step.sleep_until("a", y) => {} }"#, &["a"]);
    finds(r#"let f = move |x| { [step.run("a", x)] };"#, &["a"]);
    finds(r#"step.run("outer", charge(step.run("inner", x).await))"#, &["outer", "inner"]);
    finds(r#"Order { step: step.run("a", x).await? }"#, &["a"]);
}

#[test]
fn every_form_of_a_call() {
    finds(r##"step.run(r#"raw "id""#, x)"##, &["raw\\"]);
    finds(r#"step.run("a\u{e9}", x)"#, &["aé"]);
    finds(r#"step.run::<Vec<u8>, fn() -> u8>("a", x)"#, &["a"]);
    finds(r#"step.clone().run("a", x)"#, &["a"]);
    finds(r#"step.run("a", x,)"#, &["a"]);
    finds(r#"step . run ( "a" )"#, &["a"]);
}

#[test]
fn every_tool() {
    finds(r#"step.wait_for_event::<Option<fn() -> T>>("a", "b").matching("c", x).await?"#, &["a"]);
    finds(r#"step.send_event("a", Event::new("b", data)).await; step.send_events("c", vec![])"#, &["a", "c"]);
    finds(r#"step.invoke::<T>("a", "b").data(step.run("c", x).await?)"#, &["a", "c"]);
    finds(r#"step.wait_for_signal("a", "b").await; step.send_signal("c", "d", 1)"#, &["a", "c"]);
    finds(r#"step.publish("a", "b", "c", 1)"#, &["a"]);
    finds(r#"step.fetch("a", FetchRequest::get("b")).await; step.ai_infer::<Vec<T>>("c", x)"#, &["a", "c"]);
    leaves_alone(r#"step.wait_for_event::<T>(format!("a-{n}"), "b")"#);
}

#[test]
fn other_names_for_the_step() {
    finds(r#"let s = step.clone(); s.run("a", x)"#, &["a"]);
    finds(r#"let mut s = Step::clone(&step); s.run("a", x)"#, &["a"]);
    finds(r#"let s = &mut step; s.run("a", x)"#, &["a"]);
    finds(r#"let s = &step; let t = s; t.run("a", x)"#, &["a"]);
    finds(r#"let s: &inngest::Step = other(); s.run("a", x)"#, &["a"]);
    finds(r#"{ let s = step.clone(); s.run("a", x) }; s.run("b", x)"#, &["a"]);
    finds(r#"let step = step.run("a", x).await?; step.run("b", x)"#, &["a"]);
}

#[test]
fn what_is_no_step() {
    leaves_alone(r#"other.run("a", async { Ok(()) })"#);
    leaves_alone(r#"self.step.run("a", x)"#);
    leaves_alone(r#"module::step.run("a", x)"#);
    leaves_alone(r#"step.running("a", x)"#);
    leaves_alone("step.sleep(name, x)");
    leaves_alone(r#"step.sleep(format!("a-{n}"), x)"#);
    leaves_alone(r#"step.sleep("a".to_owned() + b, x)"#);
    leaves_alone(r#"step.sleep(id, async { Ok(()) })"#);
}

#[test]
fn literals_from_macro_rules() {
    // What `$step:expr` and `$id:literal` look like here.
    let invisible = |tokens| proc_macro2::Group::new(proc_macro2::Delimiter::None, tokens);
    let (step, id) = (invisible(quote!(step)), invisible(quote!("a")));
    let item = quote!(async fn scan(step: Step) { #step.run(#id, x).await; });
    let expansion = crate::expand(
        quote!(id = #id),
        item,
        || Some(syn::parse_quote!(::inngest)),
        crate::place::Place::Unknown,
    );
    assert!(expansion.errors.is_empty());
    assert!(expansion.tokens.to_string().contains("step_meta"));
}

#[test]
fn step_by_another_type_name() {
    let has_step = |argument: &str| {
        let item = format!("async fn f({argument}) {{}}");
        expand(r#"id = "f""#, &item).tokens.to_string().contains("enter ::")
    };
    assert!(has_step("s: inngest::Step"));
    assert!(has_step("s: &Step"));
    assert!(has_step("step: Alias"));
    assert!(!has_step("other: Alias"));
    assert!(!has_step("step: Query<Alias>"));
    assert!(!has_step("Path(step): Path<u32>"));
}

#[test]
fn futures_have_their_error_types_looked_at() {
    types("async { Ok(a().await? + b()) }", true);
    types("async move { shop.charge(&cart).await }", true);
    types("Box::pin(async move { Ok(1) })", true);
    types("future", true);
    types("charge(1).await", true);
}

#[test]
fn plain_calls_are_left_alone() {
    types("shop.charge(&cart),", false);
    types("charge(async { Ok(1) })", false);
    types("async { Ok(1) }.map(x)", false);
}

#[test]
fn what_may_be_no_future_is_left_alone() {
    types("", false);
    types(",", false);
    types("charge::<A, B>()", false);
    types("a, b", false);
}

#[test]
fn a_turbofish_that_names_the_error_wins() {
    let (_, function) = scan(r#"step.run::<u8, MyError>("a", async { Ok(1) })"#);
    assert!(!function.contains("__private::block::block("), "{function}");
    let (_, function) = scan(r#"step.run::<u8, _>("a", async { Ok(1) })"#);
    assert!(function.contains("__private::block::block("), "{function}");
}

#[test]
fn an_id_with_commas_of_its_own() {
    let (_, function) = scan("step.run(id::<A, B>(), async { Ok(1) },)");
    assert!(
        function.ends_with(
            ".run(id::<A,B>(),::inngest::__private::block::block(async{Ok(1)}).stephttp_typed(),)}}).await}"
        ),
        "{function}"
    );
}
