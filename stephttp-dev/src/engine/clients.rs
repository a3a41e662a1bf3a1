//! The HTTP clients of all engines of a process.

use std::io;
use std::sync::OnceLock;
use std::time::Duration;

use reqwest::Client;
use reqwest::redirect::Policy;

/// Made once: reading the platform's root certificates takes longer than all else of starting an
/// engine. They keep no connections, which would belong to one engine's runtime; the real server
/// closes its own, too, and a kept one could be closed under a request.
static APPS: OnceLock<Client> = OnceLock::new();
static OUTSIDE: OnceLock<Client> = OnceLock::new();

/// Calls apps. Their redirects keep method and body; that is done by hand.
pub(super) fn apps() -> io::Result<Client> {
    made(&APPS, Policy::none)
}

/// Calls third parties.
pub(super) fn outside() -> io::Result<Client> {
    made(&OUTSIDE, Policy::default)
}

fn made(client: &'static OnceLock<Client>, redirects: fn() -> Policy) -> io::Result<Client> {
    if let Some(client) = client.get() {
        return Ok(client.clone());
    }
    let made = Client::builder()
        .redirect(redirects())
        .pool_max_idle_per_host(0)
        .timeout(Duration::from_secs(2 * 3_600))
        .no_proxy()
        .build()
        .map_err(io::Error::other)?;
    Ok(client.get_or_init(|| made).clone())
}
