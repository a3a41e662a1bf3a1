//! Middlewares: when they are called, what they are told, and what becomes of what they change.

mod calls;
mod failures;
mod lifecycle;
mod metrics;
mod observing;
mod spans;
mod stored;
mod too_much;
mod traces;
mod trouble;
mod without_opentelemetry;
