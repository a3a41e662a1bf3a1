//! Whole expansions, formatted and compared with `tests/golden/*.rs`, where reviewers read them as
//! code.
//!
//! `BLESS=1 cargo test -p stephttp-macros golden` writes them anew.

use std::{env, fs, path::Path};

use super::{derived, expand_as};
use crate::{Expansion, event::Derived, kind::Kind};

fn golden(name: &str, args: &str, item: &str) {
    golden_as(Kind::Handler, name, args, item);
}

fn golden_as(kind: Kind, name: &str, args: &str, item: &str) {
    let attribute = if kind == Kind::Handler { "api_fn" } else { "step_fn" };
    compare(name, &format!("#[{attribute}({args})]"), expand_as(kind, args, item));
}

/// Of `#[derive(EventData)]`.
fn golden_event(name: &str, item: &str) {
    compare(name, "#[derive(EventData)]", derived(Derived::EventData, item));
}

fn compare(name: &str, attribute: &str, expansion: Expansion) {
    let file = syn::parse2(expansion.tokens).expect("an expansion is a list of items");
    let code = format!("// {attribute}\n{}", prettyplease::unparse(&file));
    assert!(expansion.errors.is_empty(), "{code}");

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name).with_extension("rs");
    if env::var_os("BLESS").is_some() {
        fs::write(&path, code).unwrap();
        return;
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        code == expected,
        "{name} expands differently now (BLESS=1 accepts it):\n{code}\nbefore:\n{expected}"
    );
}

#[test]
fn handler_with_steps() {
    golden(
        "handler_with_steps",
        r#"id = "create-order", retries = 3"#,
        r#"
        /// Creates an order.
        #[tracing::instrument]
        pub async fn create_order(
            State(shop): State<Shop>,
            step: Step,
            Json(cart): Json<Cart>,
        ) -> Result<Json<Receipt>, StepError> {
            let charge = step.run("charge-card", shop.charge(&cart)).await?;
            let n = step.run("sum", async { Ok(a().await? + b().await?) }).await?;
            step.sleep("cool-off", Duration::from_secs(3600)).await;
            step.sleep_until("midnight", at).await;
            Ok(Json(Receipt::from(charge)))
        }
        "#,
    );
}

#[test]
fn handler_with_proxy() {
    golden(
        "handler_with_proxy",
        r#"id = "report", async_response = proxy"#,
        r#"
        async fn report(step: Step) {
            step.sleep("night", NIGHT).await;
        }
        "#,
    );
}

#[test]
fn handler_that_negotiates() {
    golden(
        "handler_that_negotiates",
        r#"id = "report", async_response = negotiate"#,
        r#"
        async fn report(step: Step) {
            step.sleep("night", NIGHT).await;
        }
        "#,
    );
}

#[test]
fn handler_with_limits() {
    golden(
        "handler_with_limits",
        r#"id = "report", retries = 3, step_timeout = "5m""#,
        r#"
        async fn report(step: Step) {
            step.run("print", print()).timeout(MINUTE).retries(1).await;
        }
        "#,
    );
}

#[test]
fn handler_with_every_tool() {
    golden(
        "handler_with_every_tool",
        r#"id = "tools""#,
        r#"
        async fn tools(step: Step) -> Result<(), StepError> {
            let settled = step.wait_for_event::<Settled>("settlement", "bank/settled").timeout(DAY).await?;
            step.send_event("tell", Event::new("shop/settled", settled)).await?;
            step.send_events("tell-all", events).await?;
            let score = step.invoke::<Score>("score", "risk-score").data(&customer).await?;
            let by = step.wait_for_signal::<String>("approval", format!("approval/{id}")).await?;
            step.send_signal("resume", "other", ()).await?;
            step.publish("progress", "order-7", "status", &by).await?;
            let page = step.fetch("page", FetchRequest::get(url)).await?;
            let answer = step.ai_infer::<Answer>("ask", Inference::openai_chat(key, body)).await?;
            Ok(())
        }
        "#,
    );
}

#[test]
fn handler_without_step() {
    golden("handler_without_step", r#"id = "health""#, r#"async fn health() -> &'static str { "ok" }"#);
}

#[test]
fn unnamed_step() {
    golden("unnamed_step", r#"id = "unnamed""#, "pub(crate) async fn unnamed(_: inngest::Step) {}");
}

#[test]
fn underscored_step() {
    golden("underscored_step", r#"id = "underscored""#, "async fn underscored(_step: Step) {}");
}

#[test]
fn raw_identifier() {
    golden("raw_identifier", r#"id = "type""#, "async fn r#type(mut step: Step) { use_up(&mut step); }");
}

#[test]
fn facade() {
    golden(
        "facade",
        r#"id = "facade", crate = platform::durable"#,
        r#"async fn facade(step: Step) { step.run("a", async { Ok(()) }).await; }"#,
    );
}

#[test]
fn cfg_gates_everything() {
    golden(
        "cfg_gates_everything",
        r#"id = "gated""#,
        r#"
        #[cfg(feature = "orders")]
        #[expect(unused_variables)]
        async fn gated(step: Step) {}
        "#,
    );
}

#[test]
fn inner_attributes_and_items_stay_first() {
    golden(
        "inner_attributes_and_items_stay_first",
        r#"id = "first""#,
        r"
        async fn first(step: Step) -> Result<(), Error>
        where
            Shop: Send,
        {
            #![allow(unused)]
            //! Inner.
            use std::fmt::Write as _;
            Ok(())
        }
        ",
    );
}

#[test]
fn event() {
    golden_event(
        "event",
        r#"
        #[event(name = "shop/paid", v = "1")]
        #[serde(rename_all = "camelCase")]
        pub struct Paid {
            pub order_id: String,
            pub(crate) cents: u32,
            #[serde(rename = "paid-by")]
            payer: Option<Payer>,
            #[serde(flatten)]
            address: Address,
            #[serde(with = "hex")]
            r#type: [u64; 4],
            #[serde(skip)]
            cache: u64,
        }
        "#,
    );
}

#[test]
fn helper() {
    golden_as(
        Kind::Helper,
        "helper",
        "",
        r#"
        /// Charges the card.
        pub(crate) async fn charge<C: Card>(step: &Step, card: C) -> Result<Receipt, StepError> {
            step.sleep("cool-off", MINUTE).await;
            step.run("charge-card", async { Ok(card.charge().await?) }).renamed_from("charge").await
        }
        "#,
    );
}

#[test]
fn helper_with_facade_and_warning() {
    golden_as(
        Kind::Helper,
        "helper_with_facade_and_warning",
        "crate = platform::durable",
        r#"
        fn charge(step: &Step) -> impl Future<Output = Receipt> {
            #![allow(unused)]
            let began = Instant::now();
            step.run("charge-card", pay(began))
        }
        "#,
    );
}
