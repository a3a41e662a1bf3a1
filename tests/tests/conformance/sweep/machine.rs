//! A machine that runs an app's process, and can lose its power.

use std::net::TcpListener;
use std::sync::Mutex;
use std::thread;

use axum::Router;
use inngest::Provider;
use tokio::sync::oneshot;

/// Makes the app as a new process does.
type Program = Box<dyn Fn() -> (Router, Provider) + Send + Sync>;

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
    thread: Option<thread::JoinHandle<()>>,
}

impl Machine {
    /// Starts the first process.
    pub(super) fn start(listener: TcpListener, program: Program) -> Self {
        listener.set_nonblocking(true).expect("a socket that does not block");
        let process = Process::start(0, &listener, &program);
        Self { listener, program, process: Mutex::new(process) }
    }

    /// The provider of the process that runs now, and how many ran before it.
    pub(super) fn provider(&self) -> (Provider, usize) {
        let process = self.process.lock().unwrap();
        (process.provider.clone(), process.number)
    }

    /// The process dies, and does nothing more; `meanwhile` something happens, and another is
    /// started. Blocks.
    pub(super) fn crash(&self, meanwhile: impl FnOnce()) {
        let mut process = self.process.lock().unwrap();
        let number = process.number + 1;
        process.stop();
        meanwhile();
        *process = Process::start(number, &self.listener, &self.program);
    }
}

impl Process {
    fn start(number: usize, listener: &TcpListener, program: &Program) -> Self {
        let listener = listener.try_clone().expect("one more handle of the socket");
        let (app, provider) = program();
        let (power, off) = oneshot::channel();
        let thread = thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listening socket");
                tokio::select! {
                    biased;
                    _ = off => {}
                    _ = axum::serve(listener, app) => {}
                }
            });
            // Every task is dropped here, wherever it was.
            runtime.shutdown_background();
        });
        Self { number, provider, power: Some(power), thread: Some(thread) }
    }

    /// Returns when nothing of it is left.
    fn stop(&mut self) {
        self.power = None;
        if let Some(thread) = self.thread.take() {
            thread.join().expect("a process that ends quietly");
        }
    }
}
