//! A request that Inngest makes.

use std::fmt;

use bytes::Bytes;
use http::Method;
use serde::Serialize;
use serde::de::IgnoredAny;

use super::request_parts::{Headers, check_body, check_url, without_secrets};
use crate::untrusted::shown;

/// A request for [`Step::fetch`](super::Step::fetch).
///
/// An [`http::Request`] becomes one, with a body of type `()`, `String`, `&'static str`, [`Bytes`]
/// or `Vec<u8>`. What makes no sense in it is an error of the step.
///
/// ```
/// use inngest::step::FetchRequest;
///
/// let request = FetchRequest::post("https://api.example.com/orders")
///     .header("authorization", "Bearer secret")
///     .json(&serde_json::json!({ "article": 7 }));
/// assert!(!format!("{request:?}").contains("secret"));
/// ```
#[derive(Clone)]
#[must_use = "a request does nothing until a step fetches it"]
pub struct FetchRequest {
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) headers: Headers,
    pub(super) body: Option<String>,
    /// The first thing that makes no sense.
    fault: Option<String>,
}

impl FetchRequest {
    /// A request with a method, to an absolute `http` or `https` URL.
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        Self { method, url: url.into(), headers: Headers::default(), body: None, fault: None }
    }

    /// A GET.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new(Method::GET, url)
    }

    /// A POST.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new(Method::POST, url)
    }

    /// A PUT.
    pub fn put(url: impl Into<String>) -> Self {
        Self::new(Method::PUT, url)
    }

    /// A PATCH.
    pub fn patch(url: impl Into<String>) -> Self {
        Self::new(Method::PATCH, url)
    }

    /// A DELETE.
    pub fn delete(url: impl Into<String>) -> Self {
        Self::new(Method::DELETE, url)
    }

    /// Adds a header. Two of one name are sent as one, joined with `, `.
    pub fn header(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        self.add(name.as_ref(), value.as_ref().as_bytes());
        self
    }

    /// Sets the body, and a `content-type` of `application/json` unless there is one.
    pub fn json(mut self, value: &(impl Serialize + ?Sized)) -> Self {
        match serde_json::to_string(value) {
            Ok(json) => self.body = Some(json),
            Err(error) => {
                self.misuse(format!("its body cannot be written as JSON: {}", shown(&error.to_string())));
            }
        }
        if !self.headers.contains("content-type") {
            self.add("content-type", b"application/json");
        }
        self
    }

    /// Sets the body: a text that is JSON. Inngest would send any other as a JSON string, in
    /// quotes, so it is refused.
    pub fn body(mut self, text: impl Into<String>) -> Self {
        self.body = Some(text.into()).filter(|text| !text.is_empty());
        self
    }

    fn add(&mut self, name: &str, value: &[u8]) {
        if let Err(fault) = self.headers.add(name, value) {
            self.misuse(fault);
        }
    }

    fn misuse(&mut self, fault: String) {
        self.fault.get_or_insert(fault);
    }

    /// What makes no sense, in words for the developer.
    pub(super) fn fault(&self) -> Option<String> {
        const METHODS: [Method; 7] = [
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
            Method::OPTIONS,
        ];
        if self.fault.is_some() {
            return self.fault.clone();
        }
        if !METHODS.contains(&self.method) {
            return Some(format!("Inngest does not make {} requests", shown(self.method.as_str())));
        }
        if let Err(fault) = check_url(&self.url) {
            return Some(fault);
        }
        if let Some(Err(fault)) = self.body.as_deref().map(check_body) {
            return Some(fault);
        }
        match self.body.as_deref().map(serde_json::from_str::<IgnoredAny>) {
            Some(Err(error)) => Some(format!(
                "its body is not JSON ({error}): Inngest would send it as a JSON string, in quotes. Make this call in a \
                 `step.run` instead"
            )),
            Some(Ok(_)) | None => None,
        }
    }

    fn from_parts(head: &http::request::Parts, body: Result<Option<String>, String>) -> Self {
        let mut request = Self::new(head.method.clone(), head.uri.to_string());
        for (name, value) in &head.headers {
            request.add(name.as_str(), value.as_bytes());
        }
        match body {
            Ok(body) => request.body = body.filter(|body| !body.is_empty()),
            Err(fault) => request.misuse(fault),
        }
        request
    }
}

