//! The HTTP client that calls are made with: the user's own, or one that is made here.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder};
use url::{Host, Url};

use crate::provider::{SetupError, bare};

/// Connections kept open to a host when nothing is sent.
const IDLE_CONNECTIONS: usize = 64;

const HAS_TLS: bool = cfg!(any(feature = "native-tls", feature = "rustls", feature = "rustls-no-provider"));

/// The client for calls to a URL's host.
///
/// # Errors
/// When TLS is needed, and there is none or it cannot be set up.
pub(crate) fn http_client(
    given: Option<&Client>,
    url: &Url,
    connect_timeout: Duration,
) -> Result<Client, SetupError> {
    if let Some(client) = given {
        return Ok(client.clone());
    }
    let needs_tls = url.scheme() == "https";
    if needs_tls && !HAS_TLS {
        return Err(SetupError::MissingTls { url: bare(url.as_str()) });
    }
    check_provider()?;
    let builder = || {
        let builder = with_backend(Client::builder())
            // Another host must not get the key, nor a GET what was a POST.
            .redirect(Policy::none())
            .connect_timeout(connect_timeout)
            .pool_max_idle_per_host(IDLE_CONNECTIONS);
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
}
