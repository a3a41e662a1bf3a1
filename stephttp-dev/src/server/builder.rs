//! How a server is started.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use inngest::signature::SigningKey;
use serde_json::Value;
use tokio::net::TcpListener;

use super::DevServer;
use crate::api::Api;
use crate::clock::Clock;
use crate::engine::{Backoff, Engine, Settings};
use crate::function::Function;
use crate::page::Page;
use crate::socket;

impl DevServer {
    /// Starts a server on a free port of this machine, with [`Clock::Skip`] and no signing key.
    ///
    /// # Errors
    /// When no port can be listened on.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// Begins to describe a server.
    pub fn builder() -> DevServerBuilder {
        DevServerBuilder::default()
    }
}

/// How long tests wait for something, unless said otherwise.
const PATIENCE: Duration = Duration::from_secs(30);

/// How a server is to be started.
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `start`"]
pub struct DevServerBuilder {
    clock: Clock,
    host: IpAddr,
    port: u16,
    signing_key: Option<String>,
    retry_interval: Option<Duration>,
    registers: Vec<String>,
    kept: Option<usize>,
    event_key: Option<String>,
    functions: HashMap<String, Function>,
    patience: Duration,
    page: bool,
}

impl Default for DevServerBuilder {
    fn default() -> Self {
        Self {
            clock: Clock::default(),
            host: Ipv4Addr::LOCALHOST.into(),
            port: 0,
            signing_key: None,
            retry_interval: None,
            registers: vec!["inngest:".to_owned(), "stephttp:".to_owned()],
            kept: None,
            event_key: None,
            functions: HashMap::new(),
            patience: PATIENCE,
            page: true,
        }
    }
}

impl DevServerBuilder {
    /// How time goes by; [`Clock::Skip`] unless said otherwise.
    pub fn clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// The address to listen on; 127.0.0.1 unless said otherwise.
    pub fn host(self, host: IpAddr) -> Self {
        Self { host, ..self }
    }

    /// The port to listen on; 0, which is any free one, unless said otherwise.
    pub fn port(self, port: u16) -> Self {
        Self { port, ..self }
    }

    /// The key by which re-entries are signed and which API calls must show. Without one nothing is
    /// signed and everybody may call.
    pub fn signing_key(self, key: impl Into<String>) -> Self {
        Self { signing_key: Some(key.into()), ..self }
    }

    /// How long every retry waits, in place of the usual 5 s, 15 s, 30 s, and so on.
    pub fn retry_interval(self, interval: Duration) -> Self {
        Self { retry_interval: Some(interval), ..self }
    }

    /// Names steps by the beginning of their ids that several re-entries may save at once, to agree
    /// on the value that was saved first: it is no violation when they are saved again. `inngest:`
    /// and `stephttp:` are such already.
    pub fn write_once(mut self, prefix: impl Into<String>) -> Self {
        self.registers.push(prefix.into());
        self
    }

    /// How many calls, dispatches and events keep their bodies for [`DevServer::calls`],
    /// [`DevServer::dispatches`] and [`DevServer::events`]; all, unless said otherwise.
    pub fn keep(self, bodies: usize) -> Self {
        Self { kept: Some(bodies), ..self }
    }

    /// How long, in real time, the server's waiting functions wait for something before they panic
    /// and say how things stand: [`DevServer::wait_for_end`] and its like, [`DevServer::idle`] and
    /// [`DevServer::advance`]. 30 s unless said otherwise; with [`Duration::MAX`] they wait for
    /// ever.
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Whether the server serves its page at `/`, which shows runs as they happen, with their
    /// values, and by which events are sent, runs are cancelled and the clock is moved. It does
    /// unless said otherwise, and costs nothing while nobody has it open.
    ///
    /// Who can reach the server can use the page, as they can use the API. No other site's pages
    /// can. Where the server has a [signing key](Self::signing_key), which the page does not ask
    /// for, only this machine can: whoever has an account on it sees the values of all runs.
    pub fn page(self, page: bool) -> Self {
        Self { page, ..self }
    }

    /// The one key with which events may be sent. Without one any key will do.
    pub fn event_key(self, key: impl Into<String>) -> Self {
        Self { event_key: Some(key.into()), ..self }
    }

    /// Stands in for a function that steps may invoke, under the id by which they do:
    /// `<app>-<function>`.
    ///
    /// It gets the payload's `data`, without what the real server adds to that under `_inngest`. It
    /// runs in a task of its own, and [`Clock::Skip`] stands still meanwhile. An error is the last
    /// there is: it is not tried again. So is a panic.
    ///
    /// A step that invokes anything else fails with the real server's words:
    /// `could not find function with ID: <id>`.
    pub fn function<F, R, E>(mut self, id: impl Into<String>, handler: F) -> Self
    where
        F: Fn(Value) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Value, E>> + Send + 'static,
        E: std::fmt::Display,
    {
        self.functions.insert(id.into(), Function::new(handler));
        self
    }

    /// Starts the server.
    ///
    /// # Errors
    /// When the address cannot be listened on, or the signing key is none.
    pub async fn start(self) -> io::Result<DevServer> {
        let signing_key = self.signing_key.as_deref().map(SigningKey::parse).transpose();
        let listener = TcpListener::bind((self.host, self.port)).await?;
        let engine = Engine::start(Settings {
            clock: self.clock,
            backoff: Backoff { interval: self.retry_interval },
            signing_key: signing_key.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?,
            registers: self.registers,
            kept: self.kept,
            event_key: self.event_key,
            functions: self.functions,
            patience: self.patience,
        })?;
        let address = listener.local_addr()?;
        let page = self.page.then(|| Page::new(Arc::clone(&engine), address));
        let api = Api::new(Arc::clone(&engine), page);
        engine.spawn(accept(Arc::clone(&engine), listener, api));
        Ok(DevServer { engine, address, url: format!("http://{address}") })
    }
}

/// Takes connections, for ever.
async fn accept(engine: Arc<Engine>, listener: TcpListener, api: Api) {
    loop {
        let (stream, peer) = socket::accept(&listener).await;
        let api = api.clone();
        engine.spawn(socket::serve(stream, move |request| api.clone().serve(request, peer)));
    }
}
