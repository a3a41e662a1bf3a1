//! Driving a re-entry's handler.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::task::{JoinError, JoinHandle};
use tokio::time::Sleep;
use tracing::Instrument;

use super::ending;
use crate::checkpoint;
use crate::journal::{Awaited, Done, Ending, Why};
use crate::run::{Driven, Run};

/// Drives the handler, saves its steps as they end, and has all requests of the run agree on what
/// comes next, while its steps go on. The error is how the request ends instead.
pub(super) async fn drive<F: Future + ?Sized>(
    run: &Arc<Run>,
    mut handler: Pin<&mut F>,
) -> Result<Driven<F::Output>, Ending> {
    let mut patience = None;
    let mut agreement: Option<JoinHandle<Result<(), Ending>>> = None;
    let driven = std::future::poll_fn(|cx| {
        loop {
            if let Some(under_way) = &mut agreement
                && let Poll::Ready(agreed) = Pin::new(under_way).poll(cx)
            {
                agreement = None;
                if let Err(ending) = result_of(agreed) {
                    return Poll::Ready(Err(ending));
                }
            }
            match run.poll_handler(handler.as_mut(), cx) {
                Poll::Ready(Driven::Agreeing(proposal)) => {
                    let run = run.clone();
                    // In a task of its own: a handler that panics meanwhile must not lose what is
                    // being saved.
                    let work = async move { ending::agree(&run, proposal).await };
                    agreement = Some(tokio::spawn(work.in_current_span()));
                    continue;
                }
                Poll::Ready(driven) => return Poll::Ready(Ok(driven)),
                Poll::Pending => {}
            }
            if agreement.is_none() && run.has_unsent() {
                checkpoint::checkpoint_in_background(run);
            }
            if is_over(run, &mut patience, cx) {
                return Poll::Ready(Ok(Driven::Done(Done::Misused(HELD.to_owned()))));
            }
            return Poll::Pending;
        }
    })
    .await?;
    if let Some(under_way) = agreement {
        result_of(under_way.await)?;
    }
    Ok(driven)
}

fn result_of(agreed: Result<Result<(), Ending>, JoinError>) -> Result<(), Ending> {
    agreed.unwrap_or_else(|error| {
        let message = format!("what comes next in the run could not be agreed on: {error}");
        Err(Ending::TryAgain(Why::App, message))
    })
}

/// What a handler has to do by itself, and until when.
type Patience = Option<(Awaited, Pin<Box<Sleep>>)>;

/// Whether the handler has held for too long what it let go of in an earlier request. One that does
/// not come to where it came then is not waited for any more.
fn is_over(run: &Arc<Run>, patience: &mut Patience, cx: &mut Context<'_>) -> bool {
    let awaited = run.awaited();
    if awaited != patience.as_ref().map(|(awaited, _)| *awaited) {
        *patience = awaited.map(|awaited| (awaited, Box::pin(patience_with(run, awaited))));
    }
    let Some((awaited, sleep)) = patience else { return false };
    if sleep.as_mut().poll(cx).is_pending() {
        return false;
    }
    let awaited = *awaited;
    *patience = None;
    match awaited {
        Awaited::UntilDropped(_) => true,
        Awaited::UntilReached(_) => {
            tracing::warn!(run_id = %run.id(), function = run.log_name(), "{UNREACHED}");
            run.pass_over();
            cx.waker().wake_by_ref();
            false
        }
    }
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
