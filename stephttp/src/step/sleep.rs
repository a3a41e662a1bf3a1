//! `step.sleep` and `step.sleep_until`: pauses that cost no process.

use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use crate::function::{StepId, StepKind};
use crate::journal::{Recorded, StepKey};
use crate::run::{Place, Run};
use crate::untrusted::shown;
use crate::wire::{OpCode, OpOpts, duration, limits};

/// How much earlier than at an instant Inngest may wake a run.
const ROUNDED_OFF: Duration = Duration::from_millis(500);

/// The future of [`Step::sleep`](super::Step::sleep) and
/// [`Step::sleep_until`](super::Step::sleep_until).
#[derive(Debug)]
#[must_use = "a sleep does nothing until it is awaited"]
pub struct SleepStep {
    run: Arc<Run>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// The run ends with the fault that has been reported.
    Misused,
    /// It is over.
    Over,
    Asleep {
        key: StepKey,
        place: Place,
        lasts: Duration,
        until: Until,
    },
}

/// When a sleep is over.
#[derive(Debug, Clone)]
enum Until {
    Lasted,
    /// An instant, as the wire says it.
    At(String),
}

impl SleepStep {
    pub(super) fn lasting(
        run: Arc<Run>,
        id: StepId,
        length: Duration,
        caller: &'static Location<'static>,
    ) -> Self {
        Self::new(run, id, length, Until::Lasted, caller)
    }

    pub(super) fn until(
        run: Arc<Run>,
        id: StepId,
        instant: SystemTime,
        caller: &'static Location<'static>,
    ) -> Self {
        let length = instant.duration_since(SystemTime::now()).unwrap_or_default();
        // Inngest rounds what is left until an instant to whole seconds (docs/protocol.md 5.3):
        // never down to less than this.
        let until = instant.checked_add(ROUNDED_OFF).unwrap_or(instant);
        Self::new(run, id, length, Until::At(duration::format_instant(until)), caller)
    }

    fn new(
        run: Arc<Run>,
        id: StepId,
        length: Duration,
        until: Until,
        caller: &'static Location<'static>,
    ) -> Self {
        let fault = id.fault().or_else(|| {
            (length > limits::WAIT).then(|| {
                let (id, days) = (shown(id.as_str()), length.as_secs() / 86_400);
                format!("the sleep `{id}` lasts {days} days; the most is 366")
            })
        });
        let stage = match fault {
            Some(fault) if run.is_detached() => panic!("{fault} (at {caller})"),
            Some(fault) => {
                run.misuse(format!("{fault} (at {caller})"));
                Stage::Misused
            }
            None => Stage::Asleep {
                key: run.claim(id, StepKind::Sleep, caller),
                place: Place::default(),
                lasts: length,
                until,
            },
        };
        Self { run, stage }
    }
}

impl Future for SleepStep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { run, stage } = &mut *self;
        let (key, place, lasts, until) = match stage {
            Stage::Asleep { key, place, lasts, until } => (key, place, lasts, until),
            Stage::Over => return Poll::Ready(()),
            Stage::Misused => return Poll::Pending,
        };
        let op = || {
            let sleep = |text| Recorded::ask(key.clone(), OpCode::Sleep, OpOpts::sleep(text));
            match until {
                Until::Lasted => sleep(duration::format(*lasts)).lasting(*lasts),
                Until::At(instant) => sleep(instant.clone()),
            }
        };
        let poll = run.poll_wait(key, place, cx.waker(), *lasts, op).map(drop);
        if poll.is_ready() {
            *stage = Stage::Over;
        }
        poll
    }
}

impl Drop for SleepStep {
    fn drop(&mut self) {
        if let Stage::Asleep { key, place, .. } = &self.stage {
            self.run.abandon(key, place);
        }
    }
}
