//! The options of the output route, checked.

use std::time::Duration;

use http::HeaderName;
use url::Url;

use super::cors::Cors;
use super::{OutputOpts, SIGNATURE, TOKEN};
use crate::connect::{SetupError, invalid};
use crate::exchange::passed_headers;
use crate::wire::RunId;

const PATH: &str = "/runs/{run_id}/output";
/// The last segment of the stream's path.
const STREAM: &str = "/stream";
const PARAMETER: &str = "{run_id}";
/// Common limits of load balancers are 30 and 60 seconds.
const MAX_WAIT: Duration = Duration::from_secs(25);
/// Go's and Rust's usual clients follow ten, the one that led here included; browsers twenty.
const MAX_REDIRECTS: u8 = 8;

/// What the output route goes by.
#[derive(Debug)]
pub(crate) struct Settings {
    path: String,
    prefix: String,
    pub(crate) max_wait: Duration,
    pub(crate) max_redirects: u8,
    pub(crate) cors: Option<Cors>,
    /// Headers that pass because the app says so.
    pub(crate) pass_headers: Vec<HeaderName>,
}

impl Settings {
    /// # Errors
    /// Names the option that makes no sense.
    pub(crate) fn resolve(opts: OutputOpts) -> Result<Self, SetupError> {
        let path = opts.path.unwrap_or_else(|| PATH.to_owned());
        check_path(&path).map_err(|problem| {
            invalid("OutputOpts::path", &format!("{problem}: write something like {PATH:?}"))
        })?;
        let max_wait = opts.max_wait.unwrap_or(MAX_WAIT);
        if max_wait.is_zero() {
            return Err(invalid(
                "OutputOpts::max_wait",
                "leaves no time to ask Inngest: give it some seconds",
            ));
        }
        Ok(Self {
            path,
            prefix: opts.prefix.as_deref().map(parse_prefix).transpose()?.unwrap_or_default(),
            max_wait,
            max_redirects: opts.max_redirects.unwrap_or(MAX_REDIRECTS),
            cors: Cors::resolve(opts.origins, opts.allow_credentials)?,
            pass_headers: opts
                .pass_headers
                .iter()
                .map(|name| parse_header(name))
                .collect::<Result<_, _>>()?,
        })
    }

    /// The route's path, as axum takes it.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The path of the route for streams: `…/stream` in place of `…/output`, or below any other.
    pub(crate) fn stream_path(&self) -> String {
        let path = self.path.trim_end_matches('/');
        format!("{}{STREAM}", path.strip_suffix("/output").unwrap_or(path))
    }

    /// Whether a matched path is one of the routes'; it may be in a nested router.
    pub(crate) fn is_path_of(&self, matched: &str) -> bool {
        matched.ends_with(&self.path) || matched.ends_with(&self.stream_path())
    }

    /// Whether clients are sent to another origin, whose route is perhaps no business of this
    /// process.
    pub(crate) fn is_elsewhere(&self) -> bool {
        !self.prefix.is_empty() && !self.prefix.starts_with('/')
    }

    /// Where a client is redirected to: relative to the origin that it used, unless another is
    /// given.
    pub(crate) fn location(&self, run_id: RunId, token: &str, signature: Option<&str>) -> String {
        self.location_at(&self.path, run_id, token, signature)
    }

    /// Where a client reads its run's stream, in the same way.
    pub(crate) fn stream_location(&self, run_id: RunId, token: &str, signature: Option<&str>) -> String {
        self.location_at(&self.stream_path(), run_id, token, signature)
    }

    fn location_at(&self, path: &str, run_id: RunId, token: &str, signature: Option<&str>) -> String {
        let path = path.replace(PARAMETER, &run_id.to_string());
        format!("{}{path}?{}", self.prefix, query(token, signature))
    }
}

