//! What a provider's output route goes by, and what it holds:
//! [`Provider::output_route`](crate::Provider::output_route).
//!
//! - [`OutputOpts`], and `settings`, which are those checked: where the route is, and the redirect
//!   that leads to it;
//! - `cors`: which scripts may see outputs; `left_out`: what has been said of headers that do not
//!   pass;
//! - `room`: how much of outputs the process holds, `held`: for whom, and `pace`: who is too slow.

mod cors;
mod held;
mod left_out;
mod opts;
mod pace;
mod room;
mod settings;

pub(crate) use left_out::LeftOut;
pub use opts::OutputOpts;
pub(crate) use room::{FRAME, Full, OutputRoom, SMALL, Taken};
pub(crate) use settings::{Settings, query};

/// The query's parameters.
pub(crate) const TOKEN: &str = "token";
pub(crate) const SIGNATURE: &str = "signature";
