//! A middleware that changes everything that is stored, and waits before it does anything.

use bytes::Bytes;
use inngest::middleware::{Execution, Middleware, Outcome, StepContext, StoredResponse};
use inngest::wire::RunId;
use inngest::{Failure, StepError};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Turns texts around, JSON's as a whole: what is stored is nothing that a handler could use. Every
/// method gives way to other tasks a few times.
#[derive(Debug, Clone, Copy, Default)]
pub struct Scramble;

#[derive(Serialize, Deserialize)]
struct Scrambled {
    scrambled: String,
}

async fn give_way() {
    for _ in 0..3 {
        tokio::task::yield_now().await;
    }
}

fn reverse(text: &str) -> String {
    text.chars().rev().collect()
}

fn scramble(json: &RawValue) -> Result<Box<RawValue>, Failure> {
    serde_json::value::to_raw_value(&Scrambled { scrambled: reverse(json.get()) }).map_err(Failure::new)
}

/// What is not scrambled is not this middleware's: what Inngest or another program has made.
fn restore(json: Box<RawValue>) -> Result<Box<RawValue>, Failure> {
    let Ok(Scrambled { scrambled }) = serde_json::from_str(json.get()) else { return Ok(json) };
    RawValue::from_string(reverse(&scrambled)).map_err(Failure::new)
}

fn reverse_bytes(body: &Bytes) -> Bytes {
    body.iter().rev().copied().collect::<Vec<u8>>().into()
}

impl Middleware for Scramble {
    async fn before_execution(&self, _: &Execution) {
        give_way().await;
    }

    async fn after_execution(&self, _: &Execution, _: &Outcome) {
        give_way().await;
    }

    async fn before_step(&self, _: &StepContext) {
        give_way().await;
    }

    async fn after_step(&self, _: &StepContext, _: Result<(), &StepError>) {
        give_way().await;
    }

    async fn transform_step_output(
        &self,
        _: &StepContext,
        output: Box<RawValue>,
    ) -> Result<Box<RawValue>, Failure> {
        give_way().await;
        scramble(&output)
    }

    async fn restore_step_output(
        &self,
        _: &StepContext,
        output: Box<RawValue>,
    ) -> Result<Box<RawValue>, Failure> {
        give_way().await;
        restore(output)
    }

    async fn transform_event_data(
        &self,
        _: &StepContext,
        data: Box<RawValue>,
    ) -> Result<Box<RawValue>, Failure> {
        give_way().await;
        scramble(&data)
    }

    async fn restore_event_data(
        &self,
        _: &StepContext,
        data: Box<RawValue>,
    ) -> Result<Box<RawValue>, Failure> {
        give_way().await;
        restore(data)
    }

    async fn transform_request_body(&self, _: &Execution, body: Bytes) -> Result<Bytes, Failure> {
        give_way().await;
        Ok(reverse_bytes(&body))
    }

    async fn restore_request_body(&self, _: &Execution, body: Bytes) -> Result<Bytes, Failure> {
        give_way().await;
        Ok(reverse_bytes(&body))
    }

    async fn transform_response_body(
        &self,
        _: &Execution,
        response: &StoredResponse,
        body: Bytes,
    ) -> Result<Bytes, Failure> {
        give_way().await;
        if response.is_read_by_client() {
            return Ok(body);
        }
        let text = std::str::from_utf8(&body).map_err(Failure::new)?;
        Ok(reverse(text).into())
    }

    async fn restore_response_body(&self, _: RunId, body: Bytes) -> Result<Bytes, Failure> {
        give_way().await;
        let text = std::str::from_utf8(&body).map_err(Failure::new)?;
        Ok(reverse(text).into())
    }
}
