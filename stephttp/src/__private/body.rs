//! A handler's body, whose end its run is told of.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::run::Run;

/// The run whose function has begun, if it is to be told of its end.
pub struct Entered(pub(super) Option<Arc<Run>>);

/// Runs a handler's body. A response that comes though the body has not ended is a layer's.
pub fn body<F: Future>(entered: Entered, future: F) -> Body<F> {
    Body { future, run: entered.0 }
}

pin_project! {
    pub struct Body<F> {
        #[pin]
        future: F,
        run: Option<Arc<Run>>,
    }

    impl<F> PinnedDrop for Body<F> {
        fn drop(this: Pin<&mut Self>) {
            // Before its steps are dropped.
            if let Some(run) = this.project().run.take() {
                run.body_dropped();
            }
        }
    }
}

impl<F: Future> Future for Body<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let output = ready!(this.future.poll(cx));
        if let Some(run) = this.run.take() {
            run.body_ended();
        }
        Poll::Ready(output)
    }
}

impl fmt::Debug for Entered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entered").finish_non_exhaustive()
    }
}

impl<F> fmt::Debug for Body<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").finish_non_exhaustive()
    }
}
