//! The handler by itself, over a hand-over, in a browser; and the model's API.

mod api;
mod browser;
mod handler;

use std::sync::Arc;
use std::time::Duration;

use inngest::SetupOpts;
use stephttp_dev::{Clock, TestApp};
use tokio::sync::Semaphore;

use crate::model::{Fake, Model, Pace};

// An answer waits for a day at most, and may be finished by another version of this program.
inngest::assert_steps_lock!();

/// The program, and Inngest.
struct World {
    app: TestApp,
    /// One for each token of the model.
    tokens: Arc<Semaphore>,
}

impl World {
    /// With a model that breaks off so often.
    async fn of(failures: usize, configure: fn(SetupOpts) -> SetupOpts) -> Self {
        let tokens = Arc::new(Semaphore::new(0));
        let model = Model::Fake(Fake::new(Pace::Permitted(tokens.clone()), failures));
        // A person's time cannot be skipped.
        let app = TestApp::builder().clock(Clock::Real).setup(configure);
        let app = app.engine(|engine| engine.retry_interval(Duration::from_millis(50)));
        let app = app.start_with(move |inngest| crate::app(model.clone(), inngest)).await;
        Self { app, tokens }
    }

    /// Where the program listens.
    fn here(&self) -> &str {
        self.app.origin()
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
