//! How Inngest is reached.

mod http_client;

pub(crate) use http_client::{HttpClients, is_loopback};
