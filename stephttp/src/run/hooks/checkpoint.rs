//! A call to Inngest's checkpoint API, between middlewares.

use std::sync::Arc;

use tokio::time::Instant;
use tracing::{Instrument, Span};

use crate::client::{ApiError, Extras};
use crate::delivery::DeliveryError;
use crate::middleware::{Chain, CheckpointCall, CheckpointContext, DeliveryContext, Execution};
use crate::run::Run;

/// A call that middlewares are told of. They must not keep it from being made: what they do wrong
/// is only logged.
pub(crate) struct HookedCheckpoint {
    chain: Chain,
    context: CheckpointContext,
    span: Span,
    extras: Extras,
}

impl Run {
    /// Asks middlewares what they have for a call that is about to be made, if there are some.
    pub(crate) async fn hooked_checkpoint(
        &self,
        call: CheckpointCall,
        operations: usize,
    ) -> Option<Box<HookedCheckpoint>> {
        let hooks = self.hooks.as_ref()?;
        hooks.execution.set_function_id(self.function_id().into_owned(), self.is_known_by_path());
        let (chain, context) =
            (hooks.chain.clone(), CheckpointContext::new(hooks.execution.clone(), call, operations));
        let span = chain.checkpoint_span(&context).await.unwrap_or_else(Span::none);
        let headers = chain.checkpoint_headers(&context, &span).await;
        Some(Box::new(HookedCheckpoint { chain, context, span, extras: Extras::new(headers) }))
    }
}

/// A delivery that is under way.
pub(crate) struct Delivering {
    chain: Chain,
    execution: Arc<Execution>,
    began: Instant,
    /// What was called before.
    before: (u32, u32),
}

impl Run {
    /// The run's end is to be delivered.
    pub(crate) fn begin_delivery(&self) -> Option<Delivering> {
        let hooks = self.hooks.as_ref()?;
        let (chain, execution) = (hooks.chain.clone(), hooks.execution.clone());
        Some(Delivering { before: execution.calls(), chain, execution, began: Instant::now() })
    }
}

impl Delivering {
    /// Tells middlewares how it has ended.
    pub(crate) async fn end(self, outcome: Result<(), &DeliveryError>) {
        let Self { chain, execution, began, before } = self;
        let (calls, attempts) = execution.calls();
        let (calls, attempts) = (calls - before.0, attempts - before.1);
        let context = DeliveryContext::new(&execution, attempts, calls, began.elapsed());
        let error = outcome.err().map(DeliveryError::report);
        chain.after_delivery(&context, error.as_deref().map_or(Ok(()), Err)).await;
    }
}

impl HookedCheckpoint {
    pub(crate) fn extras(&self) -> &Extras {
        &self.extras
    }

    /// Makes the call, and tells middlewares how it ended.
    pub(crate) async fn observe<T>(
        hooked: Option<&Self>,
        call: impl Future<Output = Result<T, ApiError>>,
    ) -> Result<T, ApiError> {
        let Some(Self { chain, context, span, extras }) = hooked else { return call.await };
        let began = Instant::now();
        let outcome = call.instrument(span.clone()).await;
        context.end(extras.attempts(), began.elapsed());
        context.execution().called(extras.attempts());
        chain.after_checkpoint(context, outcome.as_ref().map(|_| ())).await;
        outcome
    }
}
