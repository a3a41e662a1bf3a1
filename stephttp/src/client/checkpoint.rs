//! The calls of the checkpoint API.

use bytes::Bytes;
use serde::Serialize;
use serde::de::IgnoredAny;
use url::Url;

use super::call::Call;
use super::extras::Extras;
use super::{ApiClient, ApiError, Patience, at};
use crate::untrusted::shown;
use crate::wire::limits::{FIRST_CALL_BYTES, STEP_OUTPUT_BYTES, WRAPPER_BYTES};
use crate::wire::{
    ApiResult, CheckpointAsyncRequest, CheckpointNewRunRequest, CheckpointRun, CheckpointStepsRequest,
    Envelope, MemoizedSteps, Op, OpCode, RunId,
};

/// As users make them.
impl ApiClient {
    /// Creates a run, with the operations so far: `POST /v1/checkpoint` (docs/protocol.md 2.1 and
    /// 2.2).
    ///
    /// ```json
    /// {"run_id": "01M8…", "event": {"name": "inngest/http.request", "data": {"domain": "https://api.example.com", "method":
    ///  "POST", "path": "/orders", "fn": "", "body": "eyJiIjoxfQ==", …}}, "steps": […], "request_version": 2, "retries": 3}
    /// ```
    ///
    /// is answered with
    ///
    /// ```json
    /// {"data": {"fn_id": "98819a18-…", "app_id": "bec6ee9c-…", "run_id": "01M8…", "token": "<JWT>"}}
    /// ```
    ///
    /// The token allows reading the run's output, at [`output_url`](Self::output_url). There is
    /// none unless the call carried an operation.
    ///
    /// ```
    /// # use std::time::SystemTime;
    /// # use std::time::Duration;
    /// # use inngest::client::{ApiClient, ApiError};
    /// # use inngest::wire::{CheckpointNewRunRequest, NewApiRunData, Op, RunId};
    /// # async fn example(inngest: &ApiClient) -> Result<(), ApiError> {
    /// let data = NewApiRunData::new("https://api.example.com", "POST", "/orders").body(br#"{"cents":990}"#);
    /// let request = CheckpointNewRunRequest::new(RunId::new(SystemTime::now()), data)
    ///     .step(Op::sleep("cool-off", Duration::from_secs(3_600)))
    ///     .retries(3);
    /// let run = inngest.checkpoint_new_run(&request).await?;
    /// println!("{} goes on at Inngest, with a token: {}", run.run_id, run.token.is_some());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When the API cannot be reached or refuses, after the [retries](Self#retries). Without a
    /// call, when its body would be over 4 MiB, when a step's output is, and when an operation says
    /// that a step failed but not why: the server answers the first with a 400 that does not say
    /// so, drops the second silently, and crashes on the third.
    ///
    /// The server says 200 also when it could not store an operation.
    ///
    /// # Cancellation
    /// Dropping the future may leave the run created or not. Creating it again, with the same id,
    /// does no harm while the run goes on, if the call carries no operation that makes Inngest call
    /// back, or the run's end beside it.
    #[doc(alias = "CheckpointNewRun")]
    pub async fn checkpoint_new_run(
        &self,
        request: &CheckpointNewRunRequest<'_>,
    ) -> Result<CheckpointRun, ApiError> {
        parse_run_id(&request.run_id)?;
        check(&request.steps)?;
        let body = encode(request)?;
        if body.len() > FIRST_CALL_BYTES {
            return Err(ApiError::request(format!(
                "creating the run {} takes {} bytes, and the server takes no more than 4 MiB: leave operations out, \
                 and add them by `checkpoint_steps`, or the request's body",
                request.run_id,
                body.len()
            )));
        }
        let call = Call::post(&self.inner.new_run, body);
        let call = call.repeatable(is_repeatable_at_creation(&request.steps));
        self.read::<Envelope<_>>(call, Patience::AsSetUp).await.map(|envelope| envelope.data)
    }

