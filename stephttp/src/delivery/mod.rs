//! What the process still owes Inngest.
//!
//! - [`Ledger`] is a run's account with Inngest: what it was told, one call at a time;
//! - [`Backlog`] bounds what the whole process holds;
//! - [`Deliveries`] counts what is under way and remembers what was lost.

mod backlog;
mod deliveries;
mod error;
mod in_flight;
mod kept_responses;
mod ledger;

pub(crate) use backlog::Backlog;
pub use deliveries::Undelivered;
pub(crate) use deliveries::{Deliveries, Owner, Report};
pub(crate) use error::DeliveryError;
pub(crate) use kept_responses::KeptResponse;
pub(crate) use ledger::Ledger;
