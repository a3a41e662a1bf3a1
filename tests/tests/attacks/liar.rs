//! An Inngest that says of outputs what a test wants it to, and an app with the output route.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::Response;
use bytes::Bytes;
use inngest::middleware::Middleware;
use inngest::{Provider, SetupOpts};
use reqwest::{Client, Method, RequestBuilder};
use stephttp_tests::{RawClient, serve, signed_query};

pub(crate) const RUN_ID: &str = "01M817NZCZ3BTTPY1FEX7T2M4B";
pub(crate) const TOKEN: &str = "ey.a-run_token";
pub(crate) const KEY: &str = "signkey-test-5ec2e7000000000000000000000000000000000000000000000000000000aaaa";

/// Where an Inngest is that answers every question so, and how often it was asked.
pub(crate) async fn inngest(
    answer: impl Fn(&Request) -> Response<Body> + Clone + Send + Sync + 'static,
) -> (String, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let handler = move |request: Request| {
        count.fetch_add(1, Ordering::SeqCst);
        let answer = answer(&request);
        async move { answer }
    };
    let (url, _) = serve(Router::new().fallback(handler)).await;
    (url, asked)
}

/// What Inngest passes on as the response of [`RUN_ID`].
pub(crate) fn responds(headers: &[(&str, &str)], body: impl Into<Body>) -> Response<Body> {
    let response = Response::builder().header("x-run-id", RUN_ID);
    headers
        .iter()
        .fold(response, |response, (name, value)| response.header(*name, *value))
        .body(body.into())
        .unwrap()
}

/// What Inngest passes on as the response of the run that it is asked for.
pub(crate) fn responds_as_asked(request: &Request, body: impl Into<Body>) -> Response<Body> {
    let run_id = request.uri().path().split('/').nth(4).unwrap();
    Response::builder().header("x-run-id", run_id).body(body.into()).unwrap()
}

/// One of a hundred runs.
pub(crate) fn run(n: usize) -> String {
    format!("01M817NZCZ3BTTPY1FEX7T2M{n:02}")
}

/// 8 MiB, the most that a run's response can have.
pub(crate) fn large() -> Bytes {
    Bytes::from(vec![b'x'; 8 * 1024 * 1024])
}

/// It changes nothing, but outputs have to be read whole for it.
pub(crate) struct Looks;

impl Middleware for Looks {}

/// An app whose only route is the output route, with [`KEY`].
pub(crate) struct App {
    pub(crate) provider: Provider,
    pub(crate) origin: String,
    client: Client,
}

impl App {
    pub(crate) async fn new(inngest: &str, configure: impl FnOnce(SetupOpts) -> SetupOpts) -> Self {
        Self::made(inngest, configure, |provider| provider.output_route().layer(provider.layer())).await
    }

    pub(crate) async fn made(
        inngest: &str,
        configure: impl FnOnce(SetupOpts) -> SetupOpts,
        routes: impl FnOnce(&Provider) -> Router,
    ) -> Self {
        let opts = SetupOpts::new("https://api.example.com").dev(false).signing_key(KEY).base_url(inngest);
        let provider = Provider::setup(configure(opts)).unwrap();
        let (origin, _) = serve(routes(&provider)).await;
        let client =
            Client::builder().redirect(reqwest::redirect::Policy::none()).tls_certs_only([]).build().unwrap();
        Self { provider, origin, client }
    }

    /// A request with the URL that the app makes for [`RUN_ID`].
    pub(crate) fn ask(&self) -> RequestBuilder {
        self.request(Method::GET, &path(RUN_ID))
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.origin))
    }
}

/// Where a run's output is.
pub(crate) fn path(run_id: &str) -> String {
    format!("/runs/{run_id}/output?{}", signed_query(KEY, run_id, TOKEN))
}

/// A client that has asked, and reads no more than the head of what it gets; with that.
pub(crate) async fn slow_reader(origin: &str, path: &str) -> (RawClient, String) {
    let mut client = RawClient::connect(origin).await;
    client.send(format!("GET {path} HTTP/1.1\r\nhost: app\r\n\r\n")).await;
    let head = client.read_until("\r\n\r\n").await;
    (client, head)
}
