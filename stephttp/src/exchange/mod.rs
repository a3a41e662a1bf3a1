//! One HTTP exchange as data: what came in, and what goes back.
//!
//! - [`head`], [`parts`], [`body`]: a request, as far as re-entries repeat it; [`recorded_method`]:
//!   which methods they can have;
//! - [`dispatch`]: Inngest's call back as its headers describe it, [`unverified`]: its body until
//!   it is proven, [`jobs`]: which of them are one job;
//! - [`reentry`]: the mark of a call back that is verified;
//! - [`routes`]: what is known of a route's function;
//! - [`try_again`](mod@try_again): when a client is to come again; [`result`]: a response as a
//!   run's result; [`passed_headers`]: which of its headers the output route passes on.

mod body;
mod dispatch;
mod head;
mod jobs;
mod parts;
pub(crate) mod passed_headers;
mod recorded_method;
mod reentry;
pub(crate) mod result;
mod routes;
mod try_again;
mod unverified;

pub(crate) use body::{BodyFault, Keeps, RequestBody, keep};
pub(crate) use dispatch::Dispatch;
pub(crate) use head::{RequestHead, is_reentry, restore_content_type};
pub(crate) use jobs::{Answer, Effect, Jobs, Other, Role, Superseded};
pub(crate) use parts::KeptParts;
pub(crate) use recorded_method::{ALLOW, RecordedMethod};
pub use reentry::Reentry;
pub(crate) use result::is_hop_by_hop;
pub(crate) use routes::Routes;
pub(crate) use try_again::{TRY_AGAIN, try_again};
pub(crate) use unverified::{Proof, Refusal, Unverified};
