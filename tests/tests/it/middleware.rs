//! Middlewares: when they are called, what they are told, and what becomes of what they change.

mod failures;
mod lifecycle;
mod spans;
mod stored;