    /// Adds operations to a run while its first request goes on:
    /// `POST /v1/checkpoint/{run_id}/steps` (docs/protocol.md 2.5 and 5).
    ///
    /// ```json
    /// {"run_id": "01M8…", "fn_id": "98819a18-…", "app_id": "bec6ee9c-…", "steps": [{"id": "51de2b…", "op": "StepRun", …}]}
    /// ```
    ///
    /// is answered with an empty body. A step's value is kept as it was saved first.
    ///
    /// ```
    /// # use inngest::client::ApiClient;
    /// # use inngest::wire::{CheckpointRun, Op};
    /// # async fn example(inngest: &ApiClient, run: CheckpointRun) -> Result<(), Box<dyn std::error::Error>> {
    /// inngest.checkpoint_steps(&run, &[Op::step_run("charge-card", &"ch_1")?]).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When the API cannot be reached or refuses, after the [retries](Self#retries). Without a
    /// call, when the run's id is none, when a step's output is over 4 MiB, and when an operation
    /// says that a step failed but not why.
    ///
    /// The server says 200 also for a run that it does not know or that has ended, and when the
    /// run's outputs are over 32 MiB, and then stores nothing: [`get_steps`](Self::get_steps) shows
    /// what it has.
    ///
    /// # Cancellation
    /// Dropping the future may leave the operations added or not. Adding them again does no harm,
    /// but for [gateway operations](Self#retries).
    #[doc(alias = "CheckpointSteps")]
    pub async fn checkpoint_steps(&self, run: &CheckpointRun, steps: &[Op<'_>]) -> Result<(), ApiError> {
        let run_id = parse_run_id(&run.run_id)?;
        check(steps)?;
        let body = encode(&CheckpointStepsRequest::new(run, steps))?;
        self.post(run_id, "steps", body, is_repeatable(steps)).await
    }

    /// Ends a run with its response: a `RunComplete` operation in
    /// `POST /v1/checkpoint/{run_id}/steps` (docs/protocol.md 5.7 and 11).
    ///
    /// The call that was documented for it earlier, `POST …/{run_id}/response`, does not exist on
    /// today's server.
    ///
    /// ```json
    /// {"run_id": "01M8…", "fn_id": "98819a18-…", "app_id": "bec6ee9c-…", "steps": [{"id": "0737c22d3bfae812339732d14d8c7dbd6dc4e09c",
    ///  "op": "RunComplete", "data": {"status": 201, "headers": {}, "body": "created"}}]}
    /// ```
    ///
    /// A status of 500 and above marks the run as failed.
    ///
    /// ```
    /// # use inngest::client::{ApiClient, ApiError};
    /// # use inngest::wire::{ApiResult, CheckpointRun};
    /// # async fn example(inngest: &ApiClient, run: CheckpointRun) -> Result<(), ApiError> {
    /// let result = ApiResult::new(201).header("content-type", "text/plain").body("created");
    /// inngest.checkpoint_response(&run, &result).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`checkpoint_steps`](Self::checkpoint_steps); without a call, too, when the result is
    /// over 4 MiB as JSON.
    ///
    /// # Cancellation
    /// Dropping the future may leave the run ended or not. Ending it again does no harm: the first
    /// result is kept.
    #[doc(alias = "CheckpointResponse")]
    pub async fn checkpoint_response(
        &self,
        run: &CheckpointRun,
        result: &ApiResult<'_>,
    ) -> Result<(), ApiError> {
        let complete = Op::run_complete(result).map_err(|error| ApiError::request(error.to_string()))?;
        self.checkpoint_steps(run, &[complete]).await
    }

    /// Saves finished steps while a re-entry goes on: `POST /v1/checkpoint/{run_id}/async`
    /// (docs/protocol.md 2.6).
    ///
    /// ```json
    /// {"run_id": "01M8…", "qi_id": "<X-Inngest-Job-Id>", "request_id": "<X-Request-Id>", "generation_id": 1,
    ///  "request_started_at": 1795337944526, "steps": [{"id": "405906…", "op": "StepRun", "data": "B", …}], "ts": 1795337944530}
    /// ```
    ///
    /// is answered with an empty body. A step's value is kept as it was saved first, also when
    /// re-entries save it at once: [`get_steps`](Self::get_steps) shows at once which it was.
    ///
    /// ```
    /// # use inngest::client::ApiClient;
    /// # use inngest::wire::{CheckpointAsyncRequest, Op};
    /// # async fn example(inngest: &ApiClient, headers: &http::HeaderMap) -> Result<(), Box<dyn std::error::Error>> {
    /// let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    /// let generation = header("x-inngest-generation-id").parse()?;
    /// let request = CheckpointAsyncRequest::new(header("x-run-id"))
    ///     .dispatch(header("x-inngest-job-id"), header("x-request-id"), generation)
    ///     .step(Op::step_run("after", &"B")?);
    /// inngest.checkpoint_async(&request).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When the API cannot be reached or refuses, after the [retries](Self#retries): with 400 for
    /// operations that are no finished steps, and for a run that has ended or was cancelled; with
    /// 409 when this re-entry has been superseded; with 413 when a step or the run is too large.
    /// After a 409, and when the run is over, the re-entry must run nothing more. Without a call,
    /// as [`checkpoint_steps`](Self::checkpoint_steps).
    ///
    /// # Cancellation
    /// Dropping the future may leave the steps saved or not. Saving them again does no harm.
    #[doc(alias = "Checkpoint")]
    pub async fn checkpoint_async(&self, request: &CheckpointAsyncRequest<'_>) -> Result<(), ApiError> {
        let run_id = parse_run_id(&request.run_id)?;
        check(&request.steps)?;
        self.post(run_id, "async", encode(request)?, is_repeatable(&request.steps)).await
    }

    /// Fetches the memoized steps of a run: `GET /v0/runs/{run_id}/actions` (docs/protocol.md 6.2).
    ///
    /// ```json
    /// {"51de2b835bd35a67eb32dbcd3d77d4b96e5aa39d": {"data": "A"}, "40fa37ec00c761c7dbb6ebdee6d4a260b922f5f4": null}
    /// ```
    ///
    /// ```
    /// # use inngest::client::ApiClient;
    /// # use inngest::wire::{RunId, StepHash};
    /// # async fn example(inngest: &ApiClient, run_id: RunId) -> Result<(), Box<dyn std::error::Error>> {
    /// let steps = inngest.get_steps(run_id).await?;
    /// if let Some(charge) = steps.get(StepHash::of("charge-card")) {
    ///     println!("{:?}", charge.outcome::<String>()?);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When the API cannot be reached or refuses, after the [retries](Self#retries): with 410 for a
    /// run that it does not know, or that has ended, and when it cannot load the run's state for a
    /// moment.
    ///
    /// While a run is being ended, Inngest can give no steps at all instead: ask again before you
    /// take that for a new run.
    ///
    /// # Cancellation
    /// The call has no effect, so it can be dropped at any time.
    #[doc(alias = "GetSteps")]
    pub async fn get_steps(&self, run_id: RunId) -> Result<MemoizedSteps, ApiError> {
        self.memoized_steps(run_id, Patience::AsSetUp).await
    }

    /// Where a client waits for the output of a run and reads it, with the token of
    /// [`CheckpointRun::token`].
    ///
    /// Whoever knows the URL can read the output, for an hour.
    #[must_use]
    #[doc(alias = "defaultRedirectURL")]
    pub fn output_url(&self, run_id: RunId, token: &str) -> String {
        let mut url = at(&self.inner.base, &format!("v1/http/runs/{run_id}/output"));
        url.query_pairs_mut().append_pair("token", token);
        url.into()
    }
}

/// As the SDK makes them: with bodies that are encoded already, and the patience that the moment
/// asks for.
impl ApiClient {
    /// `repeatable`: the call may be made again also when it may have had its effect.
    pub(crate) async fn send_new_run(
        &self,
        body: Bytes,
        repeatable: bool,
        patience: Patience,
        extras: Option<&Extras>,
    ) -> Result<CheckpointRun, ApiError> {
        let call = Call::post(&self.inner.new_run, body).extras(extras).repeatable(repeatable);
        self.read::<Envelope<_>>(call, patience).await.map(|envelope| envelope.data)
    }

