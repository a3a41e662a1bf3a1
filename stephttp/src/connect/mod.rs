//! Which Inngest is talked to, and as whom: options and environment variables, checked.

mod connection;
pub(crate) mod env;
mod error;
mod http_client;
pub(crate) mod local_host;
mod unshown;
mod url;

pub(crate) use connection::{Connection, Dev, Given, Source, set};
pub use error::SetupError;
pub(crate) use http_client::{HttpClients, is_loopback};
pub(crate) use unshown::{bare, bare_if_set};
pub(crate) use url::{CLOUD, invalid, parse_origin, parse_url};
