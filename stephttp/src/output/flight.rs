//! Requests at the route, as [`Provider::in_flight`](crate::Provider::in_flight) counts them.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http::Extensions;
use http_body::{Body as HttpBody, Frame, SizeHint};

use crate::app::App;
use crate::run::CurrentRun;

/// A request that is under way, until this is dropped.
pub(super) struct Flight(Arc<App>);

impl Flight {
    /// A request begins. Where a layer is around the route, it has counted it already, and would
    /// only until there is a response.
    pub(super) fn begin(app: &Arc<App>, request: &Extensions) -> Self {
        app.deliveries().request_began();
        if let Some(CurrentRun(run)) = request.get()
            && run.app().is_some_and(|its| Arc::ptr_eq(its, app))
            && run.dispatch().is_none()
        {
            run.request_over();
        }
        Self(app.clone())
    }

    /// A body with which the request ends: when the client has had it, or is gone.
    pub(super) fn with(self, body: Body) -> Body {
        Body::new(InFlight { body, _flight: self })
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.0.deliveries().request_over();
    }
}

struct InFlight {
    body: Body,
    _flight: Flight,
}

impl HttpBody for InFlight {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
