//! An Inngest that says what a test wants it to, and an app whose only route is the output route.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, Response};
use inngest::output::OutputOpts;
use inngest::{Provider, SetupOpts};
use reqwest::{Client, Method, RequestBuilder};
use stephttp_tests::{serve, signed_query};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;

pub(crate) const RUN_ID: &str = "01M817NZCZ3BTTPY1FEX7T2M4B";
pub(crate) const TOKEN: &str = "ey.a-run_token";
pub(crate) const KEY: &str = "signkey-test-5ec2e7000000000000000000000000000000000000000000000000000000aaaa";
pub(crate) const RUNNING: &str = r#"{"status":"running","message":"run did not end within 5 minutes"}"#;

/// A request that has come to the API.
#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) uri: String,
    pub(crate) headers: HeaderMap,
}

/// The API.
#[derive(Clone, Default)]
pub(crate) struct Api {
    seen: Arc<Mutex<Vec<Seen>>>,
    arrived: watch::Sender<usize>,
    given_up: watch::Sender<usize>,
}

/// Notes that whoever asked went away.
struct Unanswered(Option<watch::Sender<usize>>);

impl Drop for Unanswered {
    fn drop(&mut self) {
        if let Some(given_up) = self.0.take() {
            given_up.send_modify(|count| *count += 1);
        }
    }
}

impl Api {
    /// Answers by how many requests came before; `None` is no answer, ever. Gives the API's
    /// address, too.
    pub(crate) async fn new(
        answer: impl Fn(usize) -> Option<Response<Body>> + Clone + Send + Sync + 'static,
    ) -> (Self, String) {
        let api = Self::default();
        let noting = api.clone();
        let handler = move |request: Request| {
            let (api, answer) = (noting.clone(), answer.clone());
            async move {
                let mut unanswered = Unanswered(Some(api.given_up.clone()));
                let before = {
                    let mut seen = api.seen.lock().unwrap();
                    seen.push(Seen {
                        method: request.method().clone(),
                        uri: request.uri().to_string(),
                        headers: request.headers().clone(),
                    });
                    seen.len() - 1
                };
                api.arrived.send_modify(|count| *count += 1);
                match answer(before) {
                    Some(response) => {
                        unanswered.0 = None;
                        response
                    }
                    None => std::future::pending().await,
                }
            }
        };
        let (url, _) = serve(Router::new().fallback(handler)).await;
        (api, url)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until so many requests have come.
    pub(crate) async fn reached(&self, requests: usize) {
        let _ = self.arrived.subscribe().wait_for(|arrived| *arrived >= requests).await;
    }

    /// Waits until so many requests have been given up by whoever made them.
    pub(crate) async fn given_up(&self, requests: usize) {
        let _ = self.given_up.subscribe().wait_for(|given_up| *given_up >= requests).await;
    }
}

/// Writes these bytes to one connection after the other, whatever it is asked, and the last to all
/// that follow.
pub(crate) async fn raw_api(answers: &'static [&'static str]) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        for connection in 0.. {
            let (mut stream, _) = listener.accept().await.unwrap();
            // A request without a body: its head comes at once.
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") && stream.read_buf(&mut head).await.unwrap() > 0 {}
            stream.write_all(answers[connection.min(answers.len() - 1)].as_bytes()).await.unwrap();
        }
    });
    url
}

/// The query of the output's URL, as the app makes it.
pub(crate) fn query() -> String {
    signed_query(KEY, RUN_ID, TOKEN)
}

/// The app.
pub(crate) struct App {
    pub(crate) provider: Provider,
    pub(crate) origin: String,
    client: Client,
}

impl App {
    /// An app with a signing key, whose Inngest is at this address.
    pub(crate) async fn new(api: &str, opts: OutputOpts) -> Self {
        let setup = SetupOpts::new("https://api.example.com").dev(false).signing_key(KEY).base_url(api);
        let provider = Provider::setup(setup.output(opts)).unwrap();
        let app = Router::new().merge(provider.output_route()).layer(provider.layer());
        let (origin, _) = serve(app).await;
        let client =
            Client::builder().redirect(reqwest::redirect::Policy::none()).tls_certs_only([]).build().unwrap();
        Self { provider, origin, client }
    }

    /// The output's URL.
    pub(crate) fn url(&self) -> String {
        format!("{}/runs/{RUN_ID}/output?{}", self.origin, query())
    }

    /// A request for the output, by a client that does not follow redirects.
    pub(crate) fn ask(&self) -> RequestBuilder {
        self.request(Method::GET, &format!("/runs/{RUN_ID}/output?{}", query()))
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.origin))
    }
}

/// Inngest's own answer.
pub(crate) fn says(status: u16, body: impl Into<Body>) -> Option<Response<Body>> {
    Some(
        Response::builder()
            .status(status)
            .header("x-inngest-server-kind", "cloud")
            .body(body.into())
            .unwrap(),
    )
}

/// A run's own response, as Inngest passes it on.
pub(crate) fn responds(
    status: u16,
    headers: &[(&str, &str)],
    body: impl Into<Body>,
) -> Option<Response<Body>> {
    let mut response = says(status, body)?;
    response.headers_mut().insert("x-run-id", RUN_ID.parse().unwrap());
    for (name, value) in headers {
        let name: axum::http::HeaderName = name.parse().unwrap();
        response.headers_mut().append(name, value.parse().unwrap());
    }
    Some(response)
}
