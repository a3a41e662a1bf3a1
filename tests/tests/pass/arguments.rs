//! What handlers take: everything that axum can make of a request.

use std::collections::HashMap;

use axum::body::{Body, Bytes};
use axum::extract::rejection::{FormRejection, JsonRejection, PathRejection};
use axum::extract::{Extension, Form, FromRef, FromRequest, FromRequestParts, Path, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use inngest::extract::Replayable;
use inngest::function::ApiFn;
use inngest::{Remember, Step, StepError};

use crate::{assert_answers, assert_registered};

/// A state of which handlers take parts.
#[derive(Clone, FromRef)]
struct App {
    shop: Shop,
    rates: Rates,
}

#[derive(Clone)]
struct Shop(&'static str);

#[derive(Clone)]
struct Rates(u32);

impl Default for App {
    fn default() -> Self {
        Self { shop: Shop("shop"), rates: Rates(7) }
    }
}

// ===== State =====

#[inngest::api_fn(id = "arguments-state")]
async fn state(State(app): State<App>, step: Step) -> Result<String, StepError> {
    step.run("greet", async { Ok(app.shop.0.to_owned()) }).await
}

#[inngest::api_fn(id = "arguments-substates")]
async fn substates(
    State(Shop(shop)): State<Shop>,
    step: Step,
    State(Rates(rates)): State<Rates>,
) -> Result<String, StepError> {
    step.run("greet", async { Ok(format!("{shop} {rates}")) }).await
}

#[inngest::api_fn(id = "arguments-extension")]
async fn extension(
    #[replayable] Extension(word): Extension<&'static str>,
    step: Step,
) -> Result<String, StepError> {
    step.run("greet", async { Ok(word.to_owned()) }).await
}

/// An extension that every request gets alike.
#[derive(Clone)]
struct Pool(u32);

impl Replayable for Pool {}

#[inngest::api_fn(id = "arguments-pool")]
async fn pool(
    Extension(Pool(size)): Extension<Pool>,
    maybe: Option<Extension<Pool>>,
    step: Step,
) -> Result<String, StepError> {
    let found = maybe.is_some();
    step.run("greet", async move { Ok(format!("{size} {found}")) }).await
}

/// Who cannot be called back has each argument but once.
#[inngest::api_fn(id = "arguments-extension-once", sync_only)]
async fn extension_once(Extension(n): Extension<u32>, step: Step) -> Result<String, StepError> {
    step.run("greet", async move { Ok(n.to_string()) }).await
}

// ===== Extractors of one's own =====

/// For every state that has a `Shop`.
struct Name(&'static str);

impl<S: Sync> FromRequestParts<S> for Name
where
    Shop: FromRef<S>,
{
    type Rejection = StatusCode;

    async fn from_request_parts(_: &mut Parts, state: &S) -> Result<Self, StatusCode> {
        Ok(Name(Shop::from_ref(state).0))
    }
}

impl Replayable for Name {}

/// For one state.
struct Rate(u32);

impl FromRequestParts<App> for Rate {
    type Rejection = StatusCode;

    async fn from_request_parts(_: &mut Parts, app: &App) -> Result<Self, StatusCode> {
        Ok(Rate(app.rates.0))
    }
}

impl Replayable for Rate {}

/// For one state, of the body.
struct Text(String);

impl FromRequest<App> for Text {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let text = String::from_request(request, app).await.map_err(IntoResponse::into_response)?;
        Ok(Text(text))
    }
}

impl Replayable for Text {}

/// Derived, with a rejection of its own.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(AppError))]
struct Words {
    word: String,
}

impl<'de> serde::Deserialize<'de> for Words {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut words = HashMap::<String, String>::deserialize(deserializer)?;
        Ok(Words { word: words.remove("word").unwrap_or_default() })
    }
}

impl Replayable for Words {}

struct AppError;

impl From<axum::extract::rejection::QueryRejection> for AppError {
    fn from(_: axum::extract::rejection::QueryRejection) -> Self {
        Self
    }
}

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        StatusCode::BAD_REQUEST.into_response()
    }
}

#[inngest::api_fn(id = "arguments-own")]
async fn own(
    name: Name,
    Rate(rate): Rate,
    words: Words,
    step: Step,
    Text(text): Text,
) -> Result<String, StepError> {
    step.run("greet", async { Ok(format!("{} {rate} {} {text}", name.0, words.word)) }).await
}

/// In a handler that never runs again, they need not declare anything.
mod undeclared {
    use super::*;

    pub(super) struct Agent(String);

