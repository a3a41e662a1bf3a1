//! Correct handlers with a token taken away, doubled, or all that follows cut off: code while
//! somebody types.

use proc_macro2::{Group, TokenStream, TokenTree};
use syn::parse_quote;

use crate::{item::Item, kind::Kind};

const HANDLERS: &[&str] = &[
    r##"/// Places an order.
    #[tracing::instrument(skip_all)]
    pub(crate) async fn h(State(shop): State<Shop>, #[not_replayed] headers: HeaderMap, step: Step, Json(order): Json<Order>)
        -> Result<Json<Receipt>, AppError> {
        let key = step.idempotency_key("charge");
        let charge = step.run("charge", async move { let c = shop.charge(&key).await?; Ok(c) }).renamed_from("pay").await?;
        step.sleep("cool-off", Duration::from_secs(3_600)).await;
        Ok(Json(Receipt { charge }))
    }"##,
    r#"async fn h(step: Step) -> Result<String, StepError> {
        #![allow(unused)]
        use std::time::Duration;
        let (a, b) = tokio::join!(step.run("a", x(1)), step.run::<u8, _, _>("b", async { Ok(1) }));
        if a? > 1 { step.run("c", y()).await?; return Ok(String::new()); } else if b { step.run("c", z()).await?; }
        match b { Some(x) if x => step.run("d", y()).await, None => { step.run("d", y()).await } _ => Err(e) }
    }"#,
    r##"async fn h(step: Step) {
        let other: Step = Step::clone(&step); let s = &mut step;
        for i in 0..3 { other.run(format!("a-{i}"), || async move { Ok("x") }).await.ok(); }
        tokio::select! { e = s.wait_for_event::<Option<fn() -> T>>(r#"e"#, "f").timeout(D) => {}, () = s.sleep("x", D) => {} }
        tokio::spawn(async { Uuid::new_v4() }); let t = Instant::now(); drop(s.clone());
    }"##,
    r#"async fn h(step: Step, State(pool): State<Pool>) -> Result<(), AppError> {
        scopeguard::defer! { refund(); }
        let held = guard(order, move |order| refund(order));
        let mut tx: Transaction<'_> = pool.begin().await?;
        step.run("a", x(&*held)).timeout(Duration::from_secs(1)).retries(1).await?; drop(held);
        step.sleep("b", D).await; query(&mut *tx).await?; tx.commit().await
    }"#,
];

const ARGS: &str = r#"id = "h", retries = 3, async_response = redirect(a::b), max_request_time = "2h 30m", step_timeout = "5m", deliver = before_response_ends, track = always, allow(clock, random), omit_response_body, crate = ::inngest"#;

/// Every way to change one token.
fn mutations(tokens: &[TokenTree]) -> Vec<Vec<TokenTree>> {
    let mut all = Vec::new();
    for at in 0..tokens.len() {
        let (before, token, after) = (&tokens[..at], &tokens[at], &tokens[at + 1..]);
        all.push([before, after].concat());
        all.push([before, &[token.clone(), token.clone()], after].concat());
        all.push(before.to_vec());
        if let TokenTree::Group(group) = token {
            let inside: Vec<TokenTree> = group.stream().into_iter().collect();
            // The bracket gone.
            all.push([before, &inside, after].concat());
            for inside in mutations(&inside) {
                let group = Group::new(group.delimiter(), inside.into_iter().collect());
                all.push([before, &[group.into()], after].concat());
            }
        }
    }
    all
}

fn tokens(source: &str) -> Vec<TokenTree> {
    source.parse::<TokenStream>().unwrap().into_iter().collect()
}

#[test]
fn a_function_stays_whatever_is_typed_in_it() {
    let args: TokenStream = tokens(ARGS).into_iter().collect();
    for handler in HANDLERS {
        for mutation in mutations(&tokens(handler)) {
            let item: TokenStream = mutation.into_iter().collect();
            let source = item.to_string();
            let expansion = crate::expand(
                args.clone(),
                item.clone(),
                || Some(parse_quote!(::inngest)),
                crate::place::Place::Unknown,
            );
            let expanded = expansion.tokens.to_string();
            if item.is_empty() {
                continue;
            }
            assert!(!expanded.is_empty(), "lost: {source}");
            // What is between the signature and the braces, or after the braces, belongs to no
            // function.
            if Item::parse(item, Kind::Handler).is_ok() && !source.contains("self") {
                assert!(expanded.contains("fn h") || !source.contains("fn h"), "{source}\n{expanded}");
                assert!(expanded.contains("ApiFn for"), "{source}\n{expanded}");
            } else {
                assert!(!expansion.errors.is_empty(), "{source}");
                assert!(!source.contains("fn h") || expanded.contains("fn h"), "{source}\n{expanded}");
            }
        }
    }
}

const HELPER: &str = r#"#[inline]
    pub(crate) async fn h<T: Send, const N: usize>(&self, step: &Step, a: [T; N]) -> Result<u8, StepError> where T: Sync {
        let sum = step.run("sum", async { Ok(add(a).await?) }).renamed_from("add").await?;
        if sum > 1 { step.sleep("pause", D).await; } drop(Instant::now()); Ok(sum)
    }"#;

#[test]
fn a_helper_stays_whatever_is_typed_in_it() {
    for mutation in mutations(&tokens(HELPER)) {
        let item: TokenStream = mutation.into_iter().collect();
        let source = item.to_string();
        let find = || Some(parse_quote!(::inngest));
        let expansion = crate::expand_as(
            Kind::Helper,
            TokenStream::new(),
            item.clone(),
            find,
            crate::place::Place::Unknown,
        );
        let expanded = expansion.tokens.to_string();
        assert!(expanded.contains("fn h") || !source.contains("fn h"), "{source}\n{expanded}");
        if Item::parse(item.clone(), Kind::Helper).is_err() {
            assert!(!expansion.errors.is_empty(), "{source}");
        } else if syn::parse2::<syn::ImplItemFn>(item).is_ok() {
            assert!(syn::parse2::<syn::ImplItemFn>(expansion.tokens).is_ok(), "{source}\n{expanded}");
        }
    }
}

#[test]
fn a_function_stays_whatever_is_typed_in_the_attribute() {
    let item: TokenStream = tokens(HANDLERS[0]).into_iter().collect();
    for mutation in mutations(&tokens(ARGS)) {
        let args: TokenStream = mutation.into_iter().collect();
        let source = args.to_string();
        let expansion =
            crate::expand(args, item.clone(), || Some(parse_quote!(::inngest)), crate::place::Place::Unknown);
        let expanded = expansion.tokens.to_string();
        assert!(expanded.contains("async fn h") && expanded.contains("ApiFn for h"), "{source}: {expanded}");
    }
}

#[test]
fn what_is_right_is_expanded_as_code_that_parses() {
    for handler in &HANDLERS[..1] {
        for mutation in mutations(&tokens(handler)) {
            let item: TokenStream = mutation.into_iter().collect();
            if syn::parse2::<syn::ItemFn>(item.clone()).is_err() {
                continue;
            }
            let source = item.to_string();
            let expansion = crate::expand(
                quote::quote!(id = "h"),
                item.clone(),
                || Some(parse_quote!(::inngest)),
                crate::place::Place::Unknown,
            );
            let parsed = syn::parse2::<syn::File>(expansion.tokens.clone());
            assert!(parsed.is_ok(), "{source}\n{}", expansion.tokens);
        }
    }
}
