//! A call to Inngest's checkpoint API, between middlewares.

use tracing::{Instrument, Span};

use crate::client::{ApiError, Extras};
use crate::middleware::{Chain, CheckpointCall, CheckpointContext};
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
        hooks.execution.set_function_id(self.function_id().into_owned());
        let (chain, context) =
            (hooks.chain.clone(), CheckpointContext::new(hooks.execution.clone(), call, operations));
        let span = chain.checkpoint_span(&context).await.unwrap_or_else(Span::none);
        let headers = chain.checkpoint_headers(&context, &span).await;
        Some(Box::new(HookedCheckpoint { chain, context, span, extras: Extras::new(headers) }))
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
        let outcome = call.instrument(span.clone()).await;
        context.set_attempts(extras.attempts());
        chain.after_checkpoint(context, outcome.as_ref().map(|_| ())).await;
        outcome
    }
}
