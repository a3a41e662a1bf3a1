//! How Inngest is reached.

mod http_client;

pub(crate) use http_client::{http_client, is_loopback};
