//! A provider's middlewares, in their order: the first is the outermost.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::value::RawValue;

use super::contained::{MiddlewareFault, contained, told};
use super::erased::{Erased, JsonChange};
use super::{
    CheckpointContext, DeliveryContext, Execution, LostRun, Middleware, Outcome, PublishContext, SendContext,
    StepContext, StoredResponse,
};
use crate::client::ApiError;
use crate::error::{Failure, StepError};
use crate::wire::RunId;

/// Where a middleware goes wrong around a call to Inngest's checkpoint API.
const AROUND_CHECKPOINT: &str = "around a checkpoint";

/// Clones are cheap.
#[derive(Clone, Default)]
pub(crate) struct Chain(Arc<Vec<Arc<dyn Erased>>>);

impl Chain {
    /// Adds one that is nearer to the handlers than those before.
    pub(crate) fn push(&mut self, middleware: impl Middleware) {
        Arc::make_mut(&mut self.0).push(Arc::new(middleware));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn inwards(&self) -> impl Iterator<Item = &dyn Erased> {
        self.0.iter().map(|middleware| &**middleware)
    }

    fn outwards(&self) -> impl Iterator<Item = &dyn Erased> {
        self.0.iter().rev().map(|middleware| &**middleware)
    }

    pub(crate) async fn before_execution(&self, execution: &Execution) {
        for middleware in self.inwards() {
            middleware.before_execution(execution).await;
        }
    }

    pub(crate) async fn after_execution(&self, execution: &Execution, outcome: &Outcome) {
        for middleware in self.outwards() {
            told("after an execution", execution, middleware.after_execution(execution, outcome)).await;
        }
    }

    pub(crate) async fn on_panic(&self, execution: &Execution, panic: &str) {
        for middleware in self.outwards() {
            told("after a panic", execution, middleware.on_panic(execution, panic)).await;
        }
    }

    pub(crate) async fn before_step(&self, step: &StepContext) {
        for middleware in self.inwards() {
            middleware.before_step(step).await;
        }
    }

    /// What a test has a step give in place of its code.
    pub(crate) fn stands_in(&self, step: &StepContext) -> Option<Result<Box<RawValue>, Failure>> {
        self.inwards().find_map(|middleware| middleware.stands_in(step))
    }

    pub(crate) async fn after_step(&self, step: &StepContext, outcome: Result<(), &StepError>) {
        for middleware in self.outwards() {
            told("after a step", step.execution(), middleware.after_step(step, outcome)).await;
        }
    }

    /// What is stored of a step's output.
    pub(crate) async fn transform_step_output(
        &self,
        step: &StepContext,
        output: Box<RawValue>,
    ) -> Result<Box<RawValue>, Failure> {
        self.transform_json(JsonChange::TransformOutput, step, output).await
    }

    /// What an event is sent with.
    pub(crate) async fn transform_event_data(
        &self,
        step: &StepContext,
        data: Box<RawValue>,
    ) -> Result<Box<RawValue>, Failure> {
        self.transform_json(JsonChange::TransformEventData, step, data).await
    }

    /// What was stored of a step's output, or has come for it.
    pub(crate) async fn restore_step_output(
        &self,
        step: &StepContext,
        output: Box<RawValue>,
    ) -> Result<Box<RawValue>, Failure> {
        self.restore_json(JsonChange::RestoreOutput, step, output).await
    }

    /// What an event came with.
    pub(crate) async fn restore_event_data(
        &self,
        step: &StepContext,
        data: Box<RawValue>,
    ) -> Result<Box<RawValue>, Failure> {
        self.restore_json(JsonChange::RestoreEventData, step, data).await
    }

    async fn transform_json(
        &self,
        change: JsonChange,
        step: &StepContext,
        mut json: Box<RawValue>,
    ) -> Result<Box<RawValue>, Failure> {
        for middleware in self.outwards() {
            json = middleware.change_json(change, step, json).await?;
        }
        Ok(json)
    }

    async fn restore_json(
        &self,
        change: JsonChange,
        step: &StepContext,
        mut json: Box<RawValue>,
    ) -> Result<Box<RawValue>, Failure> {
        for middleware in self.inwards() {
            json = middleware.change_json(change, step, json).await?;
        }
        Ok(json)
    }

    /// What is stored of a request's body.
    pub(crate) async fn transform_request_body(
        &self,
        execution: &Execution,
        mut body: Bytes,
    ) -> Result<Bytes, Failure> {
        for middleware in self.outwards() {
            body = middleware.transform_request_body(execution, body).await?;
        }
        Ok(body)
    }

    /// What a request's body was before it was stored.
    pub(crate) async fn restore_request_body(
        &self,
        execution: &Execution,
        mut body: Bytes,
    ) -> Result<Bytes, Failure> {
        for middleware in self.inwards() {
            body = middleware.restore_request_body(execution, body).await?;
        }
        Ok(body)
    }

    /// What is stored of a response's body.
    pub(crate) async fn transform_response_body(
        &self,
        execution: &Execution,
        response: &StoredResponse,
        mut body: Bytes,
    ) -> Result<Bytes, Failure> {
        for middleware in self.outwards() {
            body = middleware.transform_response_body(execution, response, body).await?;
        }
        Ok(body)
    }

    /// Whether one of them keeps from Inngest what runs hold.
    pub(crate) fn seals(&self) -> bool {
        self.inwards().any(Erased::seals)
    }

    /// Whether the bodies of responses may be stored otherwise than handlers have made them.
    pub(crate) fn restores_responses(&self) -> bool {
        self.inwards().any(Erased::restores_responses)
    }

    /// What a response's body was before it was stored.
    pub(crate) async fn restore_response_body(
        &self,
        run_id: RunId,
        body: Bytes,
    ) -> Result<Bytes, MiddlewareFault> {
        contained(async {
            let mut body = body;
            for middleware in self.inwards().filter(|middleware| middleware.restores_responses()) {
                body = middleware.restore_response_body(run_id, body).await?;
            }
            Ok(body)
        })
        .await
    }

    pub(crate) fn execution_span(&self, execution: &Execution) -> Option<tracing::Span> {
        self.inwards().find_map(|middleware| middleware.execution_span(execution))
    }

    pub(crate) fn step_span(&self, step: &StepContext) -> Option<tracing::Span> {
        self.inwards().find_map(|middleware| middleware.step_span(step))
    }

    pub(crate) async fn checkpoint_span(&self, checkpoint: &CheckpointContext) -> Option<tracing::Span> {
        let span = async { self.inwards().find_map(|middleware| middleware.checkpoint_span(checkpoint)) };
        told(AROUND_CHECKPOINT, checkpoint.execution(), span).await.flatten()
    }

    pub(crate) async fn checkpoint_headers(
        &self,
        checkpoint: &CheckpointContext,
        span: &tracing::Span,
    ) -> HeaderMap {
        let execution = checkpoint.execution();
        let headers = async {
            let mut headers = HeaderMap::new();
            span.in_scope(|| self.api_headers(execution, &mut headers));
            headers
        };
        told(AROUND_CHECKPOINT, execution, headers).await.unwrap_or_default()
    }

    pub(crate) async fn after_checkpoint(
        &self,
        checkpoint: &CheckpointContext,
        outcome: Result<(), &ApiError>,
    ) {
        for middleware in self.outwards() {
            told(AROUND_CHECKPOINT, checkpoint.execution(), middleware.after_checkpoint(checkpoint, outcome))
                .await;
        }
    }

    pub(crate) async fn after_delivery(&self, delivery: &DeliveryContext<'_>, outcome: Result<(), &str>) {
        for middleware in self.outwards() {
            let hook = middleware.after_delivery(delivery, outcome);
            told("after a delivery", delivery.execution(), hook).await;
        }
    }

    /// What an event is sent with outside of steps.
    pub(crate) async fn transform_sent_event(
        &self,
        mut data: Box<RawValue>,
    ) -> Result<Box<RawValue>, MiddlewareFault> {
        contained(async {
            for middleware in self.outwards() {
                data = middleware.transform_sent_event(data).await?;
            }
            Ok(data)
        })
        .await
    }

    pub(crate) async fn after_send(&self, sent: &SendContext, outcome: Result<(), &ApiError>) {
        for middleware in self.outwards() {
            let hook = async {
                middleware.after_send(sent, outcome).await;
                Ok(())
            };
            if let Err(fault) = contained(hook).await {
                tracing::error!("after sending events: {fault}");
            }
        }
    }

    pub(crate) async fn after_publish(&self, published: &PublishContext, outcome: Result<(), &ApiError>) {
        for middleware in self.outwards() {
            let hook = async {
                middleware.after_publish(published, outcome).await;
                Ok(())
            };
            if let Err(fault) = contained(hook).await {
                tracing::error!("after publishing a message: {fault}");
            }
        }
    }

    pub(crate) fn lost(&self, run: &LostRun<'_>) {
        for middleware in self.outwards() {
            if catch_unwind(AssertUnwindSafe(|| middleware.on_lost(run))).is_err() {
                let (run_id, function) = (run.run_id(), run.function_id());
                tracing::error!(%run_id, function, "a middleware panicked when a run was lost");
            }
        }
    }

    pub(crate) fn backlog(&self, bytes: usize) {
        for middleware in self.outwards() {
            if catch_unwind(AssertUnwindSafe(|| middleware.on_backlog(bytes))).is_err() {
                tracing::error!("a middleware panicked when it was told of the backlog");
            }
        }
    }

    /// What a call to Inngest is sent with, besides the SDK's own headers.
    pub(crate) fn api_headers(&self, execution: &Execution, headers: &mut HeaderMap) {
        for middleware in self.outwards() {
            middleware.api_headers(execution, headers);
        }
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} middlewares", self.0.len())
    }
}
