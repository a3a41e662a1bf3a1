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

impl Taken {
    /// With what is to be dropped when the report has been taken, or is lost.
    pub(super) fn of(run: Arc<Run>) -> (oneshot::Sender<Infallible>, Self) {
        let (sender, over) = oneshot::channel();
        (sender, Self { run, over, patience: None })
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
