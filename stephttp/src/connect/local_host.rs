//! Which hosts a client may name in dev mode.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4};

use url::{Host, Url};

/// Names that nobody can register.
const PRIVATE: [&str; 6] = [".localhost", ".local", ".internal", ".test", ".lan", ".home.arpa"];

/// The origin of a `Host`, if it is this machine's, or one of a private network: a loopback or
/// private address, a name without dots (a container's), or one that nobody can register
/// (`host.docker.internal`, `app.test`).
///
/// `None` for all else: a stranger could have Inngest call a place of their choice, and would be
/// sent what runs hold.
pub(crate) fn origin_of(host: &str) -> Option<String> {
    // As clients on this machine write it: reading a URL takes a tenth of what a run does. Zeros
    // before a port are the one thing that such an address can be written with, and is not.
    if let Ok(address) = host.parse::<SocketAddrV4>()
        && address.ip().is_loopback()
        && address.port() != 80
        && !host.as_bytes().windows(2).any(|pair| pair == b":0")
    {
        return Some(["http://", host].concat());
    }
    let url = Url::parse(&format!("http://{host}")).ok()?;
    let is_bare = url.username().is_empty()
        && url.password().is_none()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none();
    let is_private = match url.host()? {
        Host::Domain(name) => is_private_name(name),
        Host::Ipv4(address) => is_private_v4(address),
        Host::Ipv6(address) => is_private_v6(address),
    };
    (is_bare && is_private).then(|| url.origin().ascii_serialization())
}

fn is_private_name(name: &str) -> bool {
    // With a dot at its end, a name without others would be a top-level domain.
    !name.contains('.') || PRIVATE.iter().any(|end| name.len() > end.len() && name.ends_with(end))
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    // What a server listens on everywhere with, and says so: as an address to call it is this
    // machine.
    address.is_loopback() || address.is_private() || address.is_unspecified()
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    match address.to_ipv4_mapped() {
        Some(address) => is_private_v4(address),
        None => address.is_loopback() || address.is_unique_local() || address.is_unspecified(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_and_private_names_are_taken() {
        for host in [
            "localhost",
            "localhost:3000",
            "app.localhost:3000",
            "127.0.0.1:8080",
            "127.8.8.8",
            "0.0.0.0:3000",
            "[::]:3000",
            "10.1.2.3:3000",
            "172.16.0.1",
            "192.168.178.20:3000",
            "[::1]:3000",
            "[fd12:3456::1]",
            "app:3000",
            "order_service",
            "host.docker.internal:3000",
            "printer.local",
            "shop.test",
            "nas.lan:81",
            "router.home.arpa",
        ] {
            assert_eq!(origin_of(host), Some(format!("http://{host}")), "{host}");
        }
        assert_eq!(origin_of("127.0.0.1:03000").as_deref(), Some("http://127.0.0.1:3000"));
        assert_eq!(origin_of("LocalHost:80").as_deref(), Some("http://localhost"));
        assert_eq!(origin_of("[::ffff:10.0.0.1]").as_deref(), Some("http://[::ffff:a00:1]"));
    }

    #[test]
    fn all_others_are_not() {
        for host in [
            "",
            "evil.example",
            "evil.example:3000",
            "api.example.com",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "localhost@evil.example",
            "evil.example@localhost",
            "a:b@localhost",
            "localhost/path",
            "localhost:3000/path",
            "localhost?x",
            "localhost#x",
            "localhost\\evil.example",
            "localhost, evil.example",
            "localhost evil.example",
            "localhost:notaport",
            "ai.",
            "localhost.",
            ".local",
            "local.",
            "evillocal.example",
            "1.1.1.1",
            "0x01010101",
            "16843009",
            "169.254.169.254",
            "172.32.0.1",
            "100.64.0.1",
            "[fe80::1]",
            "[2001:db8::1]",
            "[::ffff:1.1.1.1]",
            "[::ffff:169.254.169.254]",
            "::1",
        ] {
            assert_eq!(origin_of(host), None, "{host}");
        }
    }
}
