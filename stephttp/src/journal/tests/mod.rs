//! The rules of replay, played.