    /// The same of a run that ends in this call. Nothing of the answer is needed, but that it is
    /// Inngest's.
    pub(crate) async fn send_ended_run(
        &self,
        body: Bytes,
        repeatable: bool,
        patience: Patience,
        extras: Option<&Extras>,
    ) -> Result<(), ApiError> {
        let call = Call::post(&self.inner.new_run, body).extras(extras).repeatable(repeatable);
        self.call(call, patience, |answer| check_envelope(&answer)).await
    }

    /// A [`CheckpointStepsRequest`].
    pub(crate) async fn send_steps(
        &self,
        run_id: RunId,
        body: Bytes,
        patience: Patience,
        extras: Option<&Extras>,
    ) -> Result<(), ApiError> {
        let url = self.below_run(run_id, "steps");
        self.call(Call::post(&url, body).extras(extras), patience, |_| Ok(())).await
    }

    /// A [`CheckpointAsyncRequest`].
    pub(crate) async fn send_async(
        &self,
        run_id: RunId,
        body: Bytes,
        patience: Patience,
        extras: Option<&Extras>,
    ) -> Result<(), ApiError> {
        let url = self.below_run(run_id, "async");
        self.call(Call::post(&url, body).extras(extras), patience, |_| Ok(())).await
    }

    pub(crate) async fn memoized_steps(
        &self,
        run_id: RunId,
        patience: Patience,
    ) -> Result<MemoizedSteps, ApiError> {
        let url = at(&self.inner.base, &format!("v0/runs/{run_id}/actions"));
        let read = |answer| MemoizedSteps::parse(answer).map_err(|error| error.to_string());
        self.call(Call::get(&url), patience, read).await
    }

    async fn post(&self, run_id: RunId, what: &str, body: Bytes, repeatable: bool) -> Result<(), ApiError> {
        let url = self.below_run(run_id, what);
        self.call(Call::post(&url, body).repeatable(repeatable), Patience::AsSetUp, |_| Ok(())).await
    }

