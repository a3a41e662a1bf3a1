//! Setting up a client that is used alone.

use std::fmt;
use std::time::Duration;

use http::HeaderValue;

use super::{ApiClient, Configuration};
use crate::connect::{Connection, Dev, Given, SetupError, Source, invalid};

/// How to set up an [`ApiClient`].
///
/// What is not set here is taken from the environment, as by [`SetupOpts`](crate::SetupOpts), which
/// lists the variables: `INNGEST_DEV`, `INNGEST_SIGNING_KEY`, `INNGEST_SIGNING_KEY_FALLBACK`,
/// `INNGEST_API_BASE_URL`, `INNGEST_BASE_URL` and `INNGEST_ENV`.
///
/// ```
/// use std::time::Duration;
/// use inngest::client::ApiClient;
///
/// let inngest = ApiClient::builder()
///     .dev_server("http://127.0.0.1:8288")
///     .attempt_timeout(Duration::from_secs(2))
///     .retries(2)
///     .build()?;
/// # Ok::<(), inngest::SetupError>(())
/// ```
#[derive(Default)]
#[must_use = "a builder does nothing until `build`"]
pub struct ApiClientBuilder {
    given: Given,
    configuration: Configuration,
    user_agent: Option<String>,
}

impl ApiClientBuilder {
    /// Where the API is. Unless set: at Inngest Cloud, or at the dev server.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.given.base_url = Some(url.into());
        self
    }

    /// The signing key, as Inngest shows it. Neither logs nor `Debug` show it.
    pub fn signing_key(mut self, key: impl Into<String>) -> Self {
        self.given.signing_key = Some(key.into());
        self
    }

    /// A second key, for calls that the first one is refused for.
    pub fn signing_key_fallback(mut self, key: impl Into<String>) -> Self {
        self.given.signing_key_fallback = Some(key.into());
        self
    }

    /// The branch environment.
    pub fn env(mut self, name: impl Into<String>) -> Self {
        self.given.env = Some(name.into());
        self
    }

    /// Dev mode, in which no key is needed, with a dev server at a URL.
    pub fn dev_server(mut self, url: impl Into<String>) -> Self {
        self.given.dev = Some(Dev::Server(url.into()));
        self
    }

    /// Dev mode on or off, whatever `INNGEST_DEV` says. The dev server is at
    /// `http://127.0.0.1:8288`.
    pub fn dev(mut self, dev: bool) -> Self {
        self.given.dev = Some(Dev::Flag(dev));
        self
    }

    /// The HTTP client that calls are made with, such as one for a proxy; see
    /// [`SetupOpts::http_client`](crate::SetupOpts::http_client).
    pub fn http_client(mut self, client: reqwest::Client) -> Self {
        self.given.http_client = Some(client);
        self
    }

    /// How long connecting may take; 5 seconds unless set. A client [of your
    /// own](Self::http_client) knows that itself.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.configuration.connect_timeout = timeout;
        self
    }

    /// How long one attempt may take, connecting included; 10 seconds unless set.
    pub fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.configuration.limits.attempt = timeout;
        self
    }

    /// How long a call may take, with all its attempts and the waits between them; 30 seconds
    /// unless set.
    pub fn total_timeout(mut self, timeout: Duration) -> Self {
        self.configuration.limits.total = Some(timeout);
        self
    }

    /// How often a call is tried again after its first attempt; 4 times unless set. See
    /// [`ApiClient`] for when.
    pub fn retries(mut self, retries: usize) -> Self {
        self.configuration.limits.retries = retries;
        self
    }

    /// The `User-Agent` header; none is sent unless set. Every call names this SDK in
    /// `X-Inngest-Sdk`.
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.user_agent = Some(user_agent.into());
        self
    }

    /// Sets the client up. Nothing is sent.
    ///
    /// # Errors
    /// When an option or a variable makes no sense (the error names it), and when there is neither
    /// a signing key nor dev mode. Where the API is at an `https` URL, also when no feature of this
    /// crate gives TLS, or it cannot be set up.
    pub fn build(self) -> Result<ApiClient, SetupError> {
        self.build_with(|name| std::env::var(name).ok())
    }

    fn build_with(self, variable: impl Fn(&str) -> Option<String>) -> Result<ApiClient, SetupError> {
        let connection = Connection::resolve(self.given, Source::ApiClient, variable)?;
        let user_agent = self.user_agent.map(|value| {
            HeaderValue::try_from(value).map_err(|_| {
                invalid("ApiClientBuilder::user_agent", "is no header's value: write plain ASCII in one line")
            })
        });
        ApiClient::connect(
            &connection,
            Configuration { user_agent: user_agent.transpose()?, ..self.configuration },
        )
    }
}

