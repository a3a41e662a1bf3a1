//! Scripts of other origins, and `OPTIONS`.

use inngest::output::OutputOpts;
use reqwest::{Method, RequestBuilder, Response};

use super::api::{Api, App, RUN_ID, responds, says};

const PAGE: &str = "https://www.example.com";

/// An app whose run has ended, with a response that was meant for another script.
async fn app(opts: OutputOpts) -> App {
    let (_, url) = Api::new(|before| {
        let stored =
            [("x-order", "7"), ("access-control-allow-origin", "https://stored.example"), ("vary", "accept")];
        if before == 0 { responds(201, &stored, "done") } else { says(401, "no") }
    })
    .await;
    App::new(&url, opts).await
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

fn vary(response: &Response) -> String {
    let values = response.headers().get_all("vary").iter();
    values.map(|value| value.to_str().unwrap()).collect::<Vec<_>>().join(", ")
}

fn preflight(app: &App, origin: &str) -> RequestBuilder {
    let path = format!("/runs/{RUN_ID}/output");
    let request = app.request(Method::OPTIONS, &path).header("origin", origin);
    request
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", "x-a, x-b")
}

#[tokio::test]
async fn an_origin_of_the_list_may_read_outputs_and_errors() {
    let app =
        app(OutputOpts::new().allow_origins(["https://other.example.com", "https://www.example.com/"])).await;
    let response = app.ask().header("origin", PAGE).send().await.unwrap();
    assert_eq!(response.status(), 201);
    assert_eq!(header(&response, "access-control-allow-origin"), Some(PAGE));
    assert_eq!(header(&response, "access-control-allow-credentials"), None);
    assert_eq!(vary(&response), "accept, origin");
    let exposed = header(&response, "access-control-expose-headers").unwrap();
    for name in ["x-order", "x-run-id", "cache-control"] {
        assert!(exposed.split(", ").any(|exposed| exposed == name), "{exposed}");
    }
    assert_eq!(response.text().await.unwrap(), "done");

    let response = app.ask().header("origin", PAGE).send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), header(&response, "access-control-allow-origin")),
        (401, Some(PAGE))
    );
    let bare = app.request(Method::GET, "/runs/7/output").header("origin", PAGE).send().await.unwrap();
    assert_eq!((bare.status().as_u16(), header(&bare, "access-control-allow-origin")), (400, Some(PAGE)));
}

#[tokio::test]
async fn other_origins_and_other_clients_get_no_permission() {
    for origin in
        [Some("https://evil.example"), Some("https://www.example.com.evil.example"), Some("null"), None]
    {
        let app = app(OutputOpts::new().allow_origins([PAGE]).allow_credentials(true)).await;
        let request = app.ask();
        let request = if let Some(origin) = origin { request.header("origin", origin) } else { request };
        let response = request.send().await.unwrap();
        assert!(
            !response.headers().keys().any(|name| name.as_str().starts_with("access-control-")),
            "{origin:?}"
        );
        assert_eq!(vary(&response), "accept, origin");
        if let Some(origin) = origin {
            let response = preflight(&app, origin).send().await.unwrap();
            assert_eq!(response.status(), 204);
            assert!(!response.headers().keys().any(|name| name.as_str().starts_with("access-control-")));
        }
    }
}

#[tokio::test]
async fn a_preflight_is_answered_without_asking_inngest() {
    let (api, url) = Api::new(|_| None).await;
    let app = App::new(&url, OutputOpts::new().allow_origins([PAGE]).allow_credentials(true)).await;
    let response = preflight(&app, PAGE).send().await.unwrap();
    assert_eq!(response.status(), 204);
    for (name, value) in [
        ("access-control-allow-origin", PAGE),
        ("access-control-allow-methods", "GET, HEAD"),
        ("access-control-allow-headers", "x-a, x-b"),
        ("access-control-allow-credentials", "true"),
        ("access-control-max-age", "86400"),
        ("allow", "GET, HEAD, OPTIONS"),
    ] {
        assert_eq!(header(&response, name), Some(value), "{name}");
    }
    assert!(vary(&response).starts_with("origin, "), "{}", vary(&response));
    assert_eq!(response.text().await.unwrap(), "");
    assert!(api.seen().is_empty());
}

#[tokio::test]
async fn any_origin_can_be_let_in() {
    let app = app(OutputOpts::new().allow_any_origin()).await;
    let response = preflight(&app, "null").send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), header(&response, "access-control-allow-origin")),
        (204, Some("*"))
    );
    let response = app.ask().header("origin", PAGE).send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), header(&response, "access-control-allow-origin")),
        (201, Some("*"))
    );
    assert_eq!(vary(&response), "accept");
}

#[tokio::test]
async fn without_cors_options_says_what_is_allowed_and_the_handlers_permission_stays_behind() {
    let app = app(OutputOpts::new()).await;
    let response = preflight(&app, PAGE).send().await.unwrap();
    assert_eq!((response.status().as_u16(), header(&response, "allow")), (204, Some("GET, HEAD, OPTIONS")));
    assert!(!response.headers().keys().any(|name| name.as_str().starts_with("access-control-")));
    let response = app.ask().header("origin", PAGE).send().await.unwrap();
    assert_eq!((response.status().as_u16(), header(&response, "access-control-allow-origin")), (201, None));
}
