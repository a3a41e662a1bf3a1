//! The app's process: a runtime of its own, which can die.

use std::io;
use std::net::TcpListener;
use std::time::Duration;

use axum::Router;
use inngest::Provider;
use tokio::runtime::{Builder, Runtime};

/// How long a process that dies may take for it: a handler that blocks its thread holds it up.
const DYING: Duration = Duration::from_secs(5);

/// The app at work. Everything that it does, its background tasks included, is in one runtime, and
/// ends with it.
#[derive(Debug)]
pub(super) struct Process {
    runtime: Own,
    pub(super) provider: Provider,
}

/// A runtime that may be dropped in async code: it ends without being waited for.
#[derive(Debug)]
struct Own(Option<Runtime>);

impl Process {
    /// Starts an app that is made within its runtime. The socket outlives the process, so that the
    /// next one has the same port.
    pub(super) fn start(socket: &TcpListener, make: impl FnOnce() -> (Provider, Router)) -> io::Result<Self> {
        let socket = socket.try_clone()?;
        // Two threads, so that a handler that blocks one does not stop all others.
        let runtime =
            Builder::new_multi_thread().worker_threads(2).thread_name("test-app").enable_all().build()?;
        let handle = runtime.handle().clone();
        let runtime = Own(Some(runtime));
        let _within = handle.enter();
        let (provider, router) = make();
        let listener = tokio::net::TcpListener::from_std(socket)?;
        handle.spawn(async move { axum::serve(listener, router).await });
        Ok(Self { runtime, provider })
    }

    /// Ends it where it is, as if it were killed, and returns when nothing of it is left.
    pub(super) async fn kill(mut self) {
        if let Some(runtime) = self.runtime.0.take() {
            let killing = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(DYING));
            // It fails only if the test's own runtime ends.
            let _ = killing.await;
        }
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
