//! How each process of an app is started.

use std::fmt;
use std::net::TcpListener;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use axum::Router;
use inngest::{Provider, SetupOpts};

use super::process::Process;
use super::record::Record;
use super::recorder::Recorder;
use crate::text::panic_text;

pub(super) type Setup = Box<dyn FnMut(SetupOpts) -> SetupOpts + Send>;
pub(super) type Make = Box<dyn FnMut(&Provider) -> Router + Send>;

/// A socket that outlives the processes.
pub(super) fn listen() -> std::io::Result<TcpListener> {
    let socket = TcpListener::bind(("127.0.0.1", 0))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

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
    pub(super) socket: TcpListener,
    pub(super) origin: String,
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
        let Self { socket, origin, engine_url, setup, make, record } = self;
        let process = Process::start(socket, || {
            let opts = SetupOpts::new(&*origin).dev_server(&*engine_url);
            let opts = setup.iter_mut().fold(opts, |opts, change| change(opts));
            // Last, so that it is innermost.
            match Provider::setup(opts.middleware(Recorder::new(record.clone()))) {
                Ok(provider) => {
                    let router = make(&provider);
                    (provider, router)
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
        f.debug_struct("Plan").field("origin", &self.origin).finish_non_exhaustive()
    }
}
