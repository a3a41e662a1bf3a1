//! The methods by which Inngest calls back.

use http::{HeaderValue, Method};

/// The method that a run is recorded with. Inngest calls back with it, and shares it among all runs
/// of a function: so it is none that a client has thought of, and functions of different methods
/// have different names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum RecordedMethod {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

/// The methods of requests that can be runs, for `Allow`.
pub(crate) const ALLOW: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");

impl RecordedMethod {
    /// `None`: no run begins by this method. An answer to HEAD has no body, so nothing could be
    /// told in it: Inngest calls back by GET.
    pub(crate) fn of(method: &Method) -> Option<Self> {
        match *method {
            Method::GET | Method::HEAD => Some(Self::Get),
            Method::POST => Some(Self::Post),
            Method::PUT => Some(Self::Put),
            Method::PATCH => Some(Self::Patch),
            Method::DELETE => Some(Self::Delete),
            _ => None,
        }
    }

    /// Whether functions that are called by a method have the method in their names: all but POST.
    pub(crate) fn stands_in_names(method: &str) -> bool {
        [Self::Get, Self::Put, Self::Patch, Self::Delete].iter().any(|known| known.as_str() == method)
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}
