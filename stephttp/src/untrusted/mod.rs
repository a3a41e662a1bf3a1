//! What strangers send, and what it may cost: bodies without what they came in, log lines and
//! errors that are cut to a length, and not as often as they like.

mod complaints;
mod joined;
mod shown;

pub(crate) use complaints::{Complaint, Complaints};
pub(crate) use joined::Joined;
pub(crate) use shown::shown;
