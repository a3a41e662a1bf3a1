//! Why setting up failed.

use std::error::Error;
use std::fmt;

/// Why [`Provider::setup`](crate::Provider::setup) failed. Each says what to change.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// A setting makes no sense.
    ///
    /// What it says is not shown: it may hold a secret, if only by mistake.
    #[error("{setting} {problem}")]
    Invalid {
        /// The option or environment variable, such as `INNGEST_BASE_URL`.
        setting: &'static str,
        /// What is wrong with it, and what to write instead.
        problem: String,
    },
    /// Neither dev mode nor a signing key.
    #[error(
        "no signing key: set INNGEST_SIGNING_KEY (or SetupOpts::signing_key) to the key that Inngest shows under \
         \"Signing key\", or set INNGEST_DEV=1 to use a dev server on this machine"
    )]
    MissingSigningKey,
    /// No origin, outside of dev mode.
    #[error(
        "no origin: outside of dev mode Inngest must be told where to call this app back: use SetupOpts::new with its \
         public origin, such as \"https://api.example.com\", or set INNGEST_SERVE_ORIGIN"
    )]
    MissingOrigin,
    /// The features of this crate have no TLS, and the API is at an `https` URL.
    #[error(
        "no TLS for {url}: turn on a feature of stephttp that brings it (`rustls`, which is on by default, or \
         `native-tls`), or give SetupOpts::http_client (ApiClientBuilder::http_client) a client that has it"
    )]
    MissingTls {
        /// The URL's origin.
        url: String,
    },
    /// With the feature `rustls-no-provider`: the application has installed no provider.
    #[error(
        "no cryptography for rustls: with the feature `rustls-no-provider` the application must install it before this, \
         such as by `rustls::crypto::ring::default_provider().install_default()`, or give SetupOpts::http_client \
         (ApiClientBuilder::http_client) a client that has it"
    )]
    MissingCryptoProvider,
    /// TLS could not be set up. The source says why: the platform has no root certificates, say.
    #[error("TLS could not be set up")]
    Tls(#[source] Box<dyn Error + Send + Sync>),
    /// A function streams, and a middleware keeps from Inngest what runs hold.
    #[error(
        "the function {function} streams to its clients by `Live`, which passes through Inngest in clear once a run is handed \
         over, while a middleware seals what runs hold: remove one of the two, give the function `sync_only`, or say by \
         SetupOpts::stream_in_clear that this may be"
    )]
    StreamInClear {
        /// The function and its place.
        function: String,
    },
    /// A function publishes messages, and a middleware keeps from Inngest what runs hold.
    #[error(
        "the function {function} publishes messages, which pass through Inngest in clear, while a middleware seals what runs \
         hold: remove one of the two, or say by SetupOpts::stream_in_clear that this may be"
    )]
    PublishInClear {
        /// The function and its place.
        function: String,
    },
    /// Two functions have one id.
    #[error(
        "two functions have the id {id:?}, and Inngest would mix their runs: {first} and {second}; rename one"
    )]
    DuplicateFunction {
        /// The id.
        id: String,
        /// One function and its place.
        first: String,
        /// The other function and its place.
        second: String,
    },
}

/// As `Display`, with the causes: a `main` that returns the error prints it so.
impl fmt::Debug for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)?;
        let mut cause = self.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