/// `token=…&signature=…`
pub(crate) fn query(token: &str, signature: Option<&str>) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair(TOKEN, token);
    if let Some(signature) = signature {
        query.append_pair(SIGNATURE, signature);
    }
    query.finish()
}

fn check_path(path: &str) -> Result<(), String> {
    let segments = check_segments(path)?;
    let parameters = segments.iter().filter(|segment| **segment == PARAMETER).count();
    if parameters != 1 {
        return Err(format!("has {parameters} segments that are {PARAMETER}, and needs one"));
    }
    let others = segments.iter().filter(|segment| **segment != PARAMETER);
    check_characters(others.copied())
}

/// A path without a slash at its end, or an origin with one.
fn parse_prefix(prefix: &str) -> Result<String, SetupError> {
    const SETTING: &str = "OutputOpts::prefix";
    let problem = |problem: &str| {
        let hint = "write something like \"/api\" or \"https://api.example.com\"";
        invalid(SETTING, &format!("{problem}: {hint}"))
    };
    let trimmed = prefix.trim_end_matches('/');
    if prefix.starts_with('/') {
        if trimmed.is_empty() {
            return Ok(String::new());
        }
        let checked = check_segments(trimmed).and_then(|segments| check_characters(segments.into_iter()));
        return checked.map(|()| trimmed.to_owned()).map_err(|why| problem(&why));
    }
    let url =
        Url::parse(prefix).map_err(|error| problem(&format!("is neither a path nor a URL ({error})")))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(problem("is neither a path nor an http or https URL"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid(SETTING, "must not hold a user name or password"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(problem("has a query or a fragment"));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// A header that may be passed on by name.
fn parse_header(name: &str) -> Result<HeaderName, SetupError> {
    let problem = |problem: &str| invalid("OutputOpts::pass_headers", problem);
    let parsed = HeaderName::try_from(name).map_err(|_| problem("is no header's name"))?;
    if passed_headers::is_never_passed(&parsed) {
        return Err(problem(
            "is no header that can be passed on: the server that sends the response makes it itself, or the route does",
        ));
    }
    Ok(parsed)
}

/// What stands between slashes. Two of those together would, at the beginning, name a host.
fn check_segments(path: &str) -> Result<Vec<&str>, String> {
    let Some(path) = path.strip_prefix('/') else {
        return Err("does not begin with a slash".to_owned());
    };
    let segments: Vec<_> = path.strip_suffix('/').unwrap_or(path).split('/').collect();
    // Clients take dots for steps in the path, and axum these two signs for parameters of old.
    let bad = |segment: &&str| {
        segment.is_empty() || matches!(*segment, "." | "..") || segment.starts_with([':', '*'])
    };
    if segments.iter().any(bad) {
        let fault = "has a segment that cannot be in a route's path: an empty one, `.`, `..`, or one that begins with `:` or `*`";
        return Err(fault.to_owned());
    }
    Ok(segments)
}

/// RFC 3986, section 3.3.
fn check_characters<'a>(mut segments: impl Iterator<Item = &'a str>) -> Result<(), String> {
    let is_good = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@%".contains(c);
    match segments.find_map(|segment| segment.chars().find(|c| !is_good(*c))) {
        Some(bad) => Err(format!("holds {bad:?}, which cannot be in a path here")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN_ID: &str = "01M817NZCZ3BTTPY1FEX7T2M4B";

    fn resolve(opts: OutputOpts) -> Result<Settings, String> {
        Settings::resolve(opts).map_err(|error| error.to_string())
    }

    fn location(opts: OutputOpts) -> String {
        resolve(opts).unwrap().location(RUN_ID.parse().unwrap(), "a.b+c&d", None)
    }

    #[test]
    fn locations_are_made_of_prefix_and_path() {
        let opts = OutputOpts::new;
        assert_eq!(location(opts()), format!("/runs/{RUN_ID}/output?token=a.b%2Bc%26d"));
        assert_eq!(location(opts().path("/{run_id}/")), format!("/{RUN_ID}/?token=a.b%2Bc%26d"));
        for (prefix, before) in [
            ("/", ""),
            ("/api", "/api"),
            ("/api/v1/", "/api/v1"),
            ("https://b.example", "https://b.example"),
            ("https://b.example:8443/api/", "https://b.example:8443/api"),
        ] {
            let location = location(opts().prefix(prefix));
            assert_eq!(location, format!("{before}/runs/{RUN_ID}/output?token=a.b%2Bc%26d"));
        }
        let signed = resolve(opts()).unwrap().location(RUN_ID.parse().unwrap(), "t", Some("0a1b"));
        assert_eq!(signed, format!("/runs/{RUN_ID}/output?token=t&signature=0a1b"));
        assert!(resolve(opts().prefix("https://b.example")).unwrap().is_elsewhere());
        assert!(!resolve(opts().prefix("/api")).unwrap().is_elsewhere());
        assert!(!resolve(opts()).unwrap().is_elsewhere());
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for path in [
            "",
            "/",
            "runs/{run_id}",
            "/runs",
            "/runs/{id}",
            "/runs/x-{run_id}",
            "//{run_id}",
            "/{run_id}/{run_id}",
            "/{run_id}/{*rest}",
            "/:a/{run_id}",
            "/../{run_id}",
            "/{run_id}?a=b",
            "/a b/{run_id}",
            "/ü/{run_id}",
        ] {
            let error = resolve(OutputOpts::new().path(path)).unwrap_err();
            assert!(error.contains("OutputOpts::path") && error.contains("write something like"), "{error}");
        }
        for prefix in
            ["", "api", "//b.example", "/a//b", "/{tenant}", "/a?b", "ftp://b", "https://b?c", "http://"]
        {
            let error = resolve(OutputOpts::new().prefix(prefix)).unwrap_err();
            assert!(
                error.contains("OutputOpts::prefix") && error.contains("write something like"),
                "{error}"
            );
        }
        let error = resolve(OutputOpts::new().prefix("https://user:secret@b")).unwrap_err();
        assert!(error.contains("OutputOpts::prefix") && !error.contains("secret"), "{error}");
        for name in
            ["", "a b", "Connection", "content-length", "access-control-allow-origin", "Cache-Control"]
        {
            let error = resolve(OutputOpts::new().pass_headers([name])).unwrap_err();
            assert!(
                error.contains("OutputOpts::pass_headers") && error.contains("header"),
                "{name}: {error}"
            );
        }
        let error = resolve(OutputOpts::new().max_wait(Duration::ZERO)).unwrap_err();
        assert!(error.contains("OutputOpts::max_wait"), "{error}");
    }

    #[test]
    fn streams_are_beside_outputs() {
        for (path, stream) in [
            ("/runs/{run_id}/output", "/runs/{run_id}/stream"),
            ("/results/{run_id}", "/results/{run_id}/stream"),
            ("/{run_id}/", "/{run_id}/stream"),
            ("/x/{run_id}/y", "/x/{run_id}/y/stream"),
        ] {
            assert_eq!(resolve(OutputOpts::new().path(path)).unwrap().stream_path(), stream);
        }
        let settings = resolve(OutputOpts::new().prefix("/api")).unwrap();
        let location = settings.stream_location(RUN_ID.parse().unwrap(), "t", Some("0a1b"));
        assert_eq!(location, format!("/api/runs/{RUN_ID}/stream?token=t&signature=0a1b"));
        assert!(settings.is_path_of("/api/runs/{run_id}/stream"));
    }

    #[test]
    fn the_routes_path_is_known_in_nested_routers() {
        let settings = resolve(OutputOpts::new()).unwrap();
        assert!(
            settings.is_path_of("/runs/{run_id}/output") && settings.is_path_of("/api/runs/{run_id}/output")
        );
        assert!(!settings.is_path_of("/runs/{run_id}"));
    }
}
