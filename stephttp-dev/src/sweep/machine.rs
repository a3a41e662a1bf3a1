//! A machine that runs an app's process, and can lose its power.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;

use axum::Router;
use inngest::Provider;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use crate::text::panic_text;

/// An app that is being made.
pub(super) type Making = Pin<Box<dyn Future<Output = (Router, Provider)>>>;

/// Makes the app as a new process does, in its runtime.
pub(super) type Program = Arc<dyn Fn() -> Making + Send + Sync>;

/// Keeps the port while processes come and go: who connects meanwhile waits, as behind a load
/// balancer.
pub(super) struct Machine {
    listener: TcpListener,
    program: Program,
    process: Mutex<Process>,
}

/// An app in a runtime and a thread of its own: nothing of it outlives them.
struct Process {
    number: usize,
    provider: Provider,
    /// Its process runs while there is power.
    power: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<io::Result<()>>>,
}

impl Machine {
    /// Starts the first process. Blocks.
    pub(super) fn start(listener: TcpListener, program: Program) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let process = Process::start(0, &listener, &program)?;
        Ok(Self { listener, program, process: Mutex::new(process) })
    }

    fn lock(&self) -> MutexGuard<'_, Process> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The provider of the process that runs now, and how many ran before it.
    pub(super) fn provider(&self) -> (Provider, usize) {
        let process = self.lock();
        (process.provider.clone(), process.number)
    }

    /// The process dies, and does nothing more; `meanwhile` something happens, and another is
    /// started. Blocks.
    pub(super) fn crash(&self, meanwhile: impl FnOnce()) -> io::Result<()> {
        let mut process = self.lock();
        let number = process.number + 1;
        process.stop();
        meanwhile();
        *process = Process::start(number, &self.listener, &self.program)?;
        Ok(())
    }
}

impl Process {
    /// Blocks until the app is made.
    fn start(number: usize, listener: &TcpListener, program: &Program) -> io::Result<Self> {
        let listener = listener.try_clone()?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (power, off) = oneshot::channel();
        let (made, provider) = mpsc::channel();
        let program = Arc::clone(program);
        let thread = thread::Builder::new().spawn(move || {
            serve(runtime, async move {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                let (app, provider) = program().await;
                let _ = made.send(provider);
                let app = app.into_make_service_with_connect_info::<SocketAddr>();
                tokio::select! {
                    biased;
                    _ = off => Ok(()),
                    ended = axum::serve(listener, app) => ended,
                }
            })
        })?;
        match provider.recv() {
            Ok(provider) => Ok(Self { number, provider, power: Some(power), thread: Some(thread) }),
            Err(_) => Err(match thread.join() {
                Ok(ended) => ended.err().unwrap_or_else(|| io::Error::other("the app has not started")),
                Err(panic) => io::Error::other(format!("making the app panicked: {}", panic_text(&*panic))),
            }),
        }
    }

    /// Returns when nothing of it is left.
    fn stop(&mut self) {
        self.power = None;
        if let Some(thread) = self.thread.take() {
            // A panic in there was one of the runtime's, which has been dropped as well.
            let _ = thread.join();
        }
    }
}

fn serve(runtime: Runtime, process: impl Future<Output = io::Result<()>>) -> io::Result<()> {
    let ended = runtime.block_on(process);
    // Every task is dropped here, wherever it was.
    runtime.shutdown_background();
    ended
}
