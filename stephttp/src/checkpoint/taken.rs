//! What the end of a response waits for, where its run is reported first.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Sleep;

use crate::run::Run;
use crate::untrusted::Complaint;

/// Ready when Inngest has taken a run's report, when the report is lost, or when a client has
/// waited for it long enough.
pub(crate) struct Taken {
    run: Arc<Run>,
    over: oneshot::Receiver<Infallible>,
    /// Made when it is first waited for.
    patience: Option<Pin<Box<Sleep>>>,
}

/// The end of a response waits, if it does. Dropped, it waits no more.
#[derive(Default)]
pub(super) struct Waiting(Option<oneshot::Sender<Infallible>>);

impl Waiting {
    /// Inngest has the run, or never will.
    pub(super) fn end(&mut self) {
        self.0 = None;
    }
}

impl Taken {
    /// With what is to end the wait.
    pub(super) fn of(run: Arc<Run>) -> (Waiting, Self) {
        let (sender, over) = oneshot::channel();
        (Waiting(Some(sender)), Self { run, over, patience: None })
    }

    fn patience(&self) -> Duration {
        self.run.app().map_or(Duration::ZERO, |app| app.settings().delivery_wait)
    }
}

impl Future for Taken {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if Pin::new(&mut self.over).poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let wait = self.patience();
        if wait.is_zero() {
            return Poll::Ready(());
        }
        let patience = self.patience.get_or_insert_with(|| Box::pin(tokio::time::sleep(wait)));
        std::task::ready!(patience.as_mut().poll(cx));
        if let Some(left_out) = self.run.admits_line(Complaint::Delivery) {
            tracing::warn!(
                run_id = %self.run.id(),
                function = self.run.log_name(),
                ?wait,
                left_out,
                "a response ends before Inngest has its run: the call took too long, and goes on"
            );
        }
        Poll::Ready(())
    }
}
