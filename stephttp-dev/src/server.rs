//! The server: starting, stopping, looking, steering.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hyper_util::rt::TokioIo;
use stephttp::signature::SigningKey;
use tokio::net::{TcpListener, TcpStream};

use crate::api::Api;
use crate::clock::Clock;
use crate::engine::{Backoff, Engine, Settings};
use crate::fault::{Call, Fault};
use crate::inspect::{ApiCall, Dispatch, RunStatus, RunView};
use crate::notice::Notices;
use crate::violation::Violation;

/// A server that an app can use in place of Inngest, in the same process.
///
/// It listens on a real socket and stops when it is dropped.
#[derive(Debug)]
#[must_use = "the server stops when it is dropped"]
pub struct DevServer {
    engine: Arc<Engine>,
    address: SocketAddr,
    url: String,
}

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

    /// The key by which re-entries are signed and which API calls must show. Without one nothing is signed and
    /// everybody may call.
    pub fn signing_key(self, key: impl Into<String>) -> Self {
        Self { signing_key: Some(key.into()), ..self }
    }

    /// How long every retry waits, in place of the usual 5 s, 15 s, 30 s, and so on.
    pub fn retry_interval(self, interval: Duration) -> Self {
        Self { retry_interval: Some(interval), ..self }
    }

    /// Names steps by the beginning of their ids that several re-entries may save at once, to agree on the value that
    /// was saved first: it is no violation when they are saved again. `inngest:` and `stephttp:` are such already.
    pub fn write_once(mut self, prefix: impl Into<String>) -> Self {
        self.registers.push(prefix.into());
        self
    }

    /// How many calls and dispatches keep their bodies for [`DevServer::calls`] and [`DevServer::dispatches`]; all,
    /// unless said otherwise.
    pub fn keep(self, bodies: usize) -> Self {
        Self { kept: Some(bodies), ..self }
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
        })?;
        let address = listener.local_addr()?;
        engine.spawn(accept(Arc::clone(&engine), listener));
        Ok(DevServer { engine, address, url: format!("http://{address}") })
    }
}

/// Takes connections, for ever.
async fn accept(engine: Arc<Engine>, listener: TcpListener) {
    let api = Api::new(Arc::clone(&engine));
    loop {
        match listener.accept().await {
            Ok((stream, _)) => engine.spawn(connection(api.clone(), stream)),
            // Out of file descriptors, most likely: there may be some again soon.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn connection(api: Api, stream: TcpStream) {
    let service = hyper::service::service_fn(move |request| api.clone().serve(request));
    // It fails when the peer goes away, and when a fault closes it: neither is of interest.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

impl Drop for DevServer {
    fn drop(&mut self) {
        drop(self.engine.stop());
    }
}

// ===== Running =====

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

    /// Stops the server and waits until all of it has stopped.
    pub async fn shutdown(self) {
        if let Some(mut tasks) = self.engine.stop() {
            while tasks.join_next().await.is_some() {}
        }
    }

    /// The API's base, such as `http://127.0.0.1:8288`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where the server listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What time it is on the server's clock.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        self.engine.read(crate::engine::State::now)
    }

    /// Moves a manual clock on by `duration`, releasing everything that becomes due in its order. Returns when all of
    /// it has been answered, and whatever became due by the answers too.
    ///
    /// # Panics
    /// When the clock is not [`Clock::Manual`].
    #[track_caller]
    pub fn advance(&self, duration: Duration) -> impl Future<Output = ()> + Send + '_ {
        let clock = self.engine.read(|state| state.work.time.kind());
        assert!(
            clock == Clock::Manual,
            "only Clock::Manual can be advanced; this server has Clock::{clock:?}"
        );
        self.engine.advance(duration)
    }

    /// Cancels a run, as `DELETE /v1/runs/{id}` does. The app is not told.
    pub fn cancel(&self, run_id: &str) {
        self.engine.change(|state| state.cancel(run_id));
    }
}

// ===== Faults =====

impl DevServer {
    /// Lets something go wrong. Of several faults for one call the one injected first strikes.
    pub fn inject(&self, fault: Fault) {
        self.engine.change(|state| state.faults.push(fault));
    }

    /// Takes back every fault.
    pub fn clear_faults(&self) {
        self.engine.change(|state| state.faults.clear());
    }

    /// From now on every API call's connection is closed without an answer. Re-entries go on.
    pub fn go_down(&self) {
        self.engine.change(|state| state.down = true);
    }

    /// Ends [`go_down`](Self::go_down).
    pub fn come_up(&self) {
        self.engine.change(|state| state.down = false);
    }

    /// Keeps back every re-entry from now on; time stands still as well.
    pub fn hold_dispatches(&self) {
        self.engine.change(|state| state.work.held = true);
    }

