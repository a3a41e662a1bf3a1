//! The rules of replay.

mod decision;
mod delayed;
mod hidden;
mod ids;
mod memo;
mod mode;
mod order;
mod record;
mod remembered;
mod state;
mod stored_order;

pub(crate) use decision::Decision;
pub(crate) use delayed::{delay, hidden_steps};
pub(crate) use hidden::{DISCOVER, END, FAILED, PLANS, START, hidden, missed, missed_step, order_step};
pub(crate) use memo::{Memo, Memoized};
pub(crate) use mode::Mode;
pub(crate) use order::{Slot, Turn};
pub(crate) use record::{Recorded, StepKey, WRAPPER_BYTES};
pub(crate) use remembered::{RememberedValues, TEXT, remembered_step, remembered_texts};
pub(crate) use state::{Held, Outstanding, OutstandingKind, State, Stopped};
pub(crate) use stored_order::{propose, store_order};
