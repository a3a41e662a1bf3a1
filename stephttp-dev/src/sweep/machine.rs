//! A machine that runs an app's process, and can lose its power.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use axum::Router;
use inngest::Provider;

use crate::process::{Port, Process};
use crate::sync::lock;
use crate::text::panic_text;

/// One, so that a pass goes the same way each time.
const THREADS: usize = 1;

/// An app that is being made.
pub(super) type Making = Pin<Box<dyn Future<Output = (Router, Provider)>>>;

/// Makes the app as a new process does, in its runtime.
pub(super) type Program = Arc<dyn Fn() -> Making + Send + Sync>;

/// Keeps the port while processes come and go.
pub(super) struct Machine {
    port: Port,
    program: Program,
    running: Mutex<Running>,
}

/// The process that runs now.
struct Running {
    /// How many ran before it.
    number: usize,
    provider: Provider,
    /// `None` while one is replaced, and when the next did not start.
    process: Option<Process>,
}

impl Machine {
    /// Starts the first process. Blocks.
    pub(super) fn start(port: Port, program: Program) -> io::Result<Self> {
        let process = boot(&port, &program)?;
        let running = Running { number: 0, provider: process.provider.clone(), process: Some(process) };
        Ok(Self { port, program, running: Mutex::new(running) })
    }

    /// The provider of the process that runs now, and how many ran before it.
    pub(super) fn provider(&self) -> (Provider, usize) {
        let running = lock(&self.running);
        (running.provider.clone(), running.number)
    }

    /// The process dies, and does nothing more; `meanwhile` something happens, and another is
    /// started. Blocks.
    pub(super) fn crash(&self, meanwhile: impl FnOnce()) -> io::Result<()> {
        let mut running = lock(&self.running);
        if let Some(process) = running.process.take() {
            process.kill();
        }
        meanwhile();
        let process = boot(&self.port, &self.program)?;
        *running = Running {
            number: running.number + 1,
            provider: process.provider.clone(),
            process: Some(process),
        };
        Ok(())
    }
}

/// Blocks until the app is made.
fn boot(port: &Port, program: &Program) -> io::Result<Process> {
    let starting = || Process::start(port, THREADS, |runtime| runtime.block_on(program()));
    catch_unwind(AssertUnwindSafe(starting)).unwrap_or_else(|panic| {
        Err(io::Error::other(format!("making the app panicked: {}", panic_text(&*panic))))
    })
}
