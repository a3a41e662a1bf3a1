//! The process of an app that is tested: a runtime of its own, which can die.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use axum::Router;
use inngest::Provider;
use tokio::runtime::{Builder, Handle, Runtime};

/// How long a process that dies may take for it: a handler that blocks its thread holds it up.
const DYING: Duration = Duration::from_secs(5);

/// A port that outlives the processes: who connects while one is replaced waits, as behind a load
/// balancer.
#[derive(Debug)]
pub(crate) struct Port {
    listener: TcpListener,
    origin: String,
}

/// An app at work. Everything that it does, its background tasks included, is in one runtime, and
/// ends with it.
#[derive(Debug)]
pub(crate) struct Process {
    runtime: Own,
    pub(crate) provider: Provider,
}

/// A runtime that may be dropped in async code: it ends without being waited for.
#[derive(Debug)]
struct Own(Option<Runtime>);

impl Port {
    /// One that is free.
    pub(crate) fn free() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let origin = format!("http://{}", listener.local_addr()?);
        Ok(Self { listener, origin })
    }

    /// Where the app is, such as `http://127.0.0.1:3000`.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }
}

impl Process {
    /// Starts an app in a runtime with so many threads. Who makes the app is given the runtime, to
    /// enter it or to block on it.
    pub(crate) fn start(
        port: &Port,
        threads: usize,
        make: impl FnOnce(&Handle) -> (Router, Provider),
    ) -> io::Result<Self> {
        let listener = port.listener.try_clone()?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("test-app")
            .enable_all()
            .build()?;
        let handle = runtime.handle().clone();
        let runtime = Own(Some(runtime));
        let (router, provider) = make(&handle);
        let _within = handle.enter();
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let app = router.into_make_service_with_connect_info::<SocketAddr>();
        handle.spawn(async move { axum::serve(listener, app).await });
        Ok(Self { runtime, provider })
    }

    /// Ends it where it is, as if it were killed, and returns when nothing of it is left. Blocks.
    pub(crate) fn kill(mut self) {
        if let Some(runtime) = self.runtime.0.take() {
            runtime.shutdown_timeout(DYING);
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
