//! The dev engine as it would be in Go: what it has stored of steps passes through `any`, where
//! numbers are doubles.

use std::net::TcpListener;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use reqwest::Client;

/// Puts itself before the engine at this URL; gives its own.
pub(super) fn before(engine: &str) -> String {
    changing(engine, through_doubles)
}

/// The same, with another change to what `/actions` gives; `None` when the state cannot be read.
pub(super) fn changing(engine: &str, change: fn(&str) -> Option<String>) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let client =
        Client::builder().redirect(reqwest::redirect::Policy::none()).tls_certs_only([]).build().unwrap();
    let app =
        Router::new().fallback(forward).with_state(Before { engine: engine.to_owned(), client, change });
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    url
}

#[derive(Clone)]
struct Before {
    engine: String,
    client: Client,
    change: fn(&str) -> Option<String>,
}

async fn forward(State(before): State<Before>, request: Request) -> Result<Response, StatusCode> {
    let (parts, body) = request.into_parts();
    let is_state = parts.uri.path().ends_with("/actions");
    let url = format!("{}{}", before.engine, parts.uri);
    let body = axum::body::to_bytes(body, usize::MAX).await.map_err(|_| StatusCode::BAD_REQUEST)?;
    let request = before.client.request(parts.method, url).headers(parts.headers).body(body);
    let answer = request.send().await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    headers.remove("content-length");
    headers.remove("transfer-encoding");
    let body = answer.bytes().await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    if !is_state || !status.is_success() {
        return Ok((status, headers, body).into_response());
    }
    let state = std::str::from_utf8(&body).map_err(|_| StatusCode::BAD_GATEWAY)?;
    // As for every failure to load the state.
    let state = (before.change)(state).ok_or(StatusCode::GONE)?;
    Ok((status, headers, Body::from(state)).into_response())
}

/// A JSON text as Go gives it back when it has read it into `any`, but for the order of members and
/// white space. `None` when Go could not read it.
pub(super) fn through_doubles(json: &str) -> Option<String> {
    let mut doubles = String::new();
    for (part, is_number) in parts(json) {
        if is_number {
            doubles.push_str(&go(part.parse().ok()?)?);
        } else {
            doubles.push_str(part);
        }
    }
    Some(doubles)
}

/// The text with each number as a text of its own, so that `1` and `1.0` are two.
pub(super) fn with_texts_for_numbers(json: &str) -> String {
    parts(json)
        .map(|(part, is_number)| if is_number { format!("\"#{part}\"") } else { part.to_owned() })
        .collect()
}

/// The numbers of a JSON text, and what is between them.
fn parts(json: &str) -> impl Iterator<Item = (&str, bool)> {
    let mut rest = json;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let (length, is_number) = match first {
            '"' => {
                let mut is_escaped = false;
                let end = rest.char_indices().skip(1).find(|(_, c)| {
                    let ends = *c == '"' && !is_escaped;
                    is_escaped = *c == '\\' && !is_escaped;
                    ends
                });
                (end.unwrap().0 + 1, false)
            }
            '-' | '0'..='9' => {
                let end = rest.find(|c: char| !c.is_ascii_digit() && !"+-.eE".contains(c));
                (end.unwrap_or(rest.len()), true)
            }
            other => (other.len_utf8(), false),
        };
        let part;
        (part, rest) = rest.split_at(length);
        Some((part, is_number))
    })
}

/// `encoding/json` of Go writes a `float64` so.
fn go(double: f64) -> Option<String> {
    let absolute = double.abs();
    if !double.is_finite() {
        return None;
    }
    if absolute != 0.0 && !(1e-6..1e21).contains(&absolute) {
        let text = format!("{double:e}");
        return Some(if absolute < 1.0 { text } else { text.replace('e', "e+") });
    }
    Some(double.to_string())
}

#[test]
fn doubles_are_those_of_the_server() {
    // docs/protocol.md 6.3
    for (stored, returned) in [
        ("9007199254740993", "9007199254740992"),
        ("18446744073709551615", "18446744073709552000"),
        ("1.0", "1"),
        ("1E5", "100000"),
        ("-0.0", "-0"),
        ("5e-324", "5e-324"),
        ("9007199254740991", "9007199254740991"),
        (r#"{"a":[1.0,"1.0 \"2.0\\"],"b":1e300}"#, r#"{"a":[1,"1.0 \"2.0\\"],"b":1e+300}"#),
    ] {
        assert_eq!(through_doubles(stored).unwrap(), returned);
    }
    assert_eq!(through_doubles("1e400"), None);
}
