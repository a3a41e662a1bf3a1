//! Requests that the server makes for a step: `Gateway` and `AIGateway`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use inngest::wire::limits;
use reqwest::Url;
use serde::Deserialize;
use serde_json::Value;

use crate::text::explain;

/// A request to a third party.
#[derive(Clone)]
pub(crate) struct Request {
    method: Method,
    url: String,
    headers: HeaderMap,
    body: Bytes,
    /// The key that nobody may see.
    secret: Option<String>,
    /// Whether the body was no JSON and is sent as a JSON string.
    pub(crate) body_was_quoted: bool,
}

/// What a third party answered.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) url: String,
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Bytes,
}

/// An answer, or why there was none.
pub(crate) type Outcome = Result<Response, String>;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Options {
    url: Option<String>,
    method: Option<String>,
    headers: Option<BTreeMap<String, String>>,
    body: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct AiOptions {
    url: Option<String>,
    headers: Option<BTreeMap<String, String>>,
    auth_key: Option<String>,
    format: Option<String>,
    body: Value,
}

impl Request {
    /// Reads the options of `Gateway`.
    pub(crate) fn gateway(options: &Value) -> Result<Self, String> {
        let Options { url, method, headers, body } = read(options)?;
        let method = method.filter(|method| !method.is_empty()).unwrap_or_else(|| "POST".to_owned());
        let method = method.parse().map_err(|_| format!("invalid http method: {method}"))?;
        let body = body.unwrap_or_default();
        let is_json = body.is_empty() || serde_json::from_str::<serde::de::IgnoredAny>(&body).is_ok();
        let mut request = Self {
            method,
            url: url.unwrap_or_default(),
            headers: HeaderMap::new(),
            body: if is_json { body.into() } else { Value::from(body).to_string().into() },
            secret: None,
            body_was_quoted: !is_json,
        };
        request.add_headers(headers)?;
        Ok(request)
    }

    /// Reads the options of `AIGateway`.
    pub(crate) fn ai(options: &Value) -> Result<Self, String> {
        let AiOptions { url, headers, auth_key, format, body } = read(options)?;
        let key = auth_key.unwrap_or_default();
        let mut request = Self {
            method: Method::POST,
            url: url.unwrap_or_default(),
            headers: HeaderMap::new(),
            body: body.to_string().into(),
            secret: Some(key.clone()).filter(|key| !key.is_empty()),
            body_was_quoted: false,
        };
        request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let (name, value) = match format.as_deref() {
            Some("gemini") => {
                let mut url = Url::parse(&request.url).map_err(|error| error.to_string())?;
                url.query_pairs_mut().append_pair("key", &key);
                request.url = url.into();
                (None, key)
            }
            Some("bedrock") => (Some(AUTHORIZATION), key),
            Some("anthropic") => (Some(HeaderName::from_static("x-api-key")), key),
            _ => (Some(AUTHORIZATION), format!("Bearer {key}")),
        };
        if let Some(name) = name {
            let mut value = HeaderValue::from_str(&value).map_err(|_| "the key is no header value")?;
            value.set_sensitive(true);
            request.headers.insert(name, value);
        }
        request.add_headers(headers)?;
        Ok(request)
    }

    fn add_headers(&mut self, headers: Option<BTreeMap<String, String>>) -> Result<(), String> {
        for (name, value) in headers.unwrap_or_default() {
            let header = HeaderName::from_bytes(name.as_bytes());
            let value = HeaderValue::from_str(&value);
            let (Ok(header), Ok(value)) = (header, value) else {
                return Err(format!("invalid header `{name}`"));
            };
            self.headers.append(header, value);
        }
        Ok(())
    }

    /// The request for people: without its query, which may hold a key.
    pub(crate) fn describe(&self) -> String {
        let url = self.url.split(['?', '#']).next().unwrap_or_default();
        self.redact(&format!("{} {url}", self.method))
    }

    /// A text without the key.
    pub(crate) fn redact(&self, text: &str) -> String {
        match &self.secret {
            Some(secret) => text.replace(secret, "***"),
            None => text.to_owned(),
        }
    }

    /// Sends the request. Addresses of this machine and of its network are refused, unless
    /// `private` says otherwise.
    pub(crate) async fn perform(&self, http: &reqwest::Client, private: bool) -> Outcome {
        let failed = |why: String| {
            let method = self.method.as_str();
            let (first, rest) = method.split_at_checked(1).unwrap_or((method, ""));
            // As Go spells it.
            format!("error performing request: {first}{} \"{}\": {why}", rest.to_lowercase(), self.url)
        };
        let url = Url::parse(&self.url).map_err(|error| failed(error.to_string()))?;
        if !private {
            refuse_private(&url).await.map_err(failed)?;
        }
        let request = http
            .request(self.method.clone(), url)
            .headers(self.headers.clone())
            .body(self.body.clone())
            .send()
            .await;
        let mut response = request.map_err(|error| failed(explain(&error.without_url())))?;
        let status = response.status().as_u16();
        let mut headers = BTreeMap::<String, String>::new();
        for (name, value) in response.headers() {
            let value = String::from_utf8_lossy(value.as_bytes());
            let all = headers.entry(canonical(name.as_str())).or_default();
            if !all.is_empty() {
                all.push(',');
            }
            all.push_str(&value);
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|_| "Unexpected ending response".to_owned())? {
            body.extend_from_slice(&chunk);
            if body.len() > limits::REENTRY_ANSWER_BYTES {
                return Err("response body too large".to_owned());
            }
        }
        Ok(Response { url: self.url.clone(), status, headers, body: body.into() })
    }
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Request").field(&self.describe()).finish()
    }
}

