//! What strangers try: over real sockets, with bounds on what it costs.
//!
//! A stranger has the app's address and no key. Memory and time are compared with those of plain
//! axum in the same run, so the bounds hold on any machine. The bounds are generous: an attack that
//! works exceeds them many times over.
#![allow(clippy::unwrap_used, reason = "clippy takes only test functions for tests")]

mod app;
mod bodies;
mod dev_mode;
mod errors;
mod liar;
mod logs;
mod memo;
mod methods;
mod outputs;
mod replayed;
mod room;
mod sealed;
mod secrets;
mod stranger;
mod streams;
mod turn;
mod unsigned;
mod values;

use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;
