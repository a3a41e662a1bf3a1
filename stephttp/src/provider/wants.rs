//! What some function of this program needs of every request, because the request's function is known only later.

use crate::function::{AsyncResponse, Registration, Track};

/// Asked of the registered functions once, so that a program without any such function pays nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Wants {
    /// The request's parts as the handler gets them: for [`AsyncResponse::Custom`].
    pub(crate) parts: bool,
    /// The request's head and body before any `Step` is extracted: for [`Track::Always`].
    pub(crate) head: bool,
}

impl Wants {
    pub(super) fn of(functions: impl Iterator<Item = &'static Registration>) -> Self {
        functions.fold(Self::default(), |wants, function| {
            let opts = function.opts();
            Self {
                parts: wants.parts || matches!(opts.async_response(), Some(AsyncResponse::Custom(_))),
                head: wants.head || opts.track() == Track::Always,
            }
        })
    }
}
