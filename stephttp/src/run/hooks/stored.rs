//! What middlewares make of what is stored of a request and its response.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::StatusCode;
use serde_json::value::RawValue;

use super::transform::restore;
use crate::journal::{remembered_step, remembered_texts};
use crate::middleware::{MiddlewareFault, StoredResponse, contained};
use crate::run::Run;
use crate::wire::{ApiResult, exact, headers};

impl Run {
    /// What is stored of the request's body.
    pub(crate) async fn transform_request_body(&self, body: Bytes) -> Result<Bytes, MiddlewareFault> {
        match &self.hooks {
            Some(hooks) if !body.is_empty() => {
                contained(hooks.chain.transform_request_body(&hooks.execution, body)).await
            }
            _ => Ok(body),
        }
    }

    /// What is stored of the response's body.
    pub(crate) async fn transform_response_body(
        &self,
        status: u16,
        body: Bytes,
    ) -> Result<Bytes, MiddlewareFault> {
        match &self.hooks {
            Some(hooks) if !body.is_empty() => {
                let status = StatusCode::from_u16(status).unwrap_or_default();
                let response =
                    StoredResponse::new(status, self.dispatch().is_some() && !self.is_read_at_home());
                contained(hooks.chain.transform_response_body(&hooks.execution, &response, body)).await
            }
            _ => Ok(body),
        }
    }

    /// What is stored of a response that its client has had.
    pub(crate) async fn transform_result(&self, mut result: ApiResult<'static>) -> ApiResult<'static> {
        if self.hooks.is_none() || result.body.is_empty() {
            return result;
        }
        let body = std::mem::take(&mut result.body).into_owned();
        let stored = self
            .transform_response_body(result.status, Bytes::from(body))
            .await
            .and_then(|stored| String::from_utf8(stored.into()).map_err(|_| MiddlewareFault::NotText));
        match stored {
            Ok(stored) => result.body(stored),
            Err(fault) => {
                tracing::error!(run_id = %self.id(), function = self.log_name(), "the response's body is not stored with its run: {fault}");
                result.header(headers::BODY_NOT_STORED, "a middleware could not transform it")
            }
        }
    }

    /// The output of the hidden step that holds what is remembered, if there is any.
    pub(crate) async fn transform_remembered(&self) -> Result<Option<Box<RawValue>>, MiddlewareFault> {
        let Some(hooks) = &self.hooks else {
            return Ok(self.remembered.take(&BTreeMap::new(), self.version()).map(exact::stored));
        };
        let values = self.remembered.take(&hooks.execution.all_remembered(), self.version());
        let Some(values) = values else { return Ok(None) };
        let step = hooks.context(&remembered_step());
        contained(hooks.chain.transform_step_output(&step, values))
            .await
            .map(|values| Some(exact::stored(values)))
    }

    /// Restores what a re-entry needs before its handler is called; returns the request's body.
    pub(crate) async fn restore_request(&self, body: Bytes) -> Result<Bytes, MiddlewareFault> {
        let Some(hooks) = &self.hooks else { return Ok(body) };
        let key = remembered_step();
        let stored = self.memoized(key.hash);
        let restored = async {
            if let Some(stored) = stored {
                let restored = restore(&hooks.chain, &hooks.context(&key), stored).await?;
                hooks.execution.set_remembered(remembered_texts(&restored));
                self.lock().journal.restore(key.hash, restored);
            }
            if body.is_empty() {
                return Ok(body);
            }
            hooks.chain.restore_request_body(&hooks.execution, body).await
        };
        contained(restored).await
    }
}
