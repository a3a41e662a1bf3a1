//! Which headers of a stored response pass on to its client.
//!
//! Inngest has stored them, and whoever can change what it answers can change them: so those pass
//! that describe the response, and none by which a browser or a proxy does something beyond it.

use http::header::{CONNECTION, CONTENT_TYPE, VARY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::is_hop_by_hop;
use crate::wire::headers::RUN_ID;

/// What describes a representation or a response, and its meaning for whoever has asked. `x-…` is
/// looked at apart.
const PASSED: [&str; 32] = [
    "accept-patch",
    "accept-post",
    "accept-ranges",
    "allow",
    "api-supported-versions",
    "api-version",
    "correlation-id",
    "cross-origin-embedder-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "deprecation",
    "digest",
    "etag",
    "idempotency-key",
    "last-modified",
    "link",
    "location",
    "permissions-policy",
    "preference-applied",
    "repr-digest",
    "request-id",
    "retry-after",
    "server-timing",
    "set-cookie",
    "sunset",
    "vary",
    "warning",
    "www-authenticate",
    "total-count",
    "traceparent",
    "traceresponse",
    "tracestate",
];
/// The same, by what the names begin with. `hx-…` is htmx's, which can do with a response what
/// `location` and HTML can.
const PASSED_BEGINNINGS: [&str; 3] = ["content-", "hx-", "ratelimit"];

/// What browsers, proxies and servers act on among the names that begin with `x-`, and what SDKs
/// say to Inngest.
const NOT_PASSED: [&str; 17] = [
    // nginx: other files in place of the response, how it is cached and sent; mod_zip.
    "x-accel-",
    "x-archive-",
    // Apache, lighttpd, LiteSpeed, Perlbal: the same.
    "x-sendfile",
    "x-lighttpd-",
    "x-litespeed-",
    "x-lscache",
    "x-lsadc-",
    "x-reproxy-",
    // Envoy's health checks and retries, Varnish's and Next.js's instructions.
    "x-envoy-",
    "x-varnish-",
    "x-middleware-",
    // Browsers: other documents, and how pages are read.
    "x-dns-prefetch-control",
    "x-permitted-cross-domain-policies",
    "x-sourcemap",
    "x-ua-compatible",
    "x-xss-protection",
    // Also what this SDK notes for itself.
    "x-inngest-",
];
const SDKS_OWN: &str = "x-stephttp-";

/// The route's own, whatever is stored.
const ROUTES_OWN: [&str; 4] = ["cache-control", "referrer-policy", "expires", "pragma"];

/// Takes away what is not to pass of a run's response. `more`: names that the app has allowed.
/// Answers with those taken away that the app could have allowed.
pub(crate) fn of_response(headers: &mut HeaderMap, more: &[HeaderName]) -> Vec<HeaderName> {
    // RFC 9110, section 7.6.1: a connection may name more headers that are about it alone.
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .filter(|name| name != RUN_ID)
        .collect();
    let passes = |name: &HeaderName| {
        !is_never_passed(name) && !named.contains(name) && (is_passed(name.as_str()) || more.contains(name))
    };
    let mut others: Vec<HeaderName> = headers.keys().filter(|name| !passes(name)).cloned().collect();
    for name in &others {
        headers.remove(name);
    }
    strip_vary(headers);
    others.retain(|name| !is_never_passed(name) && !named.contains(name));
    others
}

/// The headers of what is not of the handler's making: its type, which is none that makes a browser
/// run it, and the run's mark.
pub(crate) fn of_other(headers: &mut HeaderMap) {
    const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");
    let content_type = headers.remove(CONTENT_TYPE).filter(is_inert).unwrap_or(OCTETS);
    let mark = headers.remove(RUN_ID);
    headers.clear();
    headers.extend(mark.map(|mark| (HeaderName::from_static(RUN_ID), mark)));
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

/// Whether nobody can have a header passed on.
pub(crate) fn is_never_passed(name: &HeaderName) -> bool {
    is_hop_by_hop(name)
        || ROUTES_OWN.contains(&name.as_str())
        || name.as_str().starts_with("access-control-")
        || name.as_str().starts_with(SDKS_OWN)
}

fn is_passed(name: &str) -> bool {
    PASSED.contains(&name)
        || PASSED_BEGINNINGS.iter().any(|passed| name.starts_with(passed))
        || (name.starts_with("x-") && !NOT_PASSED.iter().any(|refused| name.starts_with(refused)))
}

/// JSON, plain text and bytes: what browsers show or save, and no more.
fn is_inert(content_type: &HeaderValue) -> bool {
    let essence = content_type.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    let essence = essence.trim().to_ascii_lowercase();
    matches!(&*essence, "application/json" | "text/plain" | "application/octet-stream")
        || essence.strip_prefix("application/").is_some_and(|subtype| subtype.ends_with("+json"))
}

/// Takes Inngest's own `Vary: Origin` away, and leaves what the run's response varies by.
///
/// Where that says the very same, it is lost. No cache keeps the response anyway.
fn strip_vary(headers: &mut HeaderMap) {
    let mut values: Vec<HeaderValue> = headers.get_all(VARY).iter().cloned().collect();
    let Some(inngests) = values.iter().position(|value| value == "Origin") else { return };
    values.remove(inngests);
    headers.remove(VARY);
    for value in values {
        headers.append(VARY, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(names: &[&str], more: &[&str]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for name in names {
            headers.append(HeaderName::try_from(*name).unwrap(), HeaderValue::from_static("x-hop"));
        }
        let more: Vec<_> = more.iter().map(|name| HeaderName::try_from(*name).unwrap()).collect();
        of_response(&mut headers, &more);
        headers.keys().map(|name| name.as_str().to_owned()).collect()
    }

    #[test]
    fn what_describes_the_response_passes_and_what_is_acted_on_elsewhere_does_not() {
        for name in [
            "content-type",
            "etag",
            "location",
            "set-cookie",
            "x-run-id",
            "x-order",
            "X-RateLimit-Limit",
            "HX-Trigger",
            "traceparent",
            "RateLimit",
            "ratelimit-limit",
        ] {
            assert_eq!(passed(&[name], &[]).len(), 1, "{name}");
        }
        for name in [
            "clear-site-data",
            "refresh",
            "service-worker-allowed",
            "strict-transport-security",
            "nel",
            "report-to",
            "reporting-endpoints",
            "alt-svc",
            "sourcemap",
            "surrogate-control",
            "cdn-cache-control",
            "access-control-allow-origin",
            "proxy-authenticate",
            "x-accel-redirect",
            "X-Sendfile",
            "x-sendfile2",
            "x-lighttpd-send-file",
            "X-SourceMap",
            "x-inngest-server-kind",
            "content-length",
            "x-stephttp-own-answer",
            "server",
            "via",
            "unknown",
        ] {
            assert!(passed(&[name], &[]).is_empty(), "{name}");
        }
        assert_eq!(passed(&["refresh", "signature"], &["signature"]), ["signature"]);
        // What the connection names is about it, but for the run's mark.
        assert_eq!(passed(&["connection", "x-hop", "x-other"], &["x-hop"]), ["x-other"]);
    }

    #[test]
    fn those_are_named_that_an_app_could_have_passed_on() {
        let mut headers = HeaderMap::new();
        for name in [
            "date",
            "cache-control",
            "x-inngest-sdk",
            "x-stephttp-x",
            "signature",
            "etag",
            "access-control-max-age",
        ] {
            headers.insert(name, HeaderValue::from_static("7"));
        }
        let left_out = of_response(&mut headers, &[]);
        assert_eq!(left_out, ["x-inngest-sdk", "signature"]);
    }

    #[test]
    fn what_is_no_response_of_a_run_is_nothing_that_a_browser_runs() {
        for (stored, given) in [
            (Some("application/json"), "application/json"),
            (Some("Application/JSON; charset=utf-8"), "Application/JSON; charset=utf-8"),
            (Some("application/problem+json"), "application/problem+json"),
            (Some("text/plain;charset=UTF-8"), "text/plain;charset=UTF-8"),
            (Some("text/html"), "application/octet-stream"),
            (Some("image/svg+xml"), "application/octet-stream"),
            (Some("text/javascript"), "application/octet-stream"),
            (Some("text/html+json"), "application/octet-stream"),
            (Some(""), "application/octet-stream"),
            (None, "application/octet-stream"),
        ] {
            let mut headers = HeaderMap::new();
            headers.extend(stored.map(|stored| (CONTENT_TYPE, HeaderValue::from_static(stored))));
            headers.insert("x-order", HeaderValue::from_static("1"));
            of_other(&mut headers);
            assert_eq!(headers[CONTENT_TYPE], given, "{stored:?}");
            assert_eq!(
                (&headers[X_CONTENT_TYPE_OPTIONS], headers.len()),
                (&HeaderValue::from_static("nosniff"), 2)
            );
        }
    }
}