impl fmt::Debug for ApiClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiClientBuilder")
            .field("given", &self.given)
            .field("connect_timeout", &self.configuration.connect_timeout)
            .field("limits", &self.configuration.limits)
            .field("user_agent", &self.user_agent.as_ref().map(|_| ".."))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "signkey-test-0123456789abcdef";

    fn build(builder: ApiClientBuilder, variables: &[(&str, &str)]) -> Result<ApiClient, String> {
        let variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        builder.build_with(variable).map_err(|error| error.to_string())
    }

    fn base(client: &ApiClient) -> &str {
        client.inner.base.as_str()
    }

    #[test]
    fn the_environment_says_what_the_options_leave_open() {
        let builder = ApiClient::builder;
        let cloud = build(builder(), &[("INNGEST_SIGNING_KEY", KEY)]).unwrap();
        assert_eq!(base(&cloud), "https://api.inngest.com/");
        let dev = build(builder(), &[("INNGEST_DEV", "1")]).unwrap();
        assert_eq!(base(&dev), "http://127.0.0.1:8288/");
        let hosted = [("INNGEST_API_BASE_URL", "https://a.example/i"), ("INNGEST_SIGNING_KEY", KEY)];
        assert_eq!(base(&build(builder(), &hosted).unwrap()), "https://a.example/i");
        let given = build(builder().base_url("https://b.example").env("branch"), &hosted).unwrap();
        assert_eq!(base(&given), "https://b.example/");
        assert_eq!(given.inner.headers["x-inngest-env"], "branch");
    }

    #[test]
    fn what_makes_no_sense_is_named_and_keys_are_not_shown() {
        let builder = || ApiClient::builder().dev(false).signing_key(KEY);
        assert!(build(ApiClient::builder(), &[]).unwrap_err().contains("INNGEST_SIGNING_KEY"));
        for (builder, setting) in [
            (builder().base_url("api.example.com"), "ApiClientBuilder::base_url"),
            (builder().base_url("https://user:secret@api.example.com"), "ApiClientBuilder::base_url"),
            (builder().dev_server("localhost"), "ApiClientBuilder::dev_server"),
            (builder().env("two\nlines"), "ApiClientBuilder::env"),
            (builder().user_agent("two\nlines"), "ApiClientBuilder::user_agent"),
            (builder().signing_key("no secret key"), "ApiClientBuilder::signing_key"),
            (builder().signing_key_fallback("no secret key"), "ApiClientBuilder::signing_key_fallback"),
        ] {
            let error = build(builder, &[]).unwrap_err();
            assert!(error.contains(setting) && !error.contains("secret"), "{setting}: {error}");
        }
    }

    #[test]
    fn keys_are_not_shown() {
        let builder = ApiClient::builder().dev(false).signing_key(KEY).signing_key_fallback("abcdef98");
        let shown = format!("{builder:?}");
        let client = build(builder, &[]).unwrap();
        let shown = format!("{shown} {client:?} {:?}", client.inner.keys);
        let hash = crate::signature::SigningKey::parse(KEY).unwrap().bearer();
        for secret in ["0123456789abcdef", "abcdef98", hash.as_str()] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
