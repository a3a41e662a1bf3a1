//! The app's own route for its runs' outputs, as all requests know it.

use std::sync::atomic::{AtomicBool, Ordering};

use super::App;
use super::output::LeftOut;
use crate::connect::Connection;
use crate::function::AsyncResponse;
use crate::signature::SigningKey;
use crate::wire::RunId;

/// What has become of the route.
#[derive(Debug, Default)]
pub(super) struct OutputRoute {
    is_made: AtomicBool,
    /// It has been said that it is not.
    is_missed: AtomicBool,
    left_out: LeftOut,
}

impl App {
    /// The route is made.
    pub(crate) fn makes_output_route(&self) {
        self.output_route.is_made.store(true, Ordering::Relaxed);
    }

    /// Whether a path that a route has matched is the output route's.
    pub(crate) fn is_output_route(&self, matched: &str) -> bool {
        self.output_route.is_made.load(Ordering::Relaxed) && self.settings.output.is_path_of(matched)
    }

    /// Whether the app gives its runs' outputs itself.
    pub(crate) fn has_own_output(&self) -> bool {
        self.settings.output.is_elsewhere() || self.output_route.is_made.load(Ordering::Relaxed)
    }

    /// Where the app gives a run's output itself, if it does.
    pub(crate) fn own_output_url(&self, run_id: RunId, token: &str) -> Option<String> {
        let signature = || self.sign_output(run_id, token);
        self.has_own_output().then(|| self.settings.output.location(run_id, token, signature().as_deref()))
    }

    /// Where the app gives a run's stream itself, if it does.
    pub(crate) fn own_stream_url(&self, run_id: RunId, token: &str) -> Option<String> {
        let gives = self.has_own_output() && self.settings.stream_relays > 0;
        let signature = || self.sign_output(run_id, token);
        gives.then(|| self.settings.output.stream_location(run_id, token, signature().as_deref()))
    }

    fn sign_output(&self, run_id: RunId, token: &str) -> Option<String> {
        let key = self.settings.connection.signing_key.as_ref();
        key.map(|key| key.output_signature(run_id, token))
    }

    /// Whether the app has made the output route's URL for this run and token. Without a key
    /// nothing tells.
    pub(crate) fn admits_output(&self, run_id: RunId, token: &str, signature: Option<&str>) -> bool {
        let Connection { signing_key, signing_key_fallback, .. } = &self.settings.connection;
        let mut keys = signing_key.iter().chain(signing_key_fallback).peekable();
        let is_signed = |key: &SigningKey| {
            signature.is_some_and(|signature| key.verifies_output(signature, run_id, token))
        };
        keys.peek().is_none() || keys.any(is_signed)
    }

    /// What has been said of headers that the route leaves out.
    pub(crate) fn left_out(&self) -> &LeftOut {
        &self.output_route.left_out
    }

    /// What a client gets whose run is handed over, where its function says nothing of it.
    pub(crate) fn async_response(&self) -> AsyncResponse {
        let otherwise = if self.has_own_output() { AsyncResponse::Proxy } else { AsyncResponse::Redirect };
        self.settings.async_response.unwrap_or(otherwise)
    }

    /// A client is to be sent to the output route, which nobody has made.
    pub(crate) fn complain_of_no_output_route(&self) {
        if !self.output_route.is_missed.swap(true, Ordering::Relaxed) {
            tracing::error!(
                "`AsyncResponse::Proxy` sends clients to this app's output route, which it does not have: they are sent \
                 to Inngest instead. Add `.merge(provider.output_route())` to the router, or, if another app has the \
                 route, name its origin with `OutputOpts::prefix`"
            );
        }
    }
}
