//! When a client is to come again.

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue};

/// What a client is told to wait before it tries again while Inngest cannot be reached, if nobody
/// says otherwise.
pub(crate) const TRY_AGAIN: Duration = Duration::from_secs(5);

/// Says in a response when to try again: in whole seconds, and never at once.
pub(crate) fn try_again(headers: &mut HeaderMap, after: Duration) {
    let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
    headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
}