    impl<S: Sync> FromRequestParts<S> for Agent
    where
        Shop: FromRef<S>,
    {
        type Rejection = StatusCode;

        async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
            Ok(Agent(parts.method.to_string()))
        }
    }

    pub(super) struct Raw(Bytes);

    impl FromRequest<App> for Raw {
        type Rejection = Response;

        async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
            Bytes::from_request(request, app).await.map(Raw).map_err(IntoResponse::into_response)
        }
    }

    #[inngest::api_fn(id = "arguments-undeclared", retries = 0)]
    pub(super) async fn undeclared(agent: Agent, step: Step, raw: Raw) -> Result<String, StepError> {
        step.run("greet", async { Ok(format!("{} {}", agent.0, raw.0.len())) }).await
    }

    #[inngest::api_fn(id = "arguments-without-step")]
    pub(super) async fn without_step(agent: Agent, _headers: HeaderMap, request: Request) -> String {
        format!("{} {}", agent.0, request.uri())
    }
}

// ===== Option, Result =====

#[inngest::api_fn(id = "arguments-option")]
async fn option(path: Option<Path<u32>>, step: Step, body: Option<Json<u32>>) -> Result<String, StepError> {
    step.run("greet", async { Ok(format!("{} {}", path.is_none(), body.is_none())) }).await
}

#[inngest::api_fn(id = "arguments-result")]
async fn result(
    path: Result<Path<u32>, PathRejection>,
    step: Step,
    body: Result<Json<u32>, JsonRejection>,
) -> Result<String, StepError> {
    step.run("greet", async { Ok(format!("{} {}", path.is_err(), body.is_err())) }).await
}

// ===== The request as a whole =====

#[inngest::api_fn(id = "arguments-request")]
async fn request(step: Step, #[not_replayed] request: Request) -> Result<String, StepError> {
    let method = request.method().to_string();
    step.run("greet", async { Ok(method) }).await
}

#[inngest::api_fn(id = "arguments-body")]
async fn body(step: Step, #[not_replayed] body: Body) -> Result<String, StepError> {
    let body = axum::body::to_bytes(body, 100).await.unwrap();
    step.run("greet", async move { Ok(format!("{body:?}")) }).await
}

#[inngest::api_fn(id = "arguments-parts")]
async fn parts(#[not_replayed] parts: Parts, step: Step, body: Bytes) -> Result<String, StepError> {
    let method = parts.method.to_string();
    step.run("greet", async move { Ok(format!("{method} {body:?}")) }).await
}

#[inngest::api_fn(id = "arguments-remember")]
async fn remember(
    Remember(cart): Remember<Cart>,
    step: Step,
    form: Result<Form<HashMap<String, String>>, FormRejection>,
) -> Result<String, StepError> {
    step.run("greet", async move { Ok(format!("{} {} {}", cart.item, cart.count, form.is_err())) }).await
}

// ===== Patterns =====

#[derive(serde::Serialize, serde::Deserialize)]
struct Cart {
    item: String,
    #[serde(default)]
    count: u32,
}

impl<S: Sync> FromRequestParts<S> for Cart {
    type Rejection = StatusCode;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        Ok(Cart { item: "tea".to_owned(), count: 1 })
    }
}

#[inngest::api_fn(id = "arguments-patterns")]
async fn patterns(
    _: Method,
    State(App { shop: Shop(ref shop), .. }): State<App>,
    Query(Cart { item, count: mut number, .. }): Query<Cart>,
    mut step: Step,
    (uri @ _): Uri,
    bytes @ (_): Bytes,
) -> Result<String, StepError> {
    number += 1;
    let other = &mut step;
    other.run("greet", async { Ok(format!("{shop} {item} {number} {} {}", uri.path(), bytes.len())) }).await
}

#[inngest::api_fn(id = "arguments-raw")]
async fn raw_names(r#type: Method, r#step: Step, r#async: String) -> Result<String, StepError> {
    r#step.run("greet", async move { Ok(format!("{} {}", r#type, r#async)) }).await
}

// ===== Signatures =====

#[inngest::api_fn(id = "arguments-where")]
async fn with_where(State(shop): State<Shop>, step: Step) -> Result<String, StepError>
where
    Shop: Clone + Send,
    StepError: std::error::Error,
{
    step.run("greet", async { Ok(shop.0.to_owned()) }).await
}

#[rustfmt::skip]
#[inngest::api_fn(id = "arguments-commas",)]
async fn commas(step: (Step),) -> Result<String, StepError,> {
    step.run("greet", async { Ok("commas".to_owned()) },).await
}

#[inngest::api_fn(id = "arguments-sixteen")]
#[allow(clippy::too_many_arguments)]
async fn sixteen(
    _: Method,
    _: Method,
    _: Uri,
    _: Method,
    _: Method,
    _: Method,
    _: Method,
    _: Method,
    _: Method,
    _: Method,
    _: Method,
    _: Method,
    _: Method,
    State(_): State<Rates>,
    step: Step,
    body: String,
) -> Result<String, StepError> {
    step.run("greet", async { Ok(body) }).await
}

// ===== Aliases =====

type Durable = Step;
type AppState = State<App>;
type Payload<T> = Json<T>;

