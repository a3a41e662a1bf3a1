//! The time in which operations gather before they are sent.

use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;

use tokio::time::Sleep;

use crate::checkpoint;
use crate::run::Run;

/// Runs while a first request is not over and has operations that Inngest does not know.
#[derive(Default)]
pub(super) struct Linger(Option<Pin<Box<Sleep>>>);

impl Linger {
    /// To be called whenever the request has to wait for something.
    pub(super) fn poll(&mut self, run: &Arc<Run>, cx: &mut Context<'_>) {
        if self.0.is_none() && !run.has_unsent() {
            return;
        }
        let linger = self.0.get_or_insert_with(|| Box::pin(run.linger()));
        if linger.as_mut().poll(cx).is_ready() {
            self.0 = None;
            checkpoint::checkpoint_in_background(run);
        }
    }
}