    /// Ends [`hold_dispatches`](Self::hold_dispatches).
    pub fn release_dispatches(&self) {
        self.engine.change(|state| state.work.held = false);
    }

    /// Sends the re-entry of a run that is under way once more, with the next generation, as if the first had been
    /// lost. What the first still saves is refused with 409, and its answer is ignored. Answers `false` when no
    /// re-entry is under way.
    pub fn redispatch(&self, run_id: &str) -> bool {
        self.engine.redispatch(run_id)
    }

    /// Sends the next re-entry twice at once: the second supersedes the first, as
    /// [`redispatch`](Self::redispatch) does.
    pub fn deliver_twice(&self) {
        self.engine.change(|state| state.work.twice += 1);
    }
}

// ===== Looking =====

impl DevServer {
    /// All API calls so far, in the order of their arrival.
    #[must_use]
    pub fn calls(&self) -> Vec<ApiCall> {
        self.engine.read(|state| state.log.calls.clone())
    }

    /// The API calls of one kind so far, in the order of their arrival.
    #[must_use]
    pub fn calls_of(&self, kind: Call) -> Vec<ApiCall> {
        self.engine.read(|state| state.log.calls_of(kind).cloned().collect())
    }

    /// Waits until the n-th call of a kind has arrived; 1 is the first that ever came.
    pub async fn wait_for_call(&self, kind: Call, n: usize) -> ApiCall {
        let nth = n.saturating_sub(1);
        self.engine.until(|state| state.log.calls_of(kind).nth(nth).cloned()).await
    }

    /// All re-entries so far, in the order in which they were sent.
    #[must_use]
    pub fn dispatches(&self) -> Vec<Dispatch> {
        self.engine.read(|state| state.log.dispatches.clone())
    }

    /// Waits until the n-th re-entry has been sent; 1 is the first that ever was.
    pub async fn wait_for_dispatch(&self, n: usize) -> Dispatch {
        let nth = n.saturating_sub(1);
        self.engine.until(|state| state.log.dispatches.get(nth).cloned()).await
    }

    /// Waits until the n-th re-entry has been answered, or has failed to be; 1 is the first that ever was sent.
    pub async fn wait_for_answer(&self, n: usize) -> Dispatch {
        let nth = n.saturating_sub(1);
        let answered = |dispatch: &&Dispatch| dispatch.status.is_some() || dispatch.error.is_some();
        self.engine.until(|state| state.log.dispatches.get(nth).filter(answered).cloned()).await
    }

    /// All runs, in the order of their creation.
    #[must_use]
    pub fn runs(&self) -> Vec<RunView> {
        self.engine.read(|state| state.order.iter().filter_map(|id| state.view(id)).collect())
    }

    /// A run.
    #[must_use]
    pub fn run(&self, run_id: &str) -> Option<RunView> {
        self.engine.read(|state| state.view(run_id))
    }

    /// Waits for the first run.
    pub async fn wait_for_run(&self) -> RunView {
        self.wait_for_runs(1).await
    }

    /// Waits until there are `n` runs; answers the n-th.
    pub async fn wait_for_runs(&self, n: usize) -> RunView {
        let nth = n.saturating_sub(1);
        self.engine.until(|state| state.view(state.order.get(nth)?)).await
    }

    /// Waits until a run has ended. It may not have been created yet.
    pub async fn wait_for_end(&self, run_id: &str) -> RunView {
        self.wait_until(run_id, |run| run.status != RunStatus::Running).await
    }

    /// Waits until a run is as `condition` wants it. It may not have been created yet.
    pub async fn wait_until(&self, run_id: &str, condition: impl Fn(&RunView) -> bool) -> RunView {
        self.engine.until(|state| state.view(run_id).filter(&condition)).await
    }

    /// Waits until no re-entry is under way and none is planned: whatever has not ended by then hangs for ever.
    pub async fn idle(&self) {
        self.engine.until(|state| state.work.idle().then_some(())).await;
    }

    /// The notices from now on.
    #[must_use]
    pub fn subscribe(&self) -> Notices {
        self.engine.change(|state| state.log.subscribe())
    }

    /// What the SDK did wrong so far.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        self.engine.read(|state| state.log.violations.clone())
    }

    /// Passes if the SDK did nothing wrong so far.
    ///
    /// # Panics
    /// When it did; the message lists everything.
    #[track_caller]
    pub fn assert_no_violations(&self) {
        let violations = self.violations();
        let list: Vec<String> = violations.iter().map(|violation| format!("\n  - {violation}")).collect();
        assert!(violations.is_empty(), "the SDK made {} mistake(s):{}", violations.len(), list.concat());
    }
}
