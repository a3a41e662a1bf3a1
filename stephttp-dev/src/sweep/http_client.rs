//! What all that is called over HTTP is called by.

use std::io;
use std::sync::OnceLock;

use reqwest::redirect::Policy;

use crate::text::explain;

/// Made once: reading the platform's root certificates takes long.
static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();

/// A client that follows no redirect and keeps no connection: one may belong to a process that has
/// died.
pub(super) fn client() -> io::Result<reqwest::Client> {
    if let Some(client) = CLIENT.get() {
        return Ok(client.clone());
    }
    let builder = reqwest::Client::builder().redirect(Policy::none()).no_proxy().pool_max_idle_per_host(0);
    let made = builder.build().map_err(|error| io::Error::other(explain(&error)))?;
    Ok(CLIENT.get_or_init(|| made).clone())
}
