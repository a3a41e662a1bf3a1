//! A request's middlewares: which of them is under way, and what waits for them.
//!
//! The driver polls them, beside the handler: so they come forward also while the handler holds a
//! step that it does not poll. While one is under way, nothing is decided about the run.

mod checkpoint;
mod stored;
mod transform;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::task::{Context, Poll, Waker};

use http::HeaderMap;
use tracing::Span;

pub(crate) use checkpoint::HookedCheckpoint;

use super::Run;
use super::on_thread::{InMiddleware, enter_span_within_poll};
use crate::journal::{StepKey, Stop};
use crate::middleware::{Chain, Execution, Outcome, StepContext, told};
use crate::sync::lock;
use transform::Pending;

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Only requests of a provider with middlewares have these.
pub(super) struct Hooks {
    chain: Chain,
    execution: Arc<Execution>,
    /// Set when the execution begins, and let go at its end: a span ends with the last that holds
    /// it.
    span: OnceLock<Mutex<Span>>,
    progress: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    phase: Phase,
    starting: Option<BoxFuture<()>>,
    /// Steps that wait for the start.
    waiting: Vec<Waker>,
    pending: Vec<Pending>,
    /// Steps that send and have not begun.
    sending: Vec<Arc<StepContext>>,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    #[default]
    Before,
    Starting,
    Started,
    Ended,
}

impl Hooks {
    pub(super) fn new(chain: Chain, execution: Execution) -> Self {
        Self { chain, execution: Arc::new(execution), span: OnceLock::new(), progress: Mutex::default() }
    }

    fn context(&self, key: &StepKey) -> Arc<StepContext> {
        let id = key.id.clone().into_owned();
        Arc::new(StepContext::new(self.execution.clone(), id, key.index, key.hash, key.kind))
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        lock(&self.progress)
    }

    /// Nothing is under way any more, and nobody waits: wakers hold the run, which holds them.
    /// Returns what was.
    fn end(&self) -> Progress {
        let ended = Progress { phase: Phase::Ended, ..Progress::default() };
        std::mem::replace(&mut *self.lock(), ended)
    }
}

impl Run {
    pub(super) fn hooks_for(&self, generation: Option<u32>, headers: &HeaderMap) -> Option<Box<Hooks>> {
        let chain = self.app()?.middleware();
        (!chain.is_empty()).then(|| {
            Box::new(Hooks::new(chain.clone(), Execution::new(self.id(), generation, headers.clone())))
        })
    }

    pub(super) fn has_hooks(&self) -> bool {
        self.hooks.is_some()
    }

    /// The span that the handler is polled in, once the execution has begun.
    pub(super) fn execution_span(&self) -> Option<Span> {
        let span = self.hooks.as_ref()?.span.get()?;
        Some(lock(span).clone())
    }

    /// The handler has begun, as far as can be told.
    pub(super) fn start_execution(&self) {
        let Some(hooks) = &self.hooks else { return };
        if hooks.lock().phase != Phase::Before {
            return;
        }
        hooks.execution.set_function_id(self.function_id().into_owned(), self.is_known_by_path());
        let in_middleware = InMiddleware::begin();
        let span = hooks.span.get_or_init(|| {
            Mutex::new(hooks.chain.execution_span(&hooks.execution).unwrap_or_else(Span::none))
        });
        if self.is_being_polled() {
            let span = lock(span).clone();
            enter_span_within_poll(span);
        }
        let mut progress = hooks.lock();
        if progress.phase != Phase::Before {
            return;
        }
        progress.phase = Phase::Starting;
        drop(progress);
        let (chain, execution) = (hooks.chain.clone(), hooks.execution.clone());
        let mut starting: BoxFuture<()> = Box::pin(async move { chain.before_execution(&execution).await });
        // Most have nothing to wait for: then the handler has not gone on before their end.
        let poll = || starting.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        let poll = catch_unwind(AssertUnwindSafe(poll));
        drop(in_middleware);
        match poll {
            Ok(Poll::Ready(())) => self.started(),
            Ok(Poll::Pending) => {
                hooks.lock().starting = Some(starting);
                self.wakeup.notice();
            }
            Err(panic) => {
                // It may be a task of a step's own that panics now: the handler does not wait for a
                // start that never comes.
                let fault = "a middleware panicked as the execution began".to_owned();
                self.lock().journal.stop(Stop::Broken(fault));
                self.wakeup.notice();
                resume_unwind(panic)
            }
        }
    }

