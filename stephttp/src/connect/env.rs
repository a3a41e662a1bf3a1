//! The environment variables, by the names that Inngest's SDKs share.

/// A flag (`1`, `true`, `0`, `false`), or the dev server's URL.
pub(crate) const DEV: &str = "INNGEST_DEV";
/// The signing key.
pub(crate) const SIGNING_KEY: &str = "INNGEST_SIGNING_KEY";
/// The key to use while the signing key is being rotated.
pub(crate) const SIGNING_KEY_FALLBACK: &str = "INNGEST_SIGNING_KEY_FALLBACK";
/// Where the API is; wins over [`BASE_URL`].
pub(crate) const API_BASE_URL: &str = "INNGEST_API_BASE_URL";
/// Where Inngest is.
pub(crate) const BASE_URL: &str = "INNGEST_BASE_URL";
/// The app's public origin.
pub(crate) const SERVE_ORIGIN: &str = "INNGEST_SERVE_ORIGIN";
/// Its older name.
pub(crate) const SERVE_HOST: &str = "INNGEST_SERVE_HOST";
/// The branch environment.
pub(crate) const ENV: &str = "INNGEST_ENV";
/// The key to send events with.
pub(crate) const EVENT_KEY: &str = "INNGEST_EVENT_KEY";
/// Where events are sent.
pub(crate) const EVENT_API_BASE_URL: &str = "INNGEST_EVENT_API_BASE_URL";