fn read<T: serde::de::DeserializeOwned + Default>(options: &Value) -> Result<T, String> {
    // The error must not show a value: it could be the key.
    if options.is_null() {
        return Ok(T::default());
    }
    T::deserialize(options).map_err(|_| "an option is of the wrong type".to_owned())
}

/// `content-type` as `Content-Type`.
fn canonical(name: &str) -> String {
    let parts = name.split('-').map(|part| {
        let (first, rest) = part.split_at_checked(1).unwrap_or((part, ""));
        first.to_uppercase() + rest
    });
    parts.collect::<Vec<_>>().join("-")
}

async fn refuse_private(url: &Url) -> Result<(), String> {
    let port = url.port_or_known_default().unwrap_or(80);
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let addresses = tokio::net::lookup_host((host, port)).await.map_err(|error| error.to_string())?;
    for address in addresses {
        let ip = address.ip();
        if is_private(ip) {
            return Err(format!("Unable to make request to {host}:{port} at IP {ip}: private IP range"));
        }
    }
    Ok(())
}

fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => {
            let first = ip.segments()[0];
            ip.to_ipv4_mapped().is_some_and(|ip| is_private(ip.into()))
                || ip.is_loopback()
                || ip.is_multicast()
                // Unique local, link-local, and the site-local of old.
                || first & 0xfe00 == 0xfc00
                || first & 0xff80 == 0xfe80
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_go_where_each_format_wants_them_and_nowhere_else() {
        let ai = |format: &str| {
            let options = json!({"url": "https://ai.example/v1?a=1", "auth_key": "sk-secret", "format": format, "body": {"b": 1, "a": 2}});
            Request::ai(&options).unwrap()
        };
        assert_eq!(ai("openai-chat").headers["authorization"], "Bearer sk-secret");
        assert_eq!(ai("anthropic").headers["x-api-key"], "sk-secret");
        assert_eq!(ai("bedrock").headers["authorization"], "sk-secret");
        assert_eq!(ai("gemini").url, "https://ai.example/v1?a=1&key=sk-secret");
        for format in ["openai-chat", "anthropic", "bedrock", "gemini"] {
            let request = ai(format);
            assert_eq!(format!("{request:?}"), r#"Request("POST https://ai.example/v1")"#);
            assert_eq!(request.redact("at sk-secret!"), "at ***!");
        }
        let error = Request::ai(&json!({"auth_key": ["sk-secret"]})).unwrap_err();
        assert!(!error.contains("sk-secret"), "{error}");
    }

    #[test]
    fn a_body_that_is_no_json_becomes_a_string() {
        let body = |text: &str| {
            let request = Request::gateway(&json!({"url": "http://x/", "body": text})).unwrap();
            (String::from_utf8(request.body.to_vec()).unwrap(), request.body_was_quoted)
        };
        assert_eq!(body(r#"{"a":1}"#), (r#"{"a":1}"#.to_owned(), false));
        assert_eq!(body(""), (String::new(), false));
        assert_eq!(body("a=1"), (r#""a=1""#.to_owned(), true));
    }

    #[test]
    fn private_addresses_are_known() {
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "172.20.0.1",
            "192.168.0.1",
            "169.254.1.1",
            "::1",
            "fe80::1",
            "fd00::1",
            "::ffff:127.0.0.1",
        ] {
            assert!(is_private(private.parse().unwrap()), "{private}");
        }
        for public in ["1.1.1.1", "172.32.0.1", "2606:4700::1111"] {
            assert!(!is_private(public.parse().unwrap()), "{public}");
        }
    }
}
