//! A run's end, as Inngest knows it.

use std::time::Duration;

use http::StatusCode;
use http_body_util::{BodyExt, Limited};
use serde::Deserialize;
use tokio::time::Instant;

use super::Source;
use crate::exchange::passed_headers;
use crate::exchange::result::{self, Audience};
use crate::wire::limits::REENTRY_ANSWER_BYTES;
use crate::wire::{ApiResult, headers};

/// How often it is asked: Inngest holds the question for five minutes, and what answers at once is
/// asked again later.
const INTERVAL: Duration = Duration::from_secs(20);

/// The same while the output is empty, which it is for a moment after each run's end.
const EMPTY_INTERVAL: Duration = Duration::from_secs(1);

/// How often it is empty of a run that was cancelled.
const EMPTY: u32 = 4;

/// Bytes of what Inngest says itself.
const STATEMENT_BYTES: usize = 64 * 1024;

#[derive(Deserialize)]
struct Statement {
    status: Option<String>,
    error: Option<serde::de::IgnoredAny>,
}

/// Waits until the run has ended. `None`: it has ended without a response.
pub(super) async fn response(source: &Source) -> Option<ApiResult<'static>> {
    let mut empty = 0;
    loop {
        let began = Instant::now();
        let mut interval = INTERVAL;
        if let Ok(answer) = source.app.client().ask_for_output(source.run_id, &source.token).await {
            let (mut parts, body) = answer.into_parts();
            if parts.headers.contains_key(headers::RUN_ID) {
                let body = Limited::new(body, REENTRY_ANSWER_BYTES).collect().await;
                let mut body = body.ok()?.to_bytes();
                if !parts.headers.contains_key(headers::OWN_ANSWER) && !body.is_empty() {
                    body = source.app.middleware().restore_response_body(source.run_id, body).await.ok()?;
                }
                let passed = &source.app.settings().output.pass_headers;
                let left_out = passed_headers::of_response(&mut parts.headers, passed);
                source.app.left_out().say(&source.app, source.run_id, &left_out);
                let body = String::from_utf8(body.into()).ok()?;
                let mut result = ApiResult::new(parts.status.as_u16()).body(body);
                result.headers = result::headers(&parts.headers, Audience::Client(&source.whose));
                return Some(result);
            }
            match parts.status {
                StatusCode::UNAUTHORIZED
                | StatusCode::FORBIDDEN
                | StatusCode::NOT_FOUND
                | StatusCode::GONE => return None,
                StatusCode::OK => {
                    let body = Limited::new(body, STATEMENT_BYTES).collect().await.ok()?.to_bytes();
                    if body.is_empty() {
                        empty += 1;
                        interval = EMPTY_INTERVAL;
                        if empty == EMPTY {
                            return None;
                        }
                    } else if !is_running(&body) {
                        return None;
                    }
                }
                _ => {}
            }
        }
        tokio::time::sleep_until(began + interval).await;
    }
}

/// Whether Inngest says that the run goes on, or nothing of it.
fn is_running(statement: &[u8]) -> bool {
    let statement = serde_json::from_slice::<Statement>(statement);
    statement.is_ok_and(|statement| statement.error.is_none() && statement.status.is_some())
}
