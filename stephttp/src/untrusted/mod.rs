//! What strangers send, and how it gets into logs and errors: cut to a length, and not as often as they like.

mod complaints;
mod shown;

pub(crate) use complaints::{Complaint, Complaints};
pub(crate) use shown::shown;
