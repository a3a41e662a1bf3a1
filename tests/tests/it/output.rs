//! The output route: a run's client gets its output at the app.

mod api;
mod cors;
mod end_to_end;
mod odd_answers;
mod secrets;
mod waiting;
