//! The event that starts a run.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// The event's name. With any other, the server restores neither body nor query nor content type on a re-entry.
pub const HTTP_REQUEST: &str = "inngest/http.request";

/// The event that stands for the first request.
///
/// ```json
/// {"name": "inngest/http.request", "data": {"domain": "https://api.example.com", "method": "POST", …}}
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpRequestEvent<'a> {
    /// [`HTTP_REQUEST`].
    pub name: Cow<'a, str>,
    /// The request.
    pub data: NewApiRunData<'a>,
}

/// The first request, as Inngest repeats it on every re-entry: method, path, query, content type and body, and
/// nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewApiRunData<'a> {
    /// The app's origin, such as `https://api.example.com`. Re-entries go here; it is the app's identity as well.
    pub domain: Cow<'a, str>,
    /// The method.
    pub method: Cow<'a, str>,
    /// The path, without the query.
    pub path: Cow<'a, str>,
    /// The function's id. Empty stands for `"<METHOD> <path>"`.
    #[serde(rename = "fn")]
    pub function: Cow<'a, str>,
    /// The client's address, for viewing; empty when unknown.
    pub ip: Cow<'a, str>,
    /// The request's content type; empty when it had none.
    pub content_type: Cow<'a, str>,
    /// The query as it was sent, without the `?`.
    pub query_params: Cow<'a, str>,
    /// The body as standard, padded base64. Anything else is refused with 400.
    pub body: Cow<'a, str>,
}
