//! The attribute, as an application uses it: the crate renamed, behind a facade, under strict
//! lints.

use axum::Json;
use axum::Router;
use axum::routing::post;
use inngest::function::{ApiFn, StepKind};
use inngest::wire::StepHash;
use inngest::{FnOpts, Step, StepError};
use stephttp_tests::World;

mod facade {
    pub(crate) use inngest as durable;
}

/// A crate that re-exports the SDK has its users say where.
#[facade::durable::api_fn(id = "attribute-facade", crate = crate::attribute::facade::durable)]
async fn behind_a_facade(step: Step) -> Result<String, StepError> {
    step.run("greet", async { Ok("hello".to_owned()) }).await
}

/// What an application may demand of the code that is generated into it.
mod strict {
    #![deny(warnings, missing_docs, unreachable_pub, unused_qualifications, clippy::pedantic)]
    #![no_implicit_prelude]

    use ::inngest::{Failure, Step, StepError};

    type Box = ();
    type Option = ();

    /// The names that generated code might stumble over mean something else here.
    #[allow(clippy::unused_async)]
    #[::inngest::api_fn(id = "attribute-strict", retries = 0)]
    pub(super) async fn shadowed(_: Step, _unused: ()) -> (Box, Option) {
        ((), ())
    }

    /// Nested to some depth, with `?` in a bare block.
    #[::inngest::api_fn(id = "attribute-nested")]
    pub(super) async fn nested(step: Step) -> ::core::result::Result<::std::string::String, StepError> {
        let double = async |n: u32| ::core::result::Result::<u32, Failure>::Ok(2 * n);
        let a = step.run("a", async { ::core::result::Result::Ok(double(1).await? + 1) }).await?;
        let b = { step.run(r"b", double(2)).await? };
        ::core::result::Result::Ok(::std::format!("{a} {b}"))
    }
}

#[tokio::test]
async fn a_handler_stays_an_ordinary_function() {
    assert_eq!(behind_a_facade(Step::detached()).await.unwrap(), "hello");
    assert_eq!(strict::nested(Step::detached()).await.unwrap(), "3 4");
    strict::shadowed(Step::detached(), ()).await;
}

#[tokio::test]
async fn axum_takes_it() {
    let app = Router::new().route("/", post(behind_a_facade)).route("/nested", post(strict::nested));
    let world = World::of(app).await;
    assert_eq!(world.post("/").send().await.unwrap().text().await.unwrap(), "hello");
    assert_eq!(world.post("/nested").send().await.unwrap().text().await.unwrap(), "3 4");
    world.delivered().await;
    let mut functions: Vec<String> = world.inngest.runs().into_iter().map(|run| run.function).collect();
    functions.sort();
    assert_eq!(functions, ["attribute-facade", "attribute-nested"]);
    world.assert_clean();
}

#[test]
fn what_is_known_at_compile_time() {
    assert_eq!((strict::shadowed::OPTS.id(), strict::shadowed::OPTS.get_retries()), ("attribute-strict", 0));
    assert!(strict::shadowed::STEPS.is_empty());
    assert_eq!(strict::nested::OPTS.get_retries(), FnOpts::DEFAULT_RETRIES);
    let steps: Vec<_> =
        strict::nested::STEPS.iter().map(|step| (step.id(), step.hash(), step.kind())).collect();
    assert_eq!(steps, [("a", StepHash::of("a"), StepKind::Run), ("b", StepHash::of("b"), StepKind::Run)]);
    let registered =
        inngest::function::registered().find(|function| function.opts().id() == "attribute-nested").unwrap();
    assert!(registered.function().ends_with("attribute::strict::nested"));
    assert!(registered.location().contains("attribute.rs:"));
}

#[inngest::api_fn(id = "attribute-detached")]
async fn detached(step: Step) -> Result<Json<Vec<String>>, StepError> {
    let run = step.run_id();
    let key = step.idempotency_key("charge");
    assert_eq!(key, step.idempotency_key(String::from("charge")));
    assert_ne!(key, step.idempotency_key("refund"));
    assert_eq!(key, format!("{run}-{}", StepHash::of("charge")));
    assert_eq!(key.len(), 67);
    step.sleep("day", std::time::Duration::from_secs(86_400)).await;
    step.sleep_until("past", std::time::SystemTime::UNIX_EPOCH).await;
    let failed = step.run("fail", async { Err::<(), _>(inngest::Failure::new("no")) }).await;
    Ok(Json(vec![failed.unwrap_err().to_string(), run.to_string()]))
}

#[tokio::test]
async fn a_unit_test_needs_no_server() {
    let Json(first) = detached(Step::detached()).await.unwrap();
    let Json(second) = detached(Step::detached()).await.unwrap();
    assert_eq!(first[0], "step `fail` failed: no");
    assert_ne!(first[1], second[1]);
}
