//! Placeholder.
pub mod signature;
pub mod wire;
