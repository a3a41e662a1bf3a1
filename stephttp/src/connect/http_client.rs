//! The HTTP client that calls are made with: the user's own, or one that is made here.

use std::time::Duration;

use http::header::{ACCEPT, HOST};
use http::{HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::retry::never;
use reqwest::{Client, ClientBuilder};
use url::{Host, Position, Url};

use super::{SetupError, bare};

/// Connections kept open to a host when nothing is sent.
const IDLE_CONNECTIONS: usize = 64;

const HAS_TLS: bool = cfg!(any(feature = "native-tls", feature = "rustls", feature = "rustls-no-provider"));

/// How long an HTTP/2 connection may say nothing while an answer is waited for, and then how long
/// not even answer that. All calls are on that connection: one that is dead would fail them until
/// the operating system notices.
const HTTP2_SILENCE: Duration = Duration::from_secs(5);
const HTTP2_PATIENCE: Duration = Duration::from_secs(3);

/// Makes the clients for Inngest's addresses.
pub(crate) struct HttpClients<'a> {
    given: Option<&'a Client>,
    connect_timeout: Duration,
}

impl<'a> HttpClients<'a> {
    /// `given` is the user's own.
    pub(crate) fn new(given: Option<&'a Client>, connect_timeout: Duration) -> Self {
        Self { given, connect_timeout }
    }

    /// The client for calls to a URL's host.
    ///
    /// # Errors
    /// When TLS is needed, and there is none or it cannot be set up.
    pub(crate) fn of(&self, url: &Url) -> Result<Client, SetupError> {
        self.make(url, |builder| {
            builder.http2_keep_alive_interval(HTTP2_SILENCE).http2_keep_alive_timeout(HTTP2_PATIENCE)
        })
    }

    /// The same, with HTTP/1.1: a call has a connection of its own while it lasts, and keeps no
    /// other one waiting.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub(crate) fn of_one_call(&self, url: &Url) -> Result<Client, SetupError> {
        self.make(url, ClientBuilder::http1_only)
    }

    /// What the client that is made here would add to each call to a URL's host by itself, and
    /// makes anew for each. Nothing for the user's own, which may add something else.
    pub(crate) fn headers(&self, url: &Url) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if self.given.is_some() {
            return headers;
        }
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        // HTTP/2, which needs TLS here, has no such header.
        if url.scheme() == "http"
            && let Ok(host) = HeaderValue::try_from(&url[Position::BeforeHost..Position::AfterPort])
        {
            headers.insert(HOST, host);
        }
        headers
    }

    fn make(
        &self,
        url: &Url,
        version: impl Fn(ClientBuilder) -> ClientBuilder,
    ) -> Result<Client, SetupError> {
        if let Some(client) = self.given {
            return Ok(client.clone());
        }
        let needs_tls = url.scheme() == "https";
        if needs_tls && !HAS_TLS {
            return Err(SetupError::MissingTls { url: bare(url.as_str()) });
        }
        check_provider()?;
        let builder = || {
            let builder = version(with_backend(Client::builder()))
                // Another host must not get the key, nor a GET what was a POST.
                .redirect(Policy::none())
                .connect_timeout(self.connect_timeout)
                .pool_max_idle_per_host(IDLE_CONNECTIONS);
            // What it tries again are streams of HTTP/2, which needs TLS here. Without, it keeps a
            // copy of each request in vain.
            let builder = if needs_tls { builder } else { builder.retry(never().max_retries_per_request(0)) };
            // Behind a proxy, this address is the proxy's own machine.
            if is_loopback(url) { builder.no_proxy() } else { builder }
        };
        let client = match (needs_tls, is_loopback(url)) {
            (true, _) => builder().build(),
            (false, true) => without_roots(builder()).build(),
            // Roots are for a proxy that speaks TLS. A machine that has none still speaks HTTP.
            (false, false) => builder().build().or_else(|_| without_roots(builder()).build()),
        };
        client.map_err(|error| SetupError::Tls(error.into()))
    }
}

/// Whether a URL's host is this machine, by a name that is this machine's everywhere.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback() || address.is_unspecified(),
        Some(Host::Ipv6(address)) => address.is_loopback() || address.is_unspecified(),
        None => false,
    }
}

/// The TLS of this crate's features: others may have `reqwest` bring more.
fn with_backend(builder: ClientBuilder) -> ClientBuilder {
    #[cfg(feature = "native-tls")]
    let builder = builder.tls_backend_native();
    #[cfg(all(any(feature = "rustls", feature = "rustls-no-provider"), not(feature = "native-tls")))]
    let builder = builder.tls_backend_rustls();
    builder
}

/// Reading the platform's roots takes longer than all else of setting up.
fn without_roots(builder: ClientBuilder) -> ClientBuilder {
    #[cfg(any(feature = "native-tls", feature = "rustls", feature = "rustls-no-provider"))]
    let builder = builder.tls_certs_only([]);
    builder
}

/// Without this, `reqwest` panics where there is none.
fn check_provider() -> Result<(), SetupError> {
    #[cfg(all(feature = "rustls-no-provider", not(feature = "rustls"), not(feature = "native-tls")))]
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        return Err(SetupError::MissingCryptoProvider);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_this_machine_wherever_the_name_is_read() {
        let is = |url: &str| is_loopback(&url.parse().unwrap());
        for url in [
            "http://127.0.0.1:8288",
            "https://localhost",
            "http://inngest.localhost:8288/below",
            "http://127.9.9.9",
            "http://[::1]:8288",
            "http://0.0.0.0:8288",
        ] {
            assert!(is(url), "{url}");
        }
        for url in [
            "https://api.inngest.com",
            "http://localhost.example",
            "http://127.0.0.1.example",
            "http://notlocalhost",
            "http://10.0.0.1",
            "http://[fd00::1]",
            "http://host.docker.internal:8288",
        ] {
            assert!(!is(url), "{url}");
        }
    }

    #[test]
    fn headers_are_those_that_the_client_would_make() {
        let of = |given, url: &str| HttpClients::new(given, Duration::ZERO).headers(&url.parse().unwrap());
        for (url, host) in [
            ("http://127.0.0.1:8288/below", Some("127.0.0.1:8288")),
            ("http://user:secret@Dev.example:80", Some("dev.example")),
            ("http://[::1]:3000", Some("[::1]:3000")),
            ("https://api.inngest.com", None),
        ] {
            let headers = of(None, url);
            assert_eq!(headers.get(HOST).map(|host| host.to_str().unwrap()), host, "{url}");
            assert_eq!(headers[ACCEPT], "*/*");
        }
        assert!(of(Some(&Client::new()), "http://127.0.0.1:8288").is_empty());
    }
}
