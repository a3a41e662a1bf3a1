//! What a client of the app needs to listen to topics.

use std::fmt;

/// Allows a client of the app to listen to topics:
/// [`Realtime::token`](crate::Realtime::token) gives it.
///
/// It is a secret of those who may listen: `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct SubscriptionToken {
    token: String,
    url: String,
}

impl SubscriptionToken {
    pub(super) fn new(token: String, url: String) -> Self {
        Self { token, url }
    }

    /// The token, a JWT: the `key` of Inngest's JS package.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.token
    }

    /// Where to listen, with the token in it: for an `EventSource`, say. It is below the base URL
    /// by which this app calls Inngest, so clients must reach that.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl fmt::Debug for SubscriptionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SubscriptionToken(..)")
    }
}