    fn started(&self) {
        let Some(hooks) = &self.hooks else { return };
        let mut progress = hooks.lock();
        // A handler may have ended meanwhile whose first step was in a task of its own.
        if progress.phase == Phase::Starting {
            progress.phase = Phase::Started;
        }
        let waiting = std::mem::take(&mut progress.waiting);
        drop(progress);
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Whether a step must wait for the execution's start. If so, it is woken then.
    pub(super) fn must_wait_for_start(&self, waker: &Waker) -> bool {
        let Some(hooks) = &self.hooks else { return false };
        self.start_execution();
        let mut progress = hooks.lock();
        let must_wait = progress.phase == Phase::Starting;
        if must_wait {
            progress.waiting.push(waker.clone());
        }
        must_wait
    }

    /// Takes the execution's start forward. The handler is not polled before its end.
    pub(super) fn poll_start(&self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(hooks) = &self.hooks else { return Poll::Ready(()) };
        let Some(mut starting) = hooks.lock().starting.take() else { return Poll::Ready(()) };
        if starting.as_mut().poll(cx).is_pending() {
            hooks.lock().starting = Some(starting);
            return Poll::Pending;
        }
        self.started();
        Poll::Ready(())
    }

    /// Takes everything forward that the handler's steps wait for.
    pub(super) fn poll_hooks(&self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(hooks) = &self.hooks else { return Poll::Ready(()) };
        if self.poll_start(cx).is_pending() {
            return Poll::Pending;
        }
        let mut pending = std::mem::take(&mut hooks.lock().pending);
        if pending.is_empty() {
            return Poll::Ready(());
        }
        pending.retain_mut(|Pending { slot, future }| match future.as_mut().poll(cx) {
            Poll::Ready(transformed) => {
                self.transformed(*slot, transformed);
                false
            }
            Poll::Pending => true,
        });
        let mut progress = hooks.lock();
        // What has come meanwhile from steps in tasks of their own.
        progress.pending.append(&mut pending);
        if progress.pending.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Whether a step's transformation is under way.
    pub(super) fn is_transforming(&self) -> bool {
        self.hooks.as_ref().is_some_and(|hooks| !hooks.lock().pending.is_empty())
    }

    /// What middlewares will be told of a step that sends, if there are some: its code needs it
    /// too.
    pub(crate) fn sending_context(&self, key: &StepKey) -> Option<(Chain, Arc<StepContext>)> {
        let hooks = self.hooks.as_ref()?;
        let context = hooks.context(key);
        hooks.lock().sending.push(context.clone());
        Some((hooks.chain.clone(), context))
    }

    /// A step begins to run in this process.
    pub(crate) fn hooked(&self, key: &StepKey) -> Option<HookedStep> {
        let hooks = self.hooks.as_ref()?;
        let known = hooks.lock().sending.extract_if(.., |context| context.hash() == key.hash).next();
        let (chain, context) = (hooks.chain.clone(), known.unwrap_or_else(|| hooks.context(key)));
        let span = chain.step_span(&context).unwrap_or_else(Span::none);
        Some(HookedStep { chain, context, span })
    }

    /// Tells middlewares that the execution has ended; once, and if it had begun.
    pub(crate) async fn end_execution(&self, outcome: Outcome, panic: Option<String>) {
        let Some(hooks) = &self.hooks else { return };
        let Progress { phase, starting, waiting, pending, sending } = hooks.end();
        drop((pending, sending));
        waiting.into_iter().for_each(Waker::wake);
        if matches!(phase, Phase::Before | Phase::Ended) {
            return;
        }
        if let Some(starting) = starting {
            told("before an execution", &hooks.execution, starting).await;
        }
        if let Some(panic) = panic {
            hooks.chain.on_panic(&hooks.execution, &panic).await;
        }
        hooks.execution.set_replayed_steps(self.lock().journal.replayed_steps());
        hooks.chain.after_execution(&hooks.execution, &outcome).await;
        if let Some(span) = hooks.span.get() {
            *lock(span) = Span::none();
        }
    }

    /// Whether middlewares are to be told of the execution's end.
    pub(crate) fn has_execution(&self) -> bool {
        let phase = self.hooks.as_ref().map(|hooks| hooks.lock().phase);
        matches!(phase, Some(Phase::Starting | Phase::Started))
    }
}

/// A step that runs in this process, as middlewares see it.
#[derive(Debug)]
pub(crate) struct HookedStep {
    pub(crate) chain: Chain,
    pub(crate) context: Arc<StepContext>,
    pub(crate) span: Span,
}
