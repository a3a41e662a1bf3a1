//! The rules of replay, played: programs of steps against a model of the server, with every order
//! of its discoveries, lost answers, repeated calls and deaths, without HTTP.

mod driving;
mod endings;
mod faults;
mod interleavings;
mod lines;
mod one_request;
mod play;
mod program;
mod random;
mod request;
mod server;
mod tables;
mod told;
