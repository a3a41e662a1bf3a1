//! What some function of this program needs of every request, because the request's function is
//! known only later.

use super::Settings;
use crate::function::{AsyncResponse, Registration, Track};

/// Asked of the registered functions once, so that a program without any such function pays
/// nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Wants {
    /// The request's parts as the handler gets them: for [`AsyncResponse::Custom`].
    pub(crate) parts: bool,
    /// The request's head and body before any `Step` is extracted: for [`Track::Always`], and where
    /// all are recorded.
    pub(crate) head: bool,
    /// That nothing is told of a request that was rejected before its handler has begun: it may be
    /// a function's that omits its bodies.
    pub(crate) discretion: bool,
}

impl Wants {
    pub(crate) fn of(settings: &Settings, functions: impl Iterator<Item = &'static Registration>) -> Self {
        let is_custom = |response| matches!(response, Some(AsyncResponse::Custom(_)));
        let every = Self {
            parts: is_custom(settings.async_response),
            head: settings.track_all_endpoints,
            discretion: false,
        };
        functions.fold(every, |wants, function| {
            let opts = function.opts();
            Self {
                parts: wants.parts || is_custom(opts.get_async_response()),
                head: wants.head || opts.get_track() == Track::Always,
                discretion: wants.discretion || opts.omits_request_body() || opts.omits_response_body(),
            }
        })
    }
}
