//! What a re-entry sees of the client's request, and what the client sees of a re-entry's response.

use axum::body::Bytes;
use axum::extract::{FromRequestParts, OriginalUri, Path, Query};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, head, post};
use axum::{Form, Json};
use inngest::{Remember, Step, StepError};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::NAP;
use crate::scenario::{Expect, Scenario, Visit, scenario, scenario_at, visit};
use crate::stage::Effects;

const LIKE_JSON: &str = "only its request or its response is another one than in `replay-json`";

pub(super) fn all() -> Vec<Scenario> {
    let mut scenarios = vec![
        echoes(
            "json",
            visit(Method::POST, "/").body("application/json; charset=utf-8", r#"{"b":1, "a":"x"}"#),
        ),
        echoes(
            "binary",
            visit(Method::POST, "/").body("application/octet-stream", (0..=255).collect::<Vec<u8>>()),
        ),
        echoes("empty-body", visit(Method::POST, "/")),
        echoes("base64-lookalike", visit(Method::POST, "/").body("text/plain", "aGVsbG8=")),
        echoes("unicode", visit(Method::POST, "/").body("text/plain; charset=utf-8", "Grüße, 世界 🦀\u{0}")),
        echoes(
            "query",
            visit(Method::POST, "/?a=1&b=two%20words&b=3&c=%C3%A4&empty=&flag").body("text/plain", "q"),
        ),
        echoes(
            "multipart",
            visit(Method::POST, "/").body(
                "multipart/form-data; boundary=x",
                "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x--\r\n",
            ),
        ),
        echoes("large-body", visit(Method::POST, "/").body("text/plain", "x".repeat(1 << 20))),
        scenario::<typed>(post(typed))
            .named("replay-extractors")
            .gets(visit(Method::POST, "/?page=7").body("application/json", r#"{"name":"Ada"}"#))
            .says("Ada 7")
            .shows(["nap"])
            .not_swept(LIKE_JSON),
        scenario::<form>(post(form))
            .gets(
                visit(Method::POST, "/").body("application/x-www-form-urlencoded", "name=Ada+Lovelace%26Co"),
            )
            .says("Ada Lovelace&Co")
            .shows(["nap"])
            .not_swept(LIKE_JSON),
        scenario_at::<path>("/orders/{id}/lines/{line}", post(path))
            .nested("/api/v1")
            .gets(visit(Method::POST, "/api/v1/orders/a%2Fb/lines/7?x=y"))
            .says("a/b 7 /api/v1/orders/a%2Fb/lines/7?x=y")
            .shows(["nap"]),
        scenario::<remembers>(get(remembers))
            .gets(visit(Method::GET, "/").header("authorization", "Bearer ada"))
            .says("Bearer ada")
            .did(["greet"])
            .shows(["nap", "greet"]),
        scenario::<responds>(post(responds))
            .with_status(201)
            .with_header("content-type", "application/problem+json")
            .with_header("x-order", "7")
            .with_header("location", "/orders/7")
            .says("{}")
            .shows(["nap"]),
        scenario::<without_body>(post(without_body))
            .says("nobody")
            .did(["before", "after"])
            .shows(["before", "nap", "after"])
            .not_swept(LIKE_JSON),
        scenario::<headed>(head(headed))
            .gets(visit(Method::HEAD, "/"))
            .at_once_or_not()
            .with_status(200)
            .or_status_in(500..=599)
            .rejects()
            .says_anything()
            .ends_anyhow()
            .did_at_most(["before", "after"])
            .shows_any_steps()
            .not_swept(LIKE_JSON),
        scenario::<through_inngest>(post(through_inngest))
            .at_inngest()
            .says("done")
            .did(["before"])
            .shows(["before", "nap"])
            .not_swept(LIKE_JSON),
        // What a server that any page may ask adds is not the handler's.
        scenario::<plain>(post(plain))
            .without_header("vary")
            .says("done")
            .shows(["nap"])
            .not_swept(LIKE_JSON),
        scenario::<redirects>(post(redirects))
            .with_status(302)
            .with_header("location", "https://example.com/done")
            .shows(["nap"])
            .not_swept(LIKE_JSON),
        scenario::<no_content>(post(no_content)).with_status(204).shows(["nap"]).not_swept(LIKE_JSON),
    ];
    for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        let name = format!("method-{}", method.as_str().to_lowercase());
        let request = visit(method.clone(), "/?m=1");
        scenarios.push(echoes(
            &name,
            if method == Method::GET { request } else { request.body("text/plain", "text") },
        ));
    }
    scenarios
}

/// A request that is the same in the last re-entry as it was in the first request.
fn echoes(name: &str, visit: Visit) -> Scenario {
    let seen = json!({
        "method": visit.method.as_str(),
        "uri": visit.path,
        "content_type": visit.content_type,
        "body": visit.body.to_vec(),
    });
    let scenario = scenario::<echo>(any(echo)).named(format!("replay-{name}")).shows(["first", "nap"]);
    let scenario = match name {
        "json" | "large-body" => scenario,
        _ => scenario.not_swept(LIKE_JSON),
    };
    if visit.body.len() > 100_000 {
        let bytes = visit.body.len();
        return scenario.gets(visit).says_json(json!({ "bytes": bytes })).shows(["first", "nap"]);
    }
    scenario.gets(visit).says_json(json!([seen, seen])).shows(["first", "nap"])
}

/// What a handler sees of its request.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Seen {
    method: String,
    uri: String,
    content_type: Option<String>,
    body: Vec<u8>,
}

/// Answers with what the first request and the last re-entry look like.
#[inngest::api_fn(id = "replay-echo")]
async fn echo(
    method: Method,
    OriginalUri(uri): OriginalUri,
    #[not_replayed] headers: HeaderMap,
    step: Step,
    _effects: Effects,
    body: Bytes,
) -> Result<Response, StepError> {
    let content_type = headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap().to_owned());
    let now = Seen { method: method.to_string(), uri: uri.to_string(), content_type, body: body.to_vec() };
    let large = body.len() > 100_000;
    let first = if large { Seen { body: Vec::new(), ..now.clone() } } else { now.clone() };
    let first = step.run("first", async { Ok(first) }).await?;
    step.sleep("nap", NAP).await;
    Ok(match large {
        true => Json(json!({ "bytes": body.len() })).into_response(),
        false => Json([first, now]).into_response(),
    })
}

