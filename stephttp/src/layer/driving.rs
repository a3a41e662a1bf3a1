//! Driving a re-entry's handler.

use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Sleep;

use crate::checkpoint;
use crate::journal::{Awaited, Done};
use crate::run::{Driven, Run};

/// Drives the handler, and saves its steps as they end.
pub(super) async fn drive<F: Future + ?Sized>(run: &Arc<Run>, mut handler: Pin<&mut F>) -> Driven<F::Output> {
    let mut patience = None;
    std::future::poll_fn(|cx| {
        let driven = run.poll_handler(handler.as_mut(), cx);
        if driven.is_pending() {
            if run.has_unsent() {
                checkpoint::checkpoint_in_background(run);
            }
            let awaited = run.awaited();
            if awaited != patience.as_ref().map(|(awaited, _)| *awaited) {
                patience = awaited.map(|awaited| (awaited, Box::pin(patience_with(run, awaited))));
            }
            if let Some((awaited, sleep)) = &mut patience
                && sleep.as_mut().poll(cx).is_ready()
            {
                match awaited {
                    Awaited::UntilDropped(_) => {
                        return Poll::Ready(Driven::Done(Done::Misused(HELD.to_owned())));
                    }
                    Awaited::UntilReached(_) => {
                        tracing::warn!(run_id = %run.id(), "{UNREACHED}");
                        run.pass_over();
                        cx.waker().wake_by_ref();
                    }
                }
                patience = None;
            }
        }
        driven
    })
    .await
}

/// How long a handler may take to do by itself what it did before.
fn patience_with(run: &Run, awaited: Awaited) -> Sleep {
    let patience = run.app().map_or(Duration::ZERO, |app| app.settings().replay_patience);
    tokio::time::sleep(match awaited {
        Awaited::UntilDropped(after) => after.saturating_mul(2) + patience,
        Awaited::UntilReached(_) => patience,
    })
}

const UNREACHED: &str = "the handler does not come to a step that it came to in an earlier request, so the order of the \
                         steps' results is no longer followed there: its code has changed while the run was in flight, \
                         or does not do the same in each request";

const HELD: &str = "the handler holds a step that it dropped in an earlier request, as `tokio::time::timeout` does, and \
                    does not drop it now: its code has changed while the run was in flight, or does not do the same in \
                    each request";
