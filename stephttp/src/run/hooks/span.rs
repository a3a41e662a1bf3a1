//! The span that a handler is polled in.

use std::cell::RefCell;

use std::sync::PoisonError;

use tracing::Span;
use tracing::span::EnteredSpan;

use crate::run::Run;

thread_local! {
    /// The span of the execution whose handler this thread polls; it may begin within the poll.
    static ENTERED: RefCell<Option<EnteredSpan>> = const { RefCell::new(None) };
}

/// While a handler is polled.
pub(in crate::run) struct InSpan {
    outer: Option<EnteredSpan>,
}

impl Drop for InSpan {
    fn drop(&mut self) {
        drop(ENTERED.replace(self.outer.take()));
    }
}

/// The span begins while the handler is polled.
pub(super) fn enter_within_poll(span: Span) {
    ENTERED.with_borrow_mut(|entered| *entered = Some(span.entered()));
}

impl Run {
    /// The span that the handler is polled in.
    pub(in crate::run) fn enter_span(&self) -> Option<InSpan> {
        let hooks = self.hooks.as_ref()?;
        let span = hooks.span.get();
        let span = span.map(|span| span.lock().unwrap_or_else(PoisonError::into_inner).clone().entered());
        Some(InSpan { outer: ENTERED.replace(span) })
    }
}