mod aliased {
    pub(super) use inngest::Step as DurableStep;
}

#[inngest::api_fn(id = "arguments-alias")]
async fn alias(
    app: AppState,
    step: Durable,
    body: Result<Payload<u32>, JsonRejection>,
) -> Result<String, StepError> {
    step.run("greet", async { Ok(format!("{} {}", app.shop.0, body.is_err())) }).await
}

#[inngest::api_fn(id = "arguments-renamed")]
async fn renamed(step: aliased::DurableStep) -> Result<String, StepError> {
    step.run("greet", async { Ok("renamed".to_owned()) }).await
}

// ===== cfg =====

#[inngest::api_fn(id = "arguments-cfg")]
async fn configured(
    #[cfg(any())] missing: Missing,
    #[cfg(not(any()))] State(shop): State<Shop>,
    #[cfg_attr(all(), cfg(any()))] missing: Missing,
    #[cfg(any())] step: Missing,
    #[cfg_attr(all(), cfg(not(any())))] step: Step,
    #[cfg_attr(all(), allow(unused_variables))] unused: Method,
    #[cfg(not(any()))] body: String,
    #[cfg(any())] body: Bytes,
    #[cfg(any())] missing: Missing,
) -> Result<String, StepError> {
    step.run("greet", async { Ok(format!("{} {body}", shop.0)) }).await
}

/// As many as axum takes, for those that are there.
#[inngest::api_fn(id = "arguments-cfg-many")]
#[allow(clippy::too_many_arguments)]
async fn configured_many(
    _: Method,
    _: Method,
    _: Method,
    _: Method,
    _: Method,
    _: Method,
    _: Method,
    _: Method,
    _: Method,
    _: Method,
    _: Method,
    _: Method,
    _: Method,
    _: Method,
    step: Step,
    #[cfg(any())] _: Missing,
    #[cfg(not(any()))] body: String,
) -> Result<String, StepError> {
    step.run("greet", async { Ok(body) }).await
}

#[inngest::api_fn(id = "arguments-cfg-step", track = always)]
async fn configured_step(
    #[cfg(any())] step: Step,
    #[not_replayed]
    #[cfg(not(any()))]
    _headers: HeaderMap,
) -> &'static str {
    #[cfg(any())]
    step.run("greet", async { Ok(1) }).await.unwrap();
    "no step"
}

#[tokio::test]
async fn every_argument_of_axums() {
    let app = Router::new()
        .route("/state", post(state))
        .route("/substates", post(substates))
        .route("/extension", post(extension).layer(Extension("extension")))
        .route("/pool", post(pool).layer(Extension(Pool(7))))
        .route("/extension-once", post(extension_once).layer(Extension(7_u32)))
        .route("/own", post(own))
        .route("/undeclared", post(undeclared::undeclared))
        .route("/without-step", post(undeclared::without_step))
        .route("/option", post(option))
        .route("/result", post(result))
        .route("/request", post(request))
        .route("/body", post(body))
        .route("/parts", post(parts))
        .route("/remember", post(remember))
        .route("/patterns", post(patterns))
        .route("/raw", post(raw_names))
        .route("/where", post(with_where))
        .route("/commas", post(commas))
        .route("/sixteen", post(sixteen))
        .route("/alias", post(alias))
        .route("/renamed", post(renamed))
        .route("/cfg", post(configured))
        .route("/cfg-many", post(configured_many))
        .route("/cfg-step", post(configured_step))
        .with_state(App::default());
    let answers = [
        ("/state", "shop"),
        ("/substates", "shop 7"),
        ("/extension", "extension"),
        ("/pool", "7 true"),
        ("/extension-once", "7"),
        ("/own?word=word", "shop 7 word body"),
        ("/undeclared", "POST 4"),
        ("/without-step", "POST /without-step"),
        ("/option", "true true"),
        ("/result", "true true"),
        ("/request", "POST"),
        ("/body", "b\"body\""),
        ("/parts", "POST b\"body\""),
        ("/remember", "tea 1 true"),
        ("/patterns?item=tea", "shop tea 1 /patterns 4"),
        ("/raw", "POST body"),
        ("/where", "shop"),
        ("/commas", "commas"),
        ("/sixteen", "body"),
        ("/alias", "shop true"),
        ("/renamed", "renamed"),
        ("/cfg", "shop body"),
        ("/cfg-many", "body"),
        ("/cfg-step", "no step"),
    ];
    assert_answers(app, &answers).await;

    assert_registered(patterns::OPTS, "arguments::patterns", &["greet"]);
    assert_registered(raw_names::OPTS, "arguments::raw_names", &["greet"]);
    assert_registered(alias::OPTS, "arguments::alias", &["greet"]);
    assert_registered(configured::OPTS, "arguments::configured", &["greet"]);
    assert_registered(remember::OPTS, "arguments::remember", &["greet"]);
}
