//! What is under way, and how a process ends without losing it.

use std::time::Duration;

use super::Provider;
use crate::delivery::Undelivered;

impl Provider {
    /// How much is under way: requests whose handlers have not answered, Inngest's calls back among
    /// them; recorded responses that clients have not had all of; runs that go on without their
    /// clients; and runs whose end is still to be delivered to Inngest.
    ///
    /// Requests count on routes without steps, too. Responses that are not recorded, such as a
    /// WebSocket on a plain route, count until their handler has answered; but for those of the
    /// [output route](Self::output_route), whose requests count from their beginning until their
    /// clients have had all of the output, or are gone.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.app.deliveries().in_flight()
    }

    /// How many bytes wait to be delivered to Inngest: see
    /// [`SetupOpts::backlog_bytes`](super::SetupOpts::backlog_bytes), at which steps begin to wait.
    #[must_use]
    pub fn backlog_bytes(&self) -> usize {
        self.app.backlog().bytes()
    }

    /// Says that this process is to end, so that a deploy does not cut off what is under way. From
    /// now on
    ///
    /// - a request in progress finishes, or hands its run over to Inngest before it begins another
    ///   step; so does one that comes now. Its client gets what
    ///   [`AsyncResponse`](crate::AsyncResponse) says, and the steps that are left run in the
    ///   process that Inngest reaches next. Steps under way end first, and are stored;
    /// - a call back of Inngest's runs one step at most, the one that it is for;
    /// - a client that waits at the [output route](Self::output_route) is told to come back, at
    ///   once;
    /// - [`is_ready`](Self::is_ready) is `false`.
    ///
    /// Not handed over, but carried on here to their end, are the requests of
    ///
    /// - functions with `sync_only`;
    /// - functions without retries, unless their source shows a step that waits, or they have a
    ///   `max_request_time`: nothing else ever hands them over, so that their extractors need not
    ///   accept a call back (see [`Replayable`](crate::extract::Replayable)). Handlers without the
    ///   attribute have retries unless they say otherwise;
    /// - all functions, while Inngest cannot be reached.
    ///
    /// Call it when the signal to end has come, *before* the server stops to take requests, so that
    /// handlers do not hold it up, and [`wait`](Self::wait) when it has stopped:
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # async fn serve(app: axum::Router, listener: tokio::net::TcpListener, inngest: inngest::Provider) -> std::io::Result<()> {
    /// # async fn signal() {}
    /// let draining = inngest.clone();
    /// let ending = async move {
    ///     signal().await;
    ///     draining.drain();
    /// };
    /// axum::serve(listener, app).with_graceful_shutdown(ending).await?;
    /// if let Err(undelivered) = inngest.wait(Duration::from_secs(10)).await {
    ///     eprintln!("{undelivered}");
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// It cannot be taken back.
    pub fn drain(&self) {
        if self.app.begin_to_drain() {
            tracing::info!(
                in_flight = self.in_flight(),
                "draining: runs go on elsewhere from their next step"
            );
        }
    }

    /// Whether new requests should be sent here, for a readiness probe: `false` from
    /// [`drain`](Self::drain) on.
    ///
    /// It is no matter of whether Inngest can be reached, takes the keys, or keeps up with what
    /// waits for it ([`backlog_bytes`](Self::backlog_bytes)): requests are answered then all the
    /// same, and every other process would find the same, so that a probe that fails for it takes
    /// the whole service down with Inngest.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.app.is_draining()
    }

    /// Waits until nothing is [in flight](Self::in_flight): every request answered, every
    /// checkpoint delivered, every run whose client went away ended or handed over. Call it when
    /// the server has stopped taking requests, before the process ends.
    ///
    /// It takes no longer than `timeout`, whatever Inngest does.
    ///
    /// # Errors
    /// What was not delivered: requests and runs still under way when `timeout` was over, and runs
    /// that were lost before, since [`setup`](Self::setup).
    ///
    /// # Cancellation
    /// Waiting has no effect on what is under way; it can be called again.
    #[doc(alias = "Wait")]
    pub async fn wait(&self, timeout: Duration) -> Result<(), Undelivered> {
        self.app.deliveries().wait(timeout).await
    }

    /// [`drain`](Self::drain), and then [`wait`](Self::wait): for servers that stop by themselves,
    /// and tests.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    ///
    /// # Cancellation
    /// As [`wait`](Self::wait); it goes on draining.
    pub async fn shutdown(&self, timeout: Duration) -> Result<(), Undelivered> {
        self.drain();
        self.wait(timeout).await
    }
}
