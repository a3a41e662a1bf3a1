//! The options of the output route.

use std::fmt;
use std::time::Duration;

use crate::connect::{bare, bare_if_set};

/// Where the app gives its runs' outputs, and how: see
/// [`Provider::output_route`](crate::Provider::output_route).
///
/// ```
/// # use std::time::Duration;
/// use inngest::output::OutputOpts;
/// use inngest::{Provider, SetupOpts};
///
/// # fn main() -> Result<(), inngest::SetupError> {
/// let inngest = Provider::setup(
///     SetupOpts::new("https://api.example.com")
///         .signing_key("signkey-prod-12345678")
///         .output(OutputOpts::new().path("/results/{run_id}").max_wait(Duration::from_secs(50))),
/// )?;
/// # Ok(())
/// # }
/// ```
///
/// What makes no sense is an error of [`Provider::setup`](crate::Provider::setup).
#[derive(Clone, Default)]
#[must_use = "options do nothing until they are given to `SetupOpts::output`"]
pub struct OutputOpts {
    pub(crate) path: Option<String>,
    pub(crate) prefix: Option<String>,
    pub(crate) max_wait: Option<Duration>,
    pub(crate) max_redirects: Option<u8>,
    pub(crate) origins: Origins,
    pub(crate) allow_credentials: bool,
    pub(crate) pass_headers: Vec<String>,
}

/// Whose scripts may read outputs.
#[derive(Clone, Default)]
pub(crate) enum Origins {
    /// Those of the app's own origin, as ever.
    #[default]
    Own,
    /// These too.
    These(Vec<String>),
    /// All.
    Any,
}

impl OutputOpts {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// The route's path, as axum takes it; `/runs/{run_id}/output` unless set.
    ///
    /// One whole segment of it is `{run_id}`, and there are no other parameters.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// What stands before the route's path where clients see it; nothing unless set.
    ///
    /// A path, such as `/api`, where the route is in a router that is nested there, or a gateway
    /// takes it away. With an origin, such as `https://results.example.com` or
    /// `https://example.com/api`, clients are redirected there, and it need not be this process
    /// that has the route. Whichever app has it needs the same signing key, or has it as its
    /// fallback key: with a signing key the redirect is [signed](crate::Provider::output_route).
    ///
    /// ```
    /// # use axum::Router;
    /// # use inngest::output::OutputOpts;
    /// # use inngest::{Provider, SetupError, SetupOpts};
    /// # fn app() -> Result<Router, SetupError> {
    /// let opts = SetupOpts::new("https://example.com").signing_key("signkey-prod-12345678");
    /// let inngest = Provider::setup(opts.output(OutputOpts::new().prefix("/api")))?;
    /// let api = Router::new().merge(inngest.output_route());
    /// // https://example.com/api/runs/01J…/output?token=…&signature=…
    /// let app: Router = Router::new().nest("/api", api).layer(inngest.layer());
    /// # Ok(app) }
    /// ```
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    /// How long one request waits for the run to end; 25 seconds unless set, which load balancers
    /// with a limit of 30 let pass. Then the client is redirected to the same place, with the wait
    /// to begin anew. When the run ends just before, reading its output may take four seconds more.
    pub fn max_wait(mut self, wait: Duration) -> Self {
        self.max_wait = Some(wait);
        self
    }

    /// How often a client that waits is redirected to the same place; 8 times unless set, since
    /// many HTTP clients follow ten redirects, and the one that led here counts.
    ///
    /// After that it gets 202, `Retry-After` and `{"run_id": "01J…", "status": "running"}`, and may
    /// ask again. With 0 it gets that at once, as clients want it that poll.
    pub fn max_redirects(mut self, redirects: u8) -> Self {
        self.max_redirects = Some(redirects);
        self
    }

    /// Lets scripts of these origins, such as `https://www.example.com`, read outputs (CORS).
    /// Unless set, no header says so; leave it where a `CorsLayer` around the route does.
    ///
    /// The redirect that leads to the route needs the same of the endpoint's own routes.
    pub fn allow_origins<T: Into<String>>(mut self, origins: impl IntoIterator<Item = T>) -> Self {
        self.origins = Origins::These(origins.into_iter().map(Into::into).collect());
        self
    }

    /// Lets scripts of any origin read outputs, if they have the token.
    pub fn allow_any_origin(mut self) -> Self {
        self.origins = Origins::Any;
        self
    }

    /// Whether scripts of the [allowed origins](Self::allow_origins) may send cookies along, which
    /// the route has no use for: a script that asked the endpoint with `credentials: "include"`
    /// asks for the output so, too.
    pub fn allow_credentials(mut self, allow: bool) -> Self {
        self.allow_credentials = allow;
        self
    }

    /// Passes these headers of a run's response on, besides [those that always
    /// are](crate::Provider::output_route).
    ///
    /// What they say, Inngest can make up, and browsers or proxies may act on it: name what the
    /// app's handlers set, and its clients read.
    ///
    /// ```
    /// # use inngest::output::OutputOpts;
    /// let opts = OutputOpts::new().pass_headers(["signature", "signature-input"]);
    /// ```
    pub fn pass_headers<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.pass_headers.extend(names.into_iter().map(Into::into));
        self
    }
}

/// Of URLs the origin alone: they may hold passwords, before they are checked.
impl fmt::Debug for OutputOpts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutputOpts")
            .field("path", &bare_if_set(&self.path))
            .field("prefix", &bare_if_set(&self.prefix))
            .field("max_wait", &self.max_wait)
            .field("max_redirects", &self.max_redirects)
            .field("origins", &self.origins)
            .field("allow_credentials", &self.allow_credentials)
            .field("pass_headers", &format_args!("{} names", self.pass_headers.len()))
            .finish()
    }
}

impl fmt::Debug for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => f.write_str("Own"),
            Self::These(origins) => {
                f.debug_list().entries(origins.iter().map(|origin| bare(origin))).finish()
            }
            Self::Any => f.write_str("Any"),
        }
    }
}
