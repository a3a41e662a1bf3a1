//! What a re-entry's handler has answered, as the result that its run's client gets.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::CONTENT_ENCODING;
use http_body_util::LengthLimitError;

use crate::exchange::result::{self, Audience};
use crate::journal::Recorded;
use crate::run::Run;
use crate::wire::ApiResult;
use crate::wire::limits::REENTRY_ANSWER_BYTES;

/// Why a response cannot be what the run's client gets.
pub(super) enum Unfit {
    ForGood(String),
    /// Another attempt may come to one that can.
    ForNow(&'static str),
}

impl Unfit {
    fn for_good<T>(message: impl Into<String>) -> Result<T, Self> {
        Err(Self::ForGood(message.into()))
    }
}

/// A response as the run's result.
pub(super) async fn result_of(run: &Run, response: Response) -> Result<ApiResult<'static>, Unfit> {
    let (parts, body) = response.into_parts();
    if parts.status.is_informational() {
        return Unfit::for_good(
            "a response such as that of a WebSocket's handshake is for the connection of the first request, which is over: \
             the run was handed over. A function that answers so is `sync_only`, or has no step that waits or is retried",
        );
    }
    let mut headers = result::headers(&parts.headers, Audience::Client(&run.whose()));
    // It is not even read.
    let body = if run.omits_response_body() { Body::empty() } else { body };
    let body = match axum::body::to_bytes(body, REENTRY_ANSWER_BYTES).await {
        Ok(body) => body,
        Err(error) if is_too_long(&error) => {
            return Unfit::for_good(
                "the response's body is over 8 MiB, the most that Inngest keeps for the run's client",
            );
        }
        Err(error) => {
            tracing::error!(run_id = %run.id(), function = run.log_name(), %error, "the response's stream failed");
            return Err(Unfit::ForNow("the response's body broke off"));
        }
    };
    // A stream may have said so just now.
    let body = if run.omits_response_body() {
        result::omit_body(&mut headers);
        Bytes::new()
    } else {
        body
    };
    let body = match run.transform_response_body(parts.status.as_u16(), body).await {
        Ok(body) => body,
        Err(fault) => {
            tracing::error!(run_id = %run.id(), function = run.log_name(), "the response's body could not be transformed: {fault}");
            return Err(Unfit::ForNow("a middleware failed"));
        }
    };
    let Ok(body) = String::from_utf8(body.into()) else {
        let encoding = headers.get(CONTENT_ENCODING.as_str());
        let encoding = encoding.map(|encoding| format!(" (it has `content-encoding: {encoding}`)"));
        return Unfit::for_good(format!(
            "the response's body is not UTF-8{}. The run was handed over, so its response is kept by Inngest, which \
             keeps text only: answer with text, or with a link to the data",
            encoding.unwrap_or_default()
        ));
    };
    let mut result = ApiResult::new(parts.status.as_u16()).body(body);
    result.headers = headers;
    Ok(result)
}

fn is_too_long(error: &axum::Error) -> bool {
    std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<LengthLimitError>)
}

/// Whether Inngest keeps it for the run's client.
pub(super) fn fits(result: &ApiResult<'_>) -> bool {
    let texts = result.headers.iter().map(|(name, value)| name.len() + value.len());
    let bytes = result.body.len() + texts.sum::<usize>();
    let fits = |json: Vec<u8>| json.len() <= REENTRY_ANSWER_BYTES;
    // A character takes some dozen bytes at most as JSON: only what is near the limit is written
    // out.
    bytes < REENTRY_ANSWER_BYTES / 16
        || Recorded::complete(result).is_ok_and(|op| serde_json::to_vec(&op.to_wire()).is_ok_and(fits))
}