    fn below_run(&self, run_id: RunId, what: &str) -> Url {
        at(&self.inner.base, &format!("v1/checkpoint/{run_id}/{what}"))
    }
}

fn encode(request: &impl Serialize) -> Result<Bytes, ApiError> {
    serde_json::to_vec(request).map(Bytes::from).map_err(|error| ApiError::request(error.to_string()))
}

/// Whether an answer is an envelope. One that begins as the server writes it is not read to its
/// end.
fn check_envelope(answer: &[u8]) -> Result<(), String> {
    if answer.starts_with(br#"{"data":{"#) && answer.trim_ascii_end().ends_with(b"}") {
        return Ok(());
    }
    let envelope = serde_json::from_slice::<Envelope<IgnoredAny>>(answer);
    envelope.map(drop).map_err(|error| error.to_string())
}

fn parse_run_id(text: &str) -> Result<RunId, ApiError> {
    text.parse().map_err(|error| ApiError::request(format!("the run's id is `{}`, but {error}", shown(text))))
}

/// Refuses what the server would drop silently, or crash on.
fn check(ops: &[Op<'_>]) -> Result<(), ApiError> {
    for op in ops {
        let name =
            || op.userland.as_ref().map_or_else(|| op.id.to_string(), |userland| userland.id.to_string());
        let bytes = op.data.as_ref().map_or(0, |data| data.get().len() + WRAPPER_BYTES);
        if bytes > STEP_OUTPUT_BYTES {
            return Err(ApiError::request(format!(
                "the step `{}` has {bytes} bytes of data, and the server keeps no more than 4 MiB",
                shown(&name())
            )));
        }
        if matches!(op.op, OpCode::StepError | OpCode::StepFailed) && op.error.is_none() {
            return Err(ApiError::request(format!(
                "the step `{}` is said to have failed, without an error that says why",
                shown(&name())
            )));
        }
    }
    Ok(())
}

/// Whether telling the server of these twice is telling it once.
fn is_repeatable(ops: &[Op<'_>]) -> bool {
    !ops.iter().any(|op| matches!(op.op, OpCode::Gateway | OpCode::AiGateway))
}

/// Whether creating a run with these twice is creating it once. What makes the server call back
/// does so each time (docs/protocol.md 2.3), unless the run ends in the same call.
fn is_repeatable_at_creation(ops: &[Op<'_>]) -> bool {
    ops.iter().any(|op| op.op == OpCode::RunComplete) || ops.iter().all(|op| op.op == OpCode::StepRun)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{ApiErrorKind, Configuration};
    use crate::connect::Connection;

    fn client(base: &str) -> ApiClient {
        ApiClient::connect(&Connection::to(base.parse().unwrap()), Configuration::default()).unwrap()
    }

    #[tokio::test]
    async fn an_https_server_that_breaks_off_is_unreachable() {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let client = client(&format!("https://{}/below", listener.local_addr().unwrap()));
        let call = client.send_new_run(Bytes::from_static(b"{}"), true, Patience::Once, None);
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::io::AsyncReadExt::read_u8(&mut stream).await.unwrap()
        };
        let (outcome, hello) = tokio::join!(call, server);
        // A TLS handshake, not a request in the clear.
        assert_eq!(hello, 0x16);
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), ApiErrorKind::Unreachable, "{error:?}");
        assert!(!error.is_outcome_unclear(), "{error:?}");
    }

    #[test]
    fn what_is_no_envelope_is_no_answer() {
        for answer in [
            "{\"data\":{\"fn_id\":\"f\"},\"metadata\":{}}\n",
            "{\"metadata\":{},\"data\":null}",
            "{ \"data\": 1 }",
        ] {
            assert!(check_envelope(answer.as_bytes()).is_ok(), "{answer}");
        }
        for answer in ["", "{}", "<html>", "{\"error\":\"no\"}", "{\"data\":{", "{\"data\"}"] {
            assert!(check_envelope(answer.as_bytes()).is_err(), "{answer}");
        }
    }

    #[test]
    fn paths_go_below_the_base_and_tokens_are_escaped() {
        assert_eq!(client("http://a").inner.new_run.as_str(), "http://a/v1/checkpoint");
        assert_eq!(client("https://a:1/b/").inner.new_run.as_str(), "https://a:1/b/v1/checkpoint");
        let run_id = "01M817NZCZ3BTTPY1FEX7T2M4B".parse().unwrap();
        assert_eq!(
            client("http://a").output_url(run_id, "x&y=z"),
            "http://a/v1/http/runs/01M817NZCZ3BTTPY1FEX7T2M4B/output?token=x%26y%3Dz"
        );
    }
}
