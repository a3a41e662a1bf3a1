//! Who may see the page, and who may steer the engine by it.
//!
//! Any site that a developer visits can send requests to a port of the developer's machine. So:
//!
//! - The name in `Host` has to be this machine's, or an address. A name of somebody else's that
//!   has come to mean this machine (DNS rebinding) is refused.
//! - What another site asks for is refused, also where that site could not read the answer.
//! - What changes something has to be JSON by its content type: other sites cannot send that
//!   without asking before, which is refused.
//! - Where the API is protected by a signing key, only this machine may see the page, which needs
//!   no key.

use std::net::{IpAddr, SocketAddr};

use http::header::{CONTENT_TYPE, HOST, HeaderName, ORIGIN};
use http::uri::Authority;
use http::{Method, Request};

/// Lets a request pass; the error says why not.
pub(super) fn admit<B>(
    request: &Request<B>,
    listens: SocketAddr,
    peer: SocketAddr,
    keyed: bool,
) -> Result<(), String> {
    let text = |name: HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    if keyed && !peer.ip().to_canonical().is_loopback() {
        return Err("the engine has a signing key, so its page is for this machine alone".to_owned());
    }
    let host = text(HOST).or(request.uri().authority().map(Authority::as_str));
    let Some(host) = host.and_then(|host| host.parse::<Authority>().ok()) else {
        return Err("the request names no host".to_owned());
    };
    if !is_ours(host.host(), listens.ip()) {
        return Err(format!(
            "the host `{}` is not where the engine listens: open its page by `localhost` or by an address",
            host.host()
        ));
    }
    // Following a link from elsewhere to the page itself changes nothing.
    let opens = request.uri().path() == "/";
    let site = text(HeaderName::from_static("sec-fetch-site")).unwrap_or("none");
    if !opens && !matches!(site, "same-origin" | "none") {
        return Err(format!("the request comes from another site (`sec-fetch-site: {site}`)"));
    }
    if let Some(origin) = text(ORIGIN).filter(|_| !opens) {
        let authority = origin.split_once("://").map(|(_, authority)| authority);
        if !authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host.as_str())) {
            return Err(format!("the request comes from another origin, `{origin}`"));
        }
    }
    let looks = matches!(*request.method(), Method::GET | Method::HEAD);
    let media = text(CONTENT_TYPE).and_then(|value| value.split(';').next()).unwrap_or_default();
    if !looks && !media.trim().eq_ignore_ascii_case("application/json") {
        return Err("what changes something has the content type `application/json`".to_owned());
    }
    Ok(())
}

/// Whether a host is a name of this machine, or an address by which it can have been reached.
fn is_ours(host: &str, listens: IpAddr) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        // Nobody can make an address mean something else.
        Ok(address) => address.is_loopback() || address == listens || listens.is_unspecified(),
        Err(_) => bare.eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(method: &str, listens: &str, headers: &[(&str, &str)]) -> Result<(), String> {
        let mut request = Request::builder().method(method).uri("/stephttp/events");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (listens, peer) = (format!("{listens}:8288"), "127.0.0.1:50000");
        admit(&request.body(()).unwrap(), listens.parse().unwrap(), peer.parse().unwrap(), false)
    }

    const JSON: (&str, &str) = ("content-type", "application/json; charset=utf-8");

    #[test]
    fn this_machine_and_addresses_are_hosts_and_other_names_are_none() {
        for host in ["localhost:8288", "LOCALHOST", "127.0.0.1:8288", "127.0.0.2", "[::1]:8288"] {
            assert_eq!(admitted("GET", "127.0.0.1", &[("host", host)]), Ok(()), "{host}");
        }
        for host in
            ["evil.example", "localhost.evil.example:8288", "192.168.1.2:8288", "127.0.0.1.evil.example", ""]
        {
            assert!(admitted("GET", "127.0.0.1", &[("host", host)]).is_err(), "{host}");
        }
        assert!(admitted("GET", "127.0.0.1", &[]).is_err());
        assert_eq!(admitted("GET", "192.168.1.2", &[("host", "192.168.1.2:8288")]), Ok(()));
        assert_eq!(admitted("GET", "0.0.0.0", &[("host", "192.168.1.2:8288")]), Ok(()));
        assert!(admitted("GET", "0.0.0.0", &[("host", "evil.example")]).is_err());
    }

    #[test]
    fn only_the_page_changes_something() {
        let host = ("host", "localhost:8288");
        let own = ("origin", "http://localhost:8288");
        assert_eq!(
            admitted("POST", "127.0.0.1", &[host, JSON, own, ("sec-fetch-site", "same-origin")]),
            Ok(())
        );
        // A program, such as curl.
        assert_eq!(admitted("POST", "127.0.0.1", &[host, JSON]), Ok(()));
        for wrong in [
            ("origin", "http://evil.example"),
            ("origin", "http://localhost:3000"),
            ("origin", "null"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            assert!(admitted("POST", "127.0.0.1", &[host, JSON, wrong]).is_err(), "{wrong:?}");
            assert!(admitted("GET", "127.0.0.1", &[host, wrong]).is_err(), "{wrong:?}");
        }
        assert!(admitted("POST", "127.0.0.1", &[host, own]).unwrap_err().contains("application/json"));
        assert!(admitted("POST", "127.0.0.1", &[host, ("content-type", "text/plain")]).is_err());
        assert!(admitted("OPTIONS", "127.0.0.1", &[host, own]).is_err());
    }

    #[test]
    fn with_a_key_other_machines_see_nothing() {
        let request = Request::builder().uri("/").header("host", "192.168.1.2:8288").body(()).unwrap();
        let (listens, peer) = ("0.0.0.0:8288".parse().unwrap(), "192.168.1.3:50000".parse().unwrap());
        assert_eq!(admit(&request, listens, peer, false), Ok(()));
        assert!(admit(&request, listens, peer, true).unwrap_err().contains("signing key"));
        assert_eq!(admit(&request, listens, "[::ffff:127.0.0.1]:1".parse().unwrap(), true), Ok(()));
    }
}
