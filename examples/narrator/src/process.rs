//! A process that can die, for tests.

use std::net::TcpListener;
use std::thread;

use axum::Router;
use tokio::sync::oneshot;

/// An app in a thread and a runtime of its own. When it is dropped nothing of it is left, wherever
/// it was: it is as if the process had been killed.
#[derive(Debug)]
pub struct Process {
    power: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Process {
    /// Serves an app. The socket outlives the process, so that the next one has the same port.
    ///
    /// # Panics
    /// When the system has no threads or sockets left.
    #[must_use]
    pub fn start(socket: &TcpListener, app: Router) -> Self {
        let socket = socket.try_clone().expect("one more handle of the socket");
        socket.set_nonblocking(true).expect("a socket that does not block");
        let (power, off) = oneshot::channel();
        let thread = thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(socket).expect("a listening socket");
                tokio::select! {
                    biased;
                    _ = off => {}
                    _ = axum::serve(listener, app) => {}
                }
            });
        });
        Self { power: Some(power), thread: Some(thread) }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.power = None;
        if let Some(thread) = self.thread.take() {
            // What a handler panicked with has been said by the handler.
            let _ = thread.join();
        }
    }
}
