//! A source of text, for the client as it comes and for the run as a whole.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use pin_project_lite::pin_project;
use serde_json::value::RawValue;

use super::{Line, Live};
use crate::run::Run;
use crate::streaming::{Pushed, RunStream, piece};
use crate::sync::lock;

impl Live {
    /// Sends a stream of text to the client, piece by piece, and gives the whole text: the step's
    /// output.
    ///
    /// ```
    /// # use inngest::{Live, Step, StepError};
    /// # async fn handler<S>(step: Step, live: Live, tokens: S) -> Result<String, StepError>
    /// # where S: futures_core::Stream<Item = Result<String, std::io::Error>> {
    /// let answer = step.run("answer", live.pipe(tokens)).await?;
    /// # Ok(answer) }
    /// ```
    ///
    /// The client gets each item as JSON text, in pieces of at most 2 KiB. Items that cannot fail
    /// are mapped to `Ok::<_, Infallible>`.
    ///
    /// The source is read to its end, whoever listens: what the run stores does not depend on the
    /// client. While somebody listens, the next item is asked for when there is room for this one,
    /// so a slow client slows the source down.
    ///
    /// # Errors
    /// With the first error of the source. The step fails then, so that what was sent of it is
    /// void.
    ///
    /// # Cancellation
    /// Dropping the future drops the source.
    pub fn pipe<S, T, E>(&self, source: S) -> Pipe<S>
    where
        S: Stream<Item = Result<T, E>>,
        T: AsRef<str>,
    {
        Pipe { source, live: self.clone(), text: String::new(), sent: 0, torn: None }
    }
}

pin_project! {
    /// The future of [`Live::pipe`].
    #[must_use = "a pipe does nothing until it is awaited"]
    pub struct Pipe<S> {
        #[pin]
        source: S,
        live: Live,
        // All that has come.
        text: String,
        // Bytes of it that were sent.
        sent: usize,
        // How often the stream had been torn when the first piece was sent.
        torn: Option<u32>,
    }
}

impl<S, T, E> Future for Pipe<S>
where
    S: Stream<Item = Result<T, E>>,
    T: AsRef<str>,
{
    type Output = Result<String, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match &this.live.line {
                Line::Run(run) => ready!(poll_send(run, this.text, this.sent, this.torn, cx)),
                Line::Detached(_) if *this.sent == this.text.len() => {}
                Line::Detached(pushed) => {
                    lock(pushed).push(json(&this.text[*this.sent..]));
                    *this.sent = this.text.len();
                }
            }
            match ready!(this.source.as_mut().poll_next(cx)) {
                Some(Ok(item)) => this.text.push_str(item.as_ref()),
                Some(Err(error)) => return Poll::Ready(Err(error)),
                None => {
                    if let Line::Run(run) = &this.live.line {
                        run.note_piped(this.text);
                    }
                    return Poll::Ready(Ok(std::mem::take(this.text)));
                }
            }
        }
    }
}

/// Sends what has come and was not sent, if anybody listens.
fn poll_send(
    run: &Arc<Run>,
    text: &str,
    sent: &mut usize,
    torn: &mut Option<u32>,
    cx: &mut Context<'_>,
) -> Poll<()> {
    let Some(stream) = run.stream().filter(|stream| stream.is_read()) else {
        *sent = text.len();
        return Poll::Ready(());
    };
    let step = run.step_here();
    if step.is_none() && !run.tells_news() {
        *sent = text.len();
        return Poll::Ready(());
    }
    while *sent < text.len() {
        begin_anew_if_torn(stream, sent, torn);
        let piece = piece(&text[*sent..]);
        if ready!(stream.poll_push(step, &json(piece), cx)) == Pushed::Unread {
            *sent = text.len();
            break;
        }
        *sent += piece.len();
    }
    Poll::Ready(())
}

/// What was sent may not have arrived, and was rolled back: all of it is sent again.
fn begin_anew_if_torn(stream: &RunStream, sent: &mut usize, torn: &mut Option<u32>) {
    let now = stream.torn();
    if torn.replace(now).is_some_and(|before| before != now) {
        *sent = 0;
    }
}

/// Text can always be written.
fn json(text: &str) -> Box<RawValue> {
    serde_json::value::to_raw_value(text).unwrap_or_default()
}

impl<S> fmt::Debug for Pipe<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipe").field("live", &self.live).field("sent", &self.sent).finish_non_exhaustive()
    }
}
