//! [`Middleware`] as an object: futures in boxes.

use std::pin::Pin;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::value::RawValue;

use super::{
    CheckpointContext, DeliveryContext, Execution, LostRun, Middleware, Outcome, PublishContext, SendContext,
    StepContext, StoredResponse,
};
use crate::client::ApiError;
use crate::error::{Failure, StepError};
use crate::wire::RunId;

pub(super) type Hook<'a, T = ()> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
pub(super) type Transform<'a, T> = Hook<'a, Result<T, Failure>>;

/// Documented at [`Middleware`].
pub(super) trait Erased: Send + Sync {
    fn before_execution<'a>(&'a self, execution: &'a Execution) -> Hook<'a>;
    fn after_execution<'a>(&'a self, execution: &'a Execution, outcome: &'a Outcome) -> Hook<'a>;
    fn on_panic<'a>(&'a self, execution: &'a Execution, panic: &'a str) -> Hook<'a>;
    fn before_step<'a>(&'a self, step: &'a StepContext) -> Hook<'a>;
    fn stands_in(&self, step: &StepContext) -> Option<Result<Box<RawValue>, Failure>>;
    fn after_step<'a>(&'a self, step: &'a StepContext, outcome: Result<(), &'a StepError>) -> Hook<'a>;
    fn change_json<'a>(
        &'a self,
        change: JsonChange,
        step: &'a StepContext,
        json: Box<RawValue>,
    ) -> Transform<'a, Box<RawValue>>;
    fn transform_request_body<'a>(&'a self, execution: &'a Execution, body: Bytes) -> Transform<'a, Bytes>;
    fn restore_request_body<'a>(&'a self, execution: &'a Execution, body: Bytes) -> Transform<'a, Bytes>;
    fn transform_response_body<'a>(
        &'a self,
        execution: &'a Execution,
        response: &'a StoredResponse,
        body: Bytes,
    ) -> Transform<'a, Bytes>;
    fn restores_responses(&self) -> bool;
    fn seals(&self) -> bool;
    fn restore_response_body(&self, run_id: RunId, body: Bytes) -> Transform<'_, Bytes>;
    fn execution_span(&self, execution: &Execution) -> Option<tracing::Span>;
    fn step_span(&self, step: &StepContext) -> Option<tracing::Span>;
    fn checkpoint_span(&self, checkpoint: &CheckpointContext) -> Option<tracing::Span>;
    fn after_checkpoint<'a>(
        &'a self,
        checkpoint: &'a CheckpointContext,
        outcome: Result<(), &'a ApiError>,
    ) -> Hook<'a>;
    fn after_delivery<'a>(
        &'a self,
        delivery: &'a DeliveryContext<'a>,
        outcome: Result<(), &'a str>,
    ) -> Hook<'a>;
    fn transform_sent_event(&self, data: Box<RawValue>) -> Transform<'_, Box<RawValue>>;
    fn after_send<'a>(&'a self, sent: &'a SendContext, outcome: Result<(), &'a ApiError>) -> Hook<'a>;
    fn after_publish<'a>(
        &'a self,
        published: &'a PublishContext,
        outcome: Result<(), &'a ApiError>,
    ) -> Hook<'a>;
    fn on_lost(&self, run: &LostRun<'_>);
    fn on_backlog(&self, bytes: usize);
    fn api_headers(&self, execution: &Execution, headers: &mut HeaderMap);
}

/// What is done to the JSON of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JsonChange {
    TransformOutput,
    RestoreOutput,
    TransformEventData,
    RestoreEventData,
}

impl<M: Middleware> Erased for M {
    fn before_execution<'a>(&'a self, execution: &'a Execution) -> Hook<'a> {
        Box::pin(Middleware::before_execution(self, execution))
    }

