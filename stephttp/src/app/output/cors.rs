//! Which scripts may read an output: CORS, as the Fetch standard has it.

use axum::response::Response;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, SET_COOKIE, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::opts::Origins;
use crate::connect::{SetupError, invalid};

/// A day; browsers remember for less.
const MAX_AGE: HeaderValue = HeaderValue::from_static("86400");
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD");

/// Whom outputs are shown to, besides scripts of the app's own origin.
#[derive(Debug)]
pub(crate) struct Cors {
    /// `None`: all.
    origins: Option<Vec<HeaderValue>>,
    credentials: bool,
}

impl Cors {
    /// `None` when nobody is.
    pub(crate) fn resolve(origins: Origins, credentials: bool) -> Result<Option<Self>, SetupError> {
        let setting = "OutputOpts::allow_credentials";
        let origins = match origins {
            Origins::Own if credentials => {
                return Err(invalid(setting, "has no effect without `OutputOpts::allow_origins`"));
            }
            Origins::Own => return Ok(None),
            Origins::Any if credentials => {
                let problem =
                    "is ruled out by browsers for any origin: name them, by `OutputOpts::allow_origins`";
                return Err(invalid(setting, problem));
            }
            Origins::Any => None,
            Origins::These(origins) => {
                let origins: Result<Vec<_>, _> = origins.iter().map(|origin| parse(origin)).collect();
                Some(origins?)
            }
        };
        Ok(Some(Self { origins, credentials }))
    }

    /// Marks a response, of whatever status, for the script that asked. It has none of these
    /// headers yet: what the run's own response says of this held for the endpoint, and does not
    /// pass.
    pub(crate) fn mark(&self, request: &HeaderMap, response: &mut Response) {
        let headers = response.headers_mut();
        if self.origins.is_some() {
            // Also for others: a cache must not give them what was meant for this one.
            headers.append(VARY, HeaderValue::from_static("origin"));
        }
        let Some(allowed) = self.allowed(request) else { return };
        // The script may see what one of the app's own origin may.
        let names: Vec<_> =
            headers.keys().filter(|name| *name != SET_COOKIE).map(HeaderName::as_str).collect();
        if let Ok(names) = HeaderValue::try_from(names.join(", ")) {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, names);
        }
        self.allow(headers, allowed);
    }

    /// Adds to the answer to `OPTIONS`, if a browser asks by it whether a request may be made.
    pub(crate) fn preflight(&self, request: &HeaderMap, response: &mut Response) {
        let headers = response.headers_mut();
        for name in ["origin", "access-control-request-method", "access-control-request-headers"] {
            headers.append(VARY, HeaderValue::from_static(name));
        }
        let Some(allowed) =
            self.allowed(request).filter(|_| request.contains_key(ACCESS_CONTROL_REQUEST_METHOD))
        else {
            return;
        };
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        // The route reads none of them, so any will do.
        if let Some(wanted) = request.get(ACCESS_CONTROL_REQUEST_HEADERS) {
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
        }
        headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        self.allow(headers, allowed);
    }

    fn allow(&self, headers: &mut HeaderMap, origin: HeaderValue) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if self.credentials {
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
    }

    /// The origin that asks, if it may.
    fn allowed(&self, request: &HeaderMap) -> Option<HeaderValue> {
        let origin = request.get(ORIGIN)?;
        match &self.origins {
            None => Some(HeaderValue::from_static("*")),
            Some(origins) => origins.contains(origin).then(|| origin.clone()),
        }
    }
}

/// As browsers send it: a scheme, a host in lower case, and a port if it is not the usual one.
fn parse(origin: &str) -> Result<HeaderValue, SetupError> {
    let problem = |problem: &str| {
        let hint = "write something like \"https://www.example.com\", or use `OutputOpts::allow_any_origin`";
        invalid("OutputOpts::allow_origins", &format!("{problem}: {hint}"))
    };
    let url = Url::parse(origin).map_err(|error| problem(&format!("is no origin ({error})")))?;
    if url.host_str().is_none_or(str::is_empty) {
        return Err(problem("is no origin"));
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err(problem("is more than an origin"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid("OutputOpts::allow_origins", "must not hold a user name or password"));
    }
    // An app's own scheme (`tauri://localhost`) is opaque to the `url` crate.
    let text = match url.origin() {
        url::Origin::Opaque(_) => origin.trim_end_matches('/').to_owned(),
        tuple @ url::Origin::Tuple(..) => tuple.ascii_serialization(),
    };
    HeaderValue::try_from(text).map_err(|_| problem("is no header's value"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_written_as_browsers_send_them() {
        for (origin, sent) in [
            ("https://www.example.com", "https://www.example.com"),
            ("HTTPS://WWW.Example.com:443/", "https://www.example.com"),
            ("http://localhost:5173", "http://localhost:5173"),
            ("tauri://localhost", "tauri://localhost"),
        ] {
            assert_eq!(parse(origin).unwrap(), sent);
        }
        for origin in
            ["", "*", "null", "www.example.com", "https://a.example/b", "https://a.example?b", "mailto:a@b.c"]
        {
            let error = parse(origin).unwrap_err().to_string();
            assert!(
                error.contains("OutputOpts::allow_origins") && error.contains("write something like"),
                "{error}"
            );
        }
        assert!(!parse("https://a:secret@b.example").unwrap_err().to_string().contains("secret"));
    }

    #[test]
    fn credentials_need_origins() {
        for origins in [Origins::Own, Origins::Any] {
            let error = Cors::resolve(origins, true).unwrap_err().to_string();
            assert!(
                error.contains("OutputOpts::allow_credentials") && error.contains("allow_origins"),
                "{error}"
            );
        }
        assert!(Cors::resolve(Origins::Own, false).unwrap().is_none());
    }
}