#[derive(Deserialize)]
struct Page {
    page: u32,
}

#[derive(Deserialize)]
struct Person {
    name: String,
}

#[inngest::api_fn(id = "replay-typed")]
async fn typed(
    Query(Page { page }): Query<Page>,
    step: Step,
    _effects: Effects,
    Json(Person { name }): Json<Person>,
) -> String {
    step.sleep("nap", NAP).await;
    format!("{name} {page}")
}

#[inngest::api_fn(id = "replay-form")]
async fn form(step: Step, _effects: Effects, Form(Person { name }): Form<Person>) -> String {
    step.sleep("nap", NAP).await;
    name
}

#[inngest::api_fn(id = "replay-path")]
async fn path(
    Path((order, line)): Path<(String, u32)>,
    OriginalUri(uri): OriginalUri,
    step: Step,
    _effects: Effects,
) -> String {
    step.sleep("nap", NAP).await;
    format!("{order} {line} {uri}")
}

/// A header that a re-entry does not carry.
#[derive(Serialize, Deserialize)]
struct Authorization(String);

impl<S: Sync> FromRequestParts<S> for Authorization {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        let value = parts.headers.get(header::AUTHORIZATION).ok_or(StatusCode::UNAUTHORIZED)?;
        Ok(Self(value.to_str().unwrap_or_default().to_owned()))
    }
}

#[inngest::api_fn(id = "replay-remember")]
async fn remembers(
    Remember(Authorization(who)): Remember<Authorization>,
    step: Step,
    effects: Effects,
) -> Result<String, StepError> {
    step.sleep("nap", NAP).await;
    step.run("greet", effects.does("greet")).await?;
    Ok(who)
}

#[inngest::api_fn(id = "replay-response")]
async fn responds(step: Step, _effects: Effects) -> impl IntoResponse {
    step.sleep("nap", NAP).await;
    let headers = [("content-type", "application/problem+json"), ("x-order", "7"), ("location", "/orders/7")];
    (StatusCode::CREATED, headers, "{}")
}

/// A body that need not be there is not there in a re-entry either.
#[inngest::api_fn(id = "replay-without-body")]
async fn without_body(
    step: Step,
    effects: Effects,
    person: Option<Json<Person>>,
) -> Result<String, StepError> {
    step.run("before", effects.does("before")).await?;
    step.sleep("nap", NAP).await;
    step.run("after", effects.does("after")).await?;
    Ok(person.map_or("nobody".to_owned(), |Json(person)| person.name))
}

/// Either the run is not handed over, or it comes back as `HEAD`.
#[inngest::api_fn(id = "replay-head", retries = 1)]
async fn headed(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    step.run("before", effects.does("before")).await?;
    step.sleep("nap", NAP).await;
    step.run("after", effects.does("after")).await?;
    Ok("done")
}

/// The server's own output URL, as clients of other SDKs are sent there.
#[inngest::api_fn(id = "replay-through-inngest", async_response = redirect)]
async fn through_inngest(step: Step, effects: Effects) -> Result<&'static str, StepError> {
    step.run("before", effects.does("before")).await?;
    step.sleep("nap", NAP).await;
    Ok("done")
}

#[inngest::api_fn(id = "replay-plain")]
async fn plain(step: Step, _effects: Effects) -> &'static str {
    step.sleep("nap", NAP).await;
    "done"
}

#[inngest::api_fn(id = "replay-redirect")]
async fn redirects(step: Step, _effects: Effects) -> impl IntoResponse {
    step.sleep("nap", NAP).await;
    (StatusCode::FOUND, [("location", "https://example.com/done")])
}

#[inngest::api_fn(id = "replay-no-content")]
async fn no_content(step: Step, _effects: Effects) -> StatusCode {
    step.sleep("nap", NAP).await;
    StatusCode::NO_CONTENT
}
