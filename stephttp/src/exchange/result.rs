//! A response as a run's result.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::function::Whose;
use crate::wire::headers as wire;

/// Who will see a result's headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience<'a> {
    /// The client: the stored response is its answer. What it does not get is logged.
    Client(&'a Whose),
    /// People who look at the run: the client gets the handler's own answer.
    Viewers,
}

/// A result's headers.
pub(crate) type Headers = BTreeMap<Cow<'static, str>, Cow<'static, str>>;

/// Headers in the one-string form that results have, without those that are about one connection.
pub(crate) fn headers(headers: &HeaderMap, audience: Audience<'_>) -> Headers {
    let mut result = Headers::new();
    for (name, value) in headers.iter().filter(|(name, _)| !is_hop_by_hop(name) && *name != wire::OWN_ANSWER)
    {
        let value = if audience == Audience::Viewers && is_secret(name) {
            "(redacted)".to_owned()
        } else {
            text(name, value, audience)
        };
        match result.entry(Cow::Owned(name.as_str().to_owned())) {
            Entry::Vacant(entry) => drop(entry.insert(Cow::Owned(value))),
            // Cookies cannot be joined, and a result has room for one.
            Entry::Occupied(_) if name == header::SET_COOKIE => {
                if let Audience::Client(Whose { run_id, function }) = audience {
                    tracing::warn!(
                        %run_id,
                        function,
                        "the response sets several cookies, and was made after its run was handed over: Inngest keeps one \
                         value for each header, so the run's client gets the first cookie alone"
                    );
                }
            }
            Entry::Occupied(mut entry) => {
                let joined = entry.get_mut().to_mut();
                joined.push_str(", ");
                joined.push_str(&value);
            }
        }
    }
    result
}

/// Takes from a result's headers what holds for its body alone: with an empty one, a client could
/// not even read that.
pub(crate) fn omit_body(headers: &mut Headers) {
    const ABOUT_THE_BODY: [&str; 6] =
        ["content-encoding", "content-range", "content-md5", "content-digest", "digest", "repr-digest"];
    for name in ABOUT_THE_BODY {
        headers.remove(name);
    }
}

fn text(name: &HeaderName, value: &HeaderValue, audience: Audience<'_>) -> String {
    let text = String::from_utf8_lossy(value.as_bytes());
    if let (Cow::Owned(_), Audience::Client(Whose { run_id, function })) = (&text, audience) {
        tracing::warn!(%run_id, function, header = %name, "a header of the response is not UTF-8: its client gets U+FFFD in place of what is not");
    }
    text.into_owned()
}

/// RFC 9110, section 7.6.1, and what the server that finally sends the response makes itself.
pub(crate) fn is_hop_by_hop(name: &HeaderName) -> bool {
    use header::{
        CONNECTION, CONTENT_LENGTH, DATE, PROXY_AUTHENTICATE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
    };
    [CONNECTION, CONTENT_LENGTH, DATE, PROXY_AUTHENTICATE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE]
        .contains(name)
        || name == "keep-alive"
        || name == "proxy-connection"
}

fn is_secret(name: &HeaderName) -> bool {
    [header::SET_COOKIE, header::AUTHORIZATION, header::PROXY_AUTHORIZATION, header::COOKIE].contains(name)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::wire::RunId;

    #[test]
    fn headers_are_joined_and_those_of_the_connection_are_left_out() {
        let mut map = HeaderMap::new();
        map.append("vary", HeaderValue::from_static("origin"));
        map.append("vary", HeaderValue::from_static("accept"));
        map.append("connection", HeaderValue::from_static("close"));
        map.append("content-length", HeaderValue::from_static("3"));
        map.append("set-cookie", HeaderValue::from_static("session=1"));
        map.append("set-cookie", HeaderValue::from_static("theme=dark"));
        let whose = Whose { run_id: RunId::new(SystemTime::now()), function: None };
        let client = headers(&map, Audience::Client(&whose));
        let view: Vec<_> = client.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(view, [("set-cookie", "session=1"), ("vary", "origin, accept")]);
        assert_eq!(headers(&map, Audience::Viewers)["set-cookie"], "(redacted)");
    }
}
