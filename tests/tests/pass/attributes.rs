//! Other attributes on a handler, above and below.

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use inngest::function::ApiFn;
use inngest::{Failure, Step, StepError};
use tracing::instrument;
use utoipa::OpenApi;

use crate::{assert_answers, assert_registered, is_registered};

#[derive(Clone, Debug)]
struct Shop(&'static str);

// ===== axum::debug_handler =====

#[axum::debug_handler(state = Shop)]
#[inngest::api_fn(id = "attributes-debug-handler-above")]
async fn debug_handler_above(
    State(shop): State<Shop>,
    #[not_replayed] _headers: axum::http::HeaderMap,
    step: Step,
    body: String,
) -> Result<String, StepError> {
    // axum's attribute has copied the body by the time that ours makes it known what `Ok(..)?` is.
    step.run("greet", async move { Ok::<_, Failure>(format!("{} {body}", shop.0)) }).await
}

#[inngest::api_fn(id = "attributes-debug-handler-below")]
#[axum::debug_handler(state = Shop)]
async fn debug_handler_below(
    State(shop): State<Shop>,
    #[not_replayed] _headers: axum::http::HeaderMap,
    step: Step,
    body: String,
) -> Result<String, StepError> {
    step.run("greet", async move { Ok(format!("{} {body}", shop.0)) }).await
}

// ===== tracing::instrument =====

#[instrument]
#[inngest::api_fn(id = "attributes-instrument-above")]
async fn instrument_above(State(shop): State<Shop>, step: Step) -> Result<String, StepError> {
    step.run("greet", async { Ok(shop.0.parse()?) }).await
}

#[inngest::api_fn(id = "attributes-instrument-below")]
#[instrument]
async fn instrument_below(State(shop): State<Shop>, step: Step) -> Result<String, StepError> {
    step.run("greet", async { Ok(shop.0.parse()?) }).await
}

#[instrument(level = "debug", skip_all, fields(shop = shop.0, answer = tracing::field::Empty), err(Debug))]
#[inngest::api_fn(id = "attributes-instrument-fields-above")]
async fn instrument_fields_above(State(shop): State<Shop>, step: Step) -> Result<String, StepError> {
    let greeting = step.run("greet", async { Ok(shop.0.to_owned()) }).await?;
    tracing::Span::current().record("answer", &*greeting);
    Ok(greeting)
}

#[inngest::api_fn(id = "attributes-instrument-fields-below")]
#[instrument(level = "debug", skip_all, fields(shop = shop.0, answer = tracing::field::Empty), err(Debug))]
async fn instrument_fields_below(State(shop): State<Shop>, step: Step) -> Result<String, StepError> {
    let greeting = step.run("greet", async { Ok(shop.0.to_owned()) }).await?;
    tracing::Span::current().record("answer", &*greeting);
    Ok(greeting)
}

/// Without a name, it is none of the span's fields either.
#[instrument]
#[inngest::api_fn(id = "attributes-instrument-unnamed")]
async fn instrument_unnamed(_: Step) -> &'static str {
    "unnamed"
}

// ===== All at once =====

#[instrument(skip_all)]
#[axum::debug_handler(state = Shop)]
#[inngest::api_fn(id = "attributes-all")]
#[must_use]
#[inline]
#[allow(clippy::unused_async)]
async fn all(State(shop): State<Shop>, step: Step) -> Result<String, StepError> {
    step.run("greet", async { Ok::<_, Failure>(shop.0.to_owned()) }).await
}

#[tokio::test]
async fn debug_handler_and_instrument_compose() {
    let app = Router::new()
        .route("/debug-handler-above", post(debug_handler_above))
        .route("/debug-handler-below", post(debug_handler_below))
        .route("/instrument-above", post(instrument_above))
        .route("/instrument-below", post(instrument_below))
        .route("/instrument-fields-above", post(instrument_fields_above))
        .route("/instrument-fields-below", post(instrument_fields_below))
        .route("/instrument-unnamed", post(instrument_unnamed))
        .route("/all", post(all))
        .with_state(Shop("shop"));
    let answers = [
        ("/debug-handler-above", "shop body"),
        ("/debug-handler-below", "shop body"),
        ("/instrument-above", "shop"),
        ("/instrument-below", "shop"),
        ("/instrument-fields-above", "shop"),
        ("/instrument-fields-below", "shop"),
        ("/instrument-unnamed", "unnamed"),
        ("/all", "shop"),
    ];
    assert_answers(app, &answers).await;
    assert_registered(debug_handler_above::OPTS, "attributes::debug_handler_above", &["greet"]);
    assert_registered(debug_handler_below::OPTS, "attributes::debug_handler_below", &["greet"]);
    assert_registered(instrument_above::OPTS, "attributes::instrument_above", &["greet"]);
    assert_registered(instrument_below::OPTS, "attributes::instrument_below", &["greet"]);
    assert_registered(all::OPTS, "attributes::all", &["greet"]);
}