    fn after_execution<'a>(&'a self, execution: &'a Execution, outcome: &'a Outcome) -> Hook<'a> {
        Box::pin(Middleware::after_execution(self, execution, outcome))
    }

    fn on_panic<'a>(&'a self, execution: &'a Execution, panic: &'a str) -> Hook<'a> {
        Box::pin(Middleware::on_panic(self, execution, panic))
    }

    fn before_step<'a>(&'a self, step: &'a StepContext) -> Hook<'a> {
        Box::pin(Middleware::before_step(self, step))
    }

    fn stands_in(&self, step: &StepContext) -> Option<Result<Box<RawValue>, Failure>> {
        Middleware::stands_in(self, step)
    }

    fn after_step<'a>(&'a self, step: &'a StepContext, outcome: Result<(), &'a StepError>) -> Hook<'a> {
        Box::pin(Middleware::after_step(self, step, outcome))
    }

    fn change_json<'a>(
        &'a self,
        change: JsonChange,
        step: &'a StepContext,
        json: Box<RawValue>,
    ) -> Transform<'a, Box<RawValue>> {
        match change {
            JsonChange::TransformOutput => Box::pin(self.transform_step_output(step, json)),
            JsonChange::RestoreOutput => Box::pin(self.restore_step_output(step, json)),
            JsonChange::TransformEventData => Box::pin(self.transform_event_data(step, json)),
            JsonChange::RestoreEventData => Box::pin(self.restore_event_data(step, json)),
        }
    }

    fn transform_request_body<'a>(&'a self, execution: &'a Execution, body: Bytes) -> Transform<'a, Bytes> {
        Box::pin(Middleware::transform_request_body(self, execution, body))
    }

    fn restore_request_body<'a>(&'a self, execution: &'a Execution, body: Bytes) -> Transform<'a, Bytes> {
        Box::pin(Middleware::restore_request_body(self, execution, body))
    }

    fn transform_response_body<'a>(
        &'a self,
        execution: &'a Execution,
        response: &'a StoredResponse,
        body: Bytes,
    ) -> Transform<'a, Bytes> {
        Box::pin(Middleware::transform_response_body(self, execution, response, body))
    }

    fn restores_responses(&self) -> bool {
        Middleware::restores_responses(self)
    }

    fn seals(&self) -> bool {
        Middleware::seals(self)
    }

    fn restore_response_body(&self, run_id: RunId, body: Bytes) -> Transform<'_, Bytes> {
        Box::pin(Middleware::restore_response_body(self, run_id, body))
    }

    fn execution_span(&self, execution: &Execution) -> Option<tracing::Span> {
        Middleware::execution_span(self, execution)
    }

    fn step_span(&self, step: &StepContext) -> Option<tracing::Span> {
        Middleware::step_span(self, step)
    }

    fn checkpoint_span(&self, checkpoint: &CheckpointContext) -> Option<tracing::Span> {
        Middleware::checkpoint_span(self, checkpoint)
    }

    fn after_checkpoint<'a>(
        &'a self,
        checkpoint: &'a CheckpointContext,
        outcome: Result<(), &'a ApiError>,
    ) -> Hook<'a> {
        Box::pin(Middleware::after_checkpoint(self, checkpoint, outcome))
    }

    fn after_delivery<'a>(
        &'a self,
        delivery: &'a DeliveryContext<'a>,
        outcome: Result<(), &'a str>,
    ) -> Hook<'a> {
        Box::pin(Middleware::after_delivery(self, delivery, outcome))
    }

    fn transform_sent_event(&self, data: Box<RawValue>) -> Transform<'_, Box<RawValue>> {
        Box::pin(Middleware::transform_sent_event(self, data))
    }

    fn after_send<'a>(&'a self, sent: &'a SendContext, outcome: Result<(), &'a ApiError>) -> Hook<'a> {
        Box::pin(Middleware::after_send(self, sent, outcome))
    }

    fn after_publish<'a>(
        &'a self,
        published: &'a PublishContext,
        outcome: Result<(), &'a ApiError>,
    ) -> Hook<'a> {
        Box::pin(Middleware::after_publish(self, published, outcome))
    }

    fn on_lost(&self, run: &LostRun<'_>) {
        Middleware::on_lost(self, run);
    }

    fn on_backlog(&self, bytes: usize) {
        Middleware::on_backlog(self, bytes);
    }

    fn api_headers(&self, execution: &Execution, headers: &mut HeaderMap) {
        Middleware::api_headers(self, execution, headers);
    }
}
