//! The handler by itself, over a hand-over, in a browser; and the model's API.

mod api;
mod browser;
mod handler;

use std::sync::Arc;
use std::time::Duration;

use inngest::{Provider, SetupOpts};
use stephttp_dev::{Clock, DevServer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::model::{Fake, Model, Pace};

// An answer waits for a day at most, and may be finished by another version of this program.
inngest::assert_steps_lock!();

/// The program, and Inngest.
struct World {
    engine: DevServer,
    here: String,
    /// One for each token of the model.
    tokens: Arc<Semaphore>,
    server: JoinHandle<()>,
}

impl World {
    /// With a model that breaks off so often.
    async fn of(failures: usize, configure: impl FnOnce(SetupOpts) -> SetupOpts) -> Self {
        // A person's time cannot be skipped.
        let engine = DevServer::builder().clock(Clock::Real).retry_interval(Duration::from_millis(50));
        let engine = engine.start().await.unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let here = format!("http://{}", listener.local_addr().unwrap());
        let opts = configure(SetupOpts::new(&here).dev_server(engine.url()));
        let tokens = Arc::new(Semaphore::new(0));
        let model = Model::Fake(Fake::new(Pace::Permitted(tokens.clone()), failures));
        let app = crate::app(model, &Provider::setup(opts).unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { engine, here, tokens, server }
    }

    /// The model writes so many tokens more.
    fn write(&self, tokens: usize) {
        self.tokens.add_permits(tokens);
    }

    /// The model writes whatever it is asked for.
    fn write_all(&self) {
        self.write(10_000);
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.server.abort();
    }
}