// ===== cfg =====

#[cfg(not(any()))]
#[inngest::api_fn(id = "attributes-cfg-true-above")]
async fn cfg_true_above(_step: Step) -> &'static str {
    "above"
}

#[inngest::api_fn(id = "attributes-cfg-true-below")]
#[cfg(not(any()))]
async fn cfg_true_below(_step: Step) -> &'static str {
    "below"
}

#[cfg(any())]
#[inngest::api_fn(id = "attributes-cfg-false", no_such_option)]
async fn cfg_false_above(nothing: OfTheSort) -> NorThis {}

#[inngest::api_fn(id = "attributes-cfg-false", no_such_option)]
#[cfg(any())]
async fn cfg_false_below(nothing: OfTheSort, step: Step) -> NorThis {}

#[cfg_attr(all(), cfg(any()))]
#[inngest::api_fn(id = "attributes-cfg-false", no_such_option)]
async fn cfg_attr_cfg_above(nothing: OfTheSort) -> NorThis {}

#[inngest::api_fn(id = "attributes-cfg-false", no_such_option)]
#[cfg_attr(all(), cfg(any()))]
async fn cfg_attr_cfg_below(nothing: OfTheSort) -> NorThis {}

#[inngest::api_fn(id = "attributes-cfg-false", no_such_option)]
#[cfg_attr(all(), allow(dead_code), cfg_attr(all(), allow(unused), cfg(any())))]
async fn cfg_attr_nested(nothing: OfTheSort) -> NorThis {}

#[cfg_attr(any(), no_such_attribute)]
#[inngest::api_fn(id = "attributes-cfg-attr")]
#[cfg_attr(any(), no_such_attribute, cfg(any()))]
#[cfg_attr(all(), instrument(skip_all), must_use)]
async fn cfg_attr(step: Step) -> Result<String, StepError> {
    step.run("greet", async { Ok("hello".to_owned()) }).await
}

/// The attribute itself, under a condition.
#[cfg_attr(all(), inngest::api_fn(id = "attributes-conditional"))]
async fn conditional(step: Step) -> Result<String, StepError> {
    step.run("greet", async { Ok("hello".to_owned()) }).await
}

/// One of two, as on two platforms.
#[cfg(any())]
#[inngest::api_fn(id = "attributes-one-of-two")]
async fn one_of_two(_step: Step) -> &'static str {
    "this"
}

#[cfg(not(any()))]
#[inngest::api_fn(id = "attributes-one-of-two")]
async fn one_of_two(_step: Step) -> &'static str {
    "that"
}

#[tokio::test]
async fn what_is_configured_out_is_not_there() {
    let app = Router::new()
        .route("/above", post(cfg_true_above))
        .route("/below", post(cfg_true_below))
        .route("/cfg-attr", post(cfg_attr))
        .route("/conditional", post(conditional))
        .route("/one-of-two", post(one_of_two));
    let answers = [
        ("/above", "above"),
        ("/below", "below"),
        ("/cfg-attr", "hello"),
        ("/conditional", "hello"),
        ("/one-of-two", "that"),
    ];
    assert_answers(app, &answers).await;
    assert!(!is_registered("attributes-cfg-false"));
    assert_registered(cfg_attr::OPTS, "attributes::cfg_attr", &["greet"]);
    assert_registered(one_of_two::OPTS, "attributes::one_of_two", &[]);
}

// ===== Lints and built-in attributes =====

#[allow(unused_variables, clippy::unused_async)]
#[inngest::api_fn(id = "attributes-allow-above")]
async fn allow_above(step: Step, unused: String) -> &'static str {
    "above"
}

#[inngest::api_fn(id = "attributes-allow-below")]
#[allow(unused_variables, clippy::unused_async)]
async fn allow_below(step: Step, unused: String) -> &'static str {
    "below"
}

