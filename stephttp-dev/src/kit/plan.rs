//! How each process of an app is started.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use axum::Router;
use inngest::{Provider, SetupOpts};

use super::record::Record;
use super::recorder::Recorder;
use crate::process::{Port, Process};
use crate::text::panic_text;

pub(super) type Setup = Box<dyn FnMut(SetupOpts) -> SetupOpts + Send>;
pub(super) type Make = Box<dyn FnMut(&Provider) -> Router + Send>;

/// Two, so that a handler that blocks one does not stop all others.
const THREADS: usize = 2;

/// Adds what an app needs.
pub(super) fn with_layer(router: Router, inngest: &Provider) -> Router {
    let route = inngest.output_route();
    match catch_unwind(AssertUnwindSafe(|| router.merge(route))) {
        Ok(router) => router.layer(inngest.layer()),
        Err(panic) => panic!(
            "the router that was given to `TestApp::new` cannot take the output route: {}. If it has `output_route()` and \
             `layer()` already, start it by `TestApp::with(|inngest| ..)`, and add those of this `inngest`",
            panic_text(&*panic)
        ),
    }
}

/// How each process of the app is started.
pub(super) struct Plan {
    pub(super) port: Port,
    pub(super) engine_url: String,
    pub(super) setup: Vec<Setup>,
    pub(super) make: Make,
    pub(super) record: Arc<Record>,
}

impl Plan {
    /// Starts a process.
    ///
    /// # Panics
    /// When the options make no sense, the router cannot be made, or the system has no threads or
    /// sockets left.
    pub(super) fn start(&mut self) -> Process {
        let Self { port, engine_url, setup, make, record } = self;
        let process = Process::start(port, THREADS, |runtime| {
            let _within = runtime.enter();
            let opts = SetupOpts::new(port.origin()).dev_server(&*engine_url);
            let opts = setup.iter_mut().fold(opts, |opts, change| change(opts));
            // Last, so that it is innermost.
            match Provider::setup(opts.middleware(Recorder::new(record.clone()))) {
                Ok(provider) => {
                    let router = make(&provider);
                    (router, provider)
                }
                Err(error) => panic!("the app's options make no sense: {error}"),
            }
        });
        match process {
            Ok(process) => process,
            Err(error) => panic!("the app cannot be started: {error}"),
        }
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").field("port", &self.port).finish_non_exhaustive()
    }
}
