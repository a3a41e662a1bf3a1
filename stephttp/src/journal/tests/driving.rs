//! Driving a handler, as `layer` does: what has ended is saved, and what comes next is agreed on,
//! while its steps go on.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::play::{Point, give_way};
use super::request::Request;
use crate::journal::{Awaited, Done, Ending, Next, Polled, Recorded};

/// How a handler's time has ended.
pub(super) enum Driven {
    Answered(String),
    Done(Done),
}

type Work = Pin<Box<dyn Future<Output = Result<(), Ending>>>>;

/// How often a handler is let alone that should do something by itself.
const PATIENCE: u8 = 8;

fn poll<T: ?Sized + Future>(mut future: Pin<&mut T>) -> Poll<T::Output> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

impl Request {
    pub(super) async fn drive(
        &self,
        mut handler: Pin<&mut (dyn Future<Output = String> + 'static)>,
    ) -> Result<Driven, Ending> {
        // What is being saved or agreed on: one thing at a time.
        let mut work: Option<Work> = None;
        let mut patience = PATIENCE;
        let driven = loop {
            let next = match self.advance(handler.as_mut()) {
                Ok(driven) => break driven,
                Err(next) => *next,
            };
            match next {
                Next::Agree(proposal) => work = Some(self.after(work, Some(proposal))),
                _ if work.is_none() && self.job.is_some() && self.session.journal.borrow().has_unsent() => {
                    work = Some(self.after(None, None));
                }
                _ if work.is_none() => {
                    self.world.point(Point::Rest).await;
                    let awaited = self.session.journal.borrow().awaited();
                    patience = if awaited.is_none() { PATIENCE } else { patience.saturating_sub(1) };
                    match awaited {
                        Some(Awaited::UntilReached(_)) if patience == 0 => {
                            self.world.finds_no_way();
                            self.session.journal.borrow_mut().pass_over();
                        }
                        Some(Awaited::UntilDropped(_)) if patience == 0 => {
                            break Driven::Done(Done::Misused("it holds a step".to_owned()));
                        }
                        _ => {}
                    }
                    continue;
                }
                _ => give_way().await,
            }
            if let Some(under_way) = &mut work
                && let Poll::Ready(done) = poll(under_way.as_mut())
            {
                work = None;
                done?;
            }
        };
        if let Some(work) = work {
            work.await?;
        }
        Ok(driven)
    }

    /// Polls the handler until it ends, goes no further, or rests.
    fn advance(
        &self,
        mut handler: Pin<&mut (dyn Future<Output = String> + 'static)>,
    ) -> Result<Driven, Box<Next>> {
        let polled = Polled { attempts_left: self.attempts_left(), ..Polled::default() };
        loop {
            if let Poll::Ready(value) = poll(handler.as_mut()) {
                return Ok(Driven::Answered(value));
            }
            let next = self.session.journal.borrow_mut().after_poll(polled, |_| false);
            match next {
                // Whoever drives this polls all steps each time.
                Next::Give(_) | Next::Wake(_) | Next::WakeOne(_) => {}
                Next::Done(done, _) => return Ok(Driven::Done(done)),
                next => return Err(Box::new(next)),
            }
        }
    }

    /// Saves what has ended, or has all agree, once the work is done that is under way.
    fn after(&self, earlier: Option<Work>, proposal: Option<Option<Recorded>>) -> Work {
        let request = self.clone();
        Box::pin(async move {
            if let Some(earlier) = earlier {
                earlier.await?;
            }
            match proposal {
                Some(proposal) => request.agree(proposal).await,
                None => {
                    request.save().await;
                    Ok(())
                }
            }
        })
    }
}
