//! What subscribers of the crate `tracing` make of handlers that are replayed.

use tracing::Metadata;
use tracing::subscriber::Interest;
use tracing_subscriber::layer::{Context, Filter};

use crate::run;

/// Lets a handler's log lines through once, not in each re-entry again.
///
/// When Inngest calls back, a handler runs from its beginning. Its finished steps do not run again,
/// but the code between them does, and logs again. This filter leaves out the lines that the
/// handler has written in an earlier request of the same run.
///
/// ```
/// use inngest::trace::ReplayFilter;
/// use tracing_subscriber::filter::{EnvFilter, FilterExt};
/// use tracing_subscriber::prelude::*;
///
/// // In Cargo.toml: stephttp = { version = "…", features = ["replay-filter"] }
/// let logs = tracing_subscriber::fmt::layer()
///     .with_filter(ReplayFilter::new().and(EnvFilter::from_default_env()));
/// tracing_subscriber::registry().with(logs).init();
/// ```
///
/// It filters the one layer that it is given to: others, such as one that exports traces, still see
/// everything. Make it before the server takes requests.
///
/// # What it leaves out
///
/// Events that a handler writes in its own code, in a re-entry,
///
/// - before its first step: the client's request has come to that;
/// - later, as long as there is a step ahead that an earlier request has come to: one that has
///   ended or failed, that another request has begun, or that the handler dropped.
///
/// So what follows a wait that is just over is let through, and so is everything from the first
/// step on that this request begins.
///
/// Let through are also spans, since what they hold may be new; the lines of a step's code, which
/// runs once for each attempt; those of layers and of extractors before
/// [`Step`](crate::Step), of middlewares, of this crate (the target `inngest`), and of tasks that a
/// handler spawns.
///
/// # What cannot be known
///
/// A line is left out only if it has been written before, as far as the run's stored state shows.
/// Where the state does not show it, the line comes again:
///
/// - the lines before a wait, of a branch that waits beside others (`join!`, `select!`), come once
///   for each re-entry that another branch brings, until the wait is over;
/// - those after the last step or wait, when the handler then panicked, or Inngest could not be
///   reached;
/// - all lines of a run at the limit of its steps.
///
/// In two cases a line can be lost:
///
/// - A new version of the program has removed a step that a run in flight has finished. The
///   handler's lines after the place of that step, up to the next step that begins, then look as if
///   they were written before. For a step with a new id, use
///   [`renamed_from`](crate::step::RunStep::renamed_from). A process that finds such a run logs a
///   warning and no longer filters the run's lines.
/// - A branch of the handler waits for I/O outside of a step (a query in one branch of a `join!`),
///   and logs after it. That line may come earlier in one request than in another. Put the I/O into
///   a step.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ReplayFilter {}

impl ReplayFilter {
    /// Creates the filter. From this call on, the SDK notes which handlers are replayed.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it has an effect")]
    pub fn new() -> Self {
        run::watch_replays();
        Self {}
    }
}

impl<S> Filter<S> for ReplayFilter {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        !may_be_a_handlers(metadata) || !run::is_replaying()
    }

    /// Not [`Interest::always`], which would not be asked again.
    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if may_be_a_handlers(metadata) { Interest::sometimes() } else { Interest::always() }
    }
}

/// Whether it is an event, and not of this crate.
fn may_be_a_handlers(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target().strip_prefix("inngest");
    metadata.is_event() && !target.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}