fn utf8(bytes: Vec<u8>) -> Result<Option<String>, String> {
    String::from_utf8(bytes).map(Some).map_err(|_| {
        "its body is not UTF-8, and Inngest sends only text: make this call in a `step.run`".to_owned()
    })
}

impl From<http::Request<()>> for FetchRequest {
    fn from(request: http::Request<()>) -> Self {
        Self::from_parts(&request.into_parts().0, Ok(None))
    }
}

impl From<http::Request<String>> for FetchRequest {
    fn from(request: http::Request<String>) -> Self {
        let (head, body) = request.into_parts();
        Self::from_parts(&head, Ok(Some(body)))
    }
}

impl From<http::Request<&'static str>> for FetchRequest {
    fn from(request: http::Request<&'static str>) -> Self {
        request.map(str::to_owned).into()
    }
}

impl From<http::Request<Vec<u8>>> for FetchRequest {
    fn from(request: http::Request<Vec<u8>>) -> Self {
        let (head, body) = request.into_parts();
        Self::from_parts(&head, utf8(body))
    }
}

impl From<http::Request<Bytes>> for FetchRequest {
    fn from(request: http::Request<Bytes>) -> Self {
        request.map(Vec::from).into()
    }
}

/// Without what may be a secret: most headers' values, the URL's query, and the body.
impl fmt::Debug for FetchRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchRequest")
            .field("method", &self.method)
            .field("url", &without_secrets(&self.url))
            .field("headers", &self.headers)
            .field("body_bytes", &self.body.as_ref().map(String::len))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn requests_of_the_http_crate_become_one() {
        let request = http::Request::put("https://example.com/a?b=1").header("x-a", "1").header("X-A", "2");
        let request = FetchRequest::from(request.body(Bytes::from("{}")).unwrap());
        assert_eq!((request.method.as_str(), request.url.as_str()), ("PUT", "https://example.com/a?b=1"));
        assert_eq!(request.headers.to_wire().unwrap()["x-a"], "1, 2");
        assert_eq!(request.body.as_deref(), Some("{}"));
        assert_eq!(request.fault(), None);
        let empty = [
            http::Request::new(()).into(),
            FetchRequest::from(http::Request::new(String::new())),
            http::Request::new("").into(),
            http::Request::new(Vec::new()).into(),
        ];
        assert!(empty.iter().all(|request| request.body.is_none() && request.fault().is_some()));
    }

    #[test]
    fn what_inngest_could_not_send_is_named() {
        let post = || FetchRequest::post("https://example.com");
        let method = Method::from_bytes(b"PURGE").unwrap();
        let binary = http::Request::post("https://example.com").body(vec![0xff]).unwrap();
        for (request, fault) in [
            (FetchRequest::get("/relative"), "no absolute URL"),
            (FetchRequest::get("ftp://example.com"), "no http or https URL"),
            (FetchRequest::new(method, "https://example.com"), "PURGE"),
            (post().body("plain"), "is not JSON"),
            (post().json(&"x".repeat(4 << 20)), "4 MiB"),
            (post().header("a b", "1"), "no header's name"),
            (post().header("x", "line\nbreak"), "`x` is not plain ASCII"),
            (FetchRequest::from(binary), "not UTF-8"),
            (post().json(&std::collections::HashMap::from([((1, 2), 3)])), "cannot be written as JSON"),
        ] {
            let found = request.fault().unwrap();
            assert!(found.contains(fault), "{found}");
        }
        assert_eq!(post().body("").fault(), None);
        assert_eq!(post().body(" [1] ").fault(), None);
    }

    #[test]
    fn secrets_are_not_shown() {
        let request = FetchRequest::post("https://user:secret@example.com/path?key=secret#secret")
            .header("Authorization", "secret")
            .header("cookie", "secret")
            .header("x-api-key", "secret")
            .header("accept", "text/html")
            .json(&json!("secret"));
        let shown = format!("{request:?}");
        assert!(!shown.contains("secret"), "{shown}");
        assert!(shown.contains("https://example.com/path") && shown.contains("text/html"), "{shown}");
        let fault = FetchRequest::get("nowhere?key=secret").fault().unwrap();
        assert!(!fault.contains("secret"), "{fault}");
        let fault = FetchRequest::get("https://a").header("authorization", "sëcret").fault().unwrap();
        assert!(!fault.contains("cret"), "{fault}");
    }
}