#[expect(unused_variables, reason = "an expectation that is met")]
#[inngest::api_fn(id = "attributes-expect-above")]
async fn expect_above(step: Step, unused: String) -> &'static str {
    "above"
}

#[inngest::api_fn(id = "attributes-expect-below")]
#[expect(unused_variables, reason = "an expectation that is met")]
async fn expect_below(step: Step, unused: String) -> &'static str {
    "below"
}

#[must_use]
#[inngest::api_fn(id = "attributes-must-use-above")]
async fn must_use_above() -> &'static str {
    "above"
}

#[inngest::api_fn(id = "attributes-must-use-below")]
#[must_use = "or else"]
async fn must_use_below() -> &'static str {
    "below"
}

#[deprecated(note = "above")]
#[inngest::api_fn(id = "attributes-deprecated-above")]
async fn deprecated_above(_step: Step) -> &'static str {
    "above"
}

#[inngest::api_fn(id = "attributes-deprecated-below")]
#[deprecated(note = "below")]
async fn deprecated_below(_step: Step) -> &'static str {
    "below"
}

#[inline]
#[inngest::api_fn(id = "attributes-inline-above")]
async fn inline_above(_step: Step) -> &'static str {
    "above"
}

#[inngest::api_fn(id = "attributes-inline-below")]
#[inline(never)]
#[cold]
#[rustfmt::skip]
async fn inline_below(_step: Step) -> &'static str {
    "below"
}

#[tokio::test]
async fn built_in_attributes_compose() {
    #[expect(deprecated, reason = "only the routes are told of it")]
    let app = Router::new()
        .route("/deprecated-above", post(deprecated_above))
        .route("/deprecated-below", post(deprecated_below));
    let app = app
        .route("/allow-above", post(allow_above))
        .route("/allow-below", post(allow_below))
        .route("/expect-above", post(expect_above))
        .route("/expect-below", post(expect_below))
        .route("/must-use-above", post(must_use_above))
        .route("/must-use-below", post(must_use_below))
        .route("/inline-above", post(inline_above))
        .route("/inline-below", post(inline_below));
    let answers = [
        ("/allow-above", "above"),
        ("/allow-below", "below"),
        ("/expect-above", "above"),
        ("/expect-below", "below"),
        ("/must-use-above", "above"),
        ("/must-use-below", "below"),
        ("/deprecated-above", "above"),
        ("/deprecated-below", "below"),
        ("/inline-above", "above"),
        ("/inline-below", "below"),
    ];
    assert_answers(app, &answers).await;
}

// ===== Documentation =====

/// Lists the orders.
///
/// All of them.
#[utoipa::path(post, path = "/above", responses((status = 200, body = String)))]
#[inngest::api_fn(id = "attributes-utoipa-above")]
async fn utoipa_above(step: Step) -> Result<String, StepError> {
    step.run("list", async { Ok("above".to_owned()) }).await
}

/// Lists the orders.
///
/// All of them.
#[inngest::api_fn(id = "attributes-utoipa-below")]
#[utoipa::path(post, path = "/below", responses((status = 200, body = String)))]
async fn utoipa_below(step: Step) -> Result<String, StepError> {
    step.run("list", async { Ok("below".to_owned()) }).await
}

#[derive(OpenApi)]
#[openapi(paths(utoipa_above, utoipa_below))]
struct Api;

#[tokio::test]
async fn utoipa_describes_the_function_and_not_the_endpoint() {
    let api = Api::openapi();
    for path in ["/above", "/below"] {
        let operation = api.paths.paths[path].post.as_ref().unwrap();
        assert_eq!(operation.summary.as_deref(), Some("Lists the orders."));
        assert_eq!(operation.description.as_deref(), Some("All of them."));
    }
    let app = Router::new().route("/above", post(utoipa_above)).route("/below", post(utoipa_below));
    assert_answers(app, &[("/above", "above"), ("/below", "below")]).await;
}

mod documented {
    use super::Step;

    /// Above.
    #[inngest::api_fn(id = "attributes-documented", retries = 7)]
    #[cfg_attr(all(), doc = "Conditional.")]
    /** Below. */
    #[doc(alias = "alias")]
    #[doc = concat!("Assem", "bled.")]
    pub(super) async fn documented(_step: Step) -> &'static str {
        "documented"
    }
}

#[tokio::test]
async fn all_kinds_of_documentation_compose() {
    assert_eq!(documented::documented(Step::detached()).await, "documented");
    assert_eq!(documented::documented::OPTS.get_retries(), 7);
}
