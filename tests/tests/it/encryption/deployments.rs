//! An app whose versions follow each other, at one address.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use inngest::middleware::Encryption;
use inngest::{Provider, SetupOpts};
use stephttp_dev::{Clock, DevServer};
use stephttp_tests::serve;
use tower::ServiceExt as _;

#[derive(Clone, Default)]
struct Current(Arc<Mutex<Router>>);

/// An app, and an engine whose clock the test moves.
pub(super) struct Deployments {
    pub(super) inngest: DevServer,
    pub(super) origin: String,
    current: Current,
    provider: Option<Provider>,
}

impl Deployments {
    pub(super) async fn new() -> Self {
        let inngest = DevServer::builder().clock(Clock::Manual).retry_interval(RETRY).start().await.unwrap();
        let current = Current::default();
        let app = Router::new().fallback(forward).with_state(current.clone());
        let (origin, _) = serve(app).await;
        Self { inngest, origin, current, provider: None }
    }

    /// Once this returns, the app is this one.
    pub(super) async fn deploy(&mut self, app: Router, encryption: Option<Encryption>) {
        self.delivered().await;
        let opts = SetupOpts::new(&self.origin).dev_server(self.inngest.url());
        let opts = match encryption {
            Some(encryption) => opts.middleware(encryption).stream_in_clear(true),
            None => opts,
        };
        let provider = Provider::setup(opts).unwrap();
        *self.current.0.lock().unwrap() = app.layer(provider.layer());
        self.provider = Some(provider);
    }

    pub(super) async fn delivered(&self) {
        if let Some(provider) = &self.provider {
            provider.wait(Duration::from_secs(30)).await.unwrap();
        }
    }

    /// Begins a run, which is handed over; answers where its output will be.
    pub(super) async fn begin(&self, body: &'static str) -> String {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .tls_certs_only([])
            .build()
            .unwrap();
        let response = client.post(&self.origin).body(body).send().await.unwrap();
        assert_eq!(response.status(), 303);
        response.headers()["location"].to_str().unwrap().to_owned()
    }
}

/// How long the engine waits before it tries again.
pub(super) const RETRY: Duration = Duration::from_secs(10);

async fn forward(State(current): State<Current>, request: Request) -> axum::response::Response {
    let app = current.0.lock().unwrap().clone();
    app.oneshot(request).await.unwrap_or_else(|never| match never {})
}
