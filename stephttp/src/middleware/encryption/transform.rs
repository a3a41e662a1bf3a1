//! What is stored is sealed on its way out, and opened on its way back.

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::{Encryption, EncryptionError, EncryptionErrorKind};
use crate::error::Failure;
use crate::function::StepKind;
use crate::middleware::{Execution, Middleware, StepContext, StoredResponse};
use crate::wire::RunId;

impl Middleware for Encryption {
    fn seals(&self) -> bool {
        true
    }

    async fn transform_step_output(
        &self,
        _: &StepContext,
        output: Box<RawValue>,
    ) -> Result<Box<RawValue>, Failure> {
        change(output, |output| self.seal_value(output))
    }

    async fn restore_step_output(
        &self,
        step: &StepContext,
        output: Box<RawValue>,
    ) -> Result<Box<RawValue>, Failure> {
        // What others say to Inngest, or to the run, nobody has sealed: a mark in it is theirs.
        if matches!(step.kind(), Some(StepKind::WaitForSignal | StepKind::Fetch | StepKind::AiInfer)) {
            return Ok(output);
        }
        change(output, |output| self.open_value(output))
    }

    async fn transform_event_data(
        &self,
        _: &StepContext,
        data: Box<RawValue>,
    ) -> Result<Box<RawValue>, Failure> {
        change(data, |data| self.seal_event_data(data))
    }

    async fn transform_sent_event(&self, data: Box<RawValue>) -> Result<Box<RawValue>, Failure> {
        change(data, |data| self.seal_event_data(data))
    }

    async fn restore_event_data(
        &self,
        _: &StepContext,
        data: Box<RawValue>,
    ) -> Result<Box<RawValue>, Failure> {
        change(data, |data| self.open_event_data(data))
    }

    async fn transform_request_body(&self, _: &Execution, body: Bytes) -> Result<Bytes, Failure> {
        change_body(body, |body| self.seal_body(body))
    }

    async fn restore_request_body(&self, _: &Execution, body: Bytes) -> Result<Bytes, Failure> {
        change_body(body, |body| self.open_body(body))
    }

    async fn transform_response_body(
        &self,
        execution: &Execution,
        response: &StoredResponse,
        body: Bytes,
    ) -> Result<Bytes, Failure> {
        if self.readable_responses && response.is_read_by_client() {
            return Ok(body);
        }
        change_body(body, |body| self.seal_response(execution.run_id(), body))
    }

    async fn restore_response_body(&self, run_id: RunId, body: Bytes) -> Result<Bytes, Failure> {
        change_body(body, |body| self.open_response(run_id, body))
    }
}

/// Changes a value; one that stays as it is is not copied.
fn change(
    value: Box<RawValue>,
    change: impl Fn(&RawValue) -> Result<Cow<'_, RawValue>, EncryptionError>,
) -> Result<Box<RawValue>, Failure> {
    let changed = match change(&value).map_err(failure)? {
        Cow::Owned(changed) => Some(changed),
        Cow::Borrowed(_) => None,
    };
    Ok(changed.unwrap_or(value))
}

fn change_body(
    body: Bytes,
    change: impl Fn(&[u8]) -> Result<Cow<'_, [u8]>, EncryptionError>,
) -> Result<Bytes, Failure> {
    let changed = match change(&body).map_err(failure)? {
        Cow::Owned(changed) => Some(changed.into()),
        Cow::Borrowed(_) => None,
    };
    Ok(changed.unwrap_or(body))
}

/// Another attempt may find the key, after a deployment. Only data that cannot be sealed stays so.
fn failure(error: EncryptionError) -> Failure {
    match error.kind() {
        EncryptionErrorKind::NotAnObject => Failure::non_retriable(error),
        _ => Failure::new(error),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::SystemTime;

    use http::HeaderMap;
    use serde_json::value::to_raw_value;

    use super::*;
    use crate::wire::StepHash;

    #[tokio::test]
    async fn what_nobody_has_sealed_for_the_run_is_not_opened() {
        let encryption = Encryption::new("a key").unwrap();
        let sealed = encryption.seal_value(&to_raw_value("secret").unwrap()).unwrap().into_owned();
        let execution = Arc::new(Execution::new(RunId::new(SystemTime::now()), Some(1), HeaderMap::new()));
        for (kind, opens) in [
            (None, true),
            (Some(StepKind::Run), true),
            (Some(StepKind::SendEvent), true),
            (Some(StepKind::SendSignal), true),
            (Some(StepKind::Publish), true),
            (Some(StepKind::Invoke), true),
            (Some(StepKind::WaitForSignal), false),
            (Some(StepKind::Fetch), false),
            (Some(StepKind::AiInfer), false),
        ] {
            let step = StepContext::new(execution.clone(), "step".to_owned(), 0, StepHash::of("step"), kind);
            let restored = encryption.restore_step_output(&step, sealed.clone()).await.unwrap();
            assert_eq!(restored.get() == r#""secret""#, opens, "{kind:?}");
        }
    }
}
