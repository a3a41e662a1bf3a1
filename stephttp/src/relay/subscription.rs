//! What is read of a run's stream at Inngest, and for whom.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::app::App;
use crate::client::{ApiError, OutputBody};
use crate::function::Whose;
use crate::untrusted::Complaint;
use crate::wire::RunId;

/// How often a subscription that is lost is sought again, and between which waits.
const ATTEMPTS: u32 = 8;
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// Whose stream it is, and by what right it is read.
pub(crate) struct Source {
    pub(crate) app: Arc<App>,
    pub(crate) run_id: RunId,
    /// For the run's output.
    pub(crate) token: String,
    /// For the log.
    pub(crate) whose: Whose,
    /// When this process cannot go on, the client is told where it can read the rest at Inngest.
    pub(crate) redirects: bool,
}

/// What is published from when it stands.
pub(crate) struct Subscription {
    pub(super) body: OutputBody,
    pub(super) since: Instant,
    _permit: OwnedSemaphorePermit,
}

/// Why there is no subscription.
#[derive(Debug)]
pub(crate) enum NoSubscription {
    /// The process has as many as it may have.
    Full,
    Failed(ApiError),
}

impl Subscription {
    /// Subscribes, with a token that is known, or else with another.
    pub(crate) async fn begin(app: &App, whose: &Whose, token: Option<&str>) -> Result<Self, NoSubscription> {
        let permit = app.relays().try_acquire_owned().map_err(|_| NoSubscription::Full)?;
        if let Some(token) = token {
            match app.client().subscribe(token).await {
                Ok(body) => return Ok(Self { body, since: Instant::now(), _permit: permit }),
                Err(error) => complain(app, whose, &error),
            }
        }
        let body = subscribe(app, whose.run_id).await.map_err(NoSubscription::Failed)?;
        Ok(Self { body, since: Instant::now(), _permit: permit })
    }
}

async fn subscribe(app: &App, run_id: RunId) -> Result<OutputBody, ApiError> {
    let token = app.client().stream_token(run_id).await?;
    app.client().subscribe(&token).await
}

impl Source {
    /// The same run's.
    pub(super) fn again(&self) -> Self {
        let Self { app, run_id, token, whose, redirects } = self;
        let whose = Whose { run_id: whose.run_id, function: whose.function.clone() };
        Self { app: app.clone(), run_id: *run_id, token: token.clone(), whose, redirects: *redirects }
    }

    /// Subscribes anew, after some attempts.
    pub(super) async fn subscribe(&self) -> Option<OutputBody> {
        let mut wait = FIRST_WAIT;
        for _ in 0..ATTEMPTS {
            match subscribe(&self.app, self.run_id).await {
                Ok(body) => return Some(body),
                Err(error) => self.complain(&error),
            }
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
        None
    }

    /// Says that Inngest has refused something.
    pub(super) fn complain(&self, error: &ApiError) {
        complain(&self.app, &self.whose, error);
    }
}

fn complain(app: &App, whose: &Whose, error: &ApiError) {
    if let Some(left_out) = app.admits_line(Complaint::Stream) {
        let Whose { run_id, function } = whose;
        tracing::warn!(
            %run_id, function, error = error.report(), left_out,
            "the stream of the run cannot be read from Inngest"
        );
    }
}
