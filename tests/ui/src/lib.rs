//! Its test, `tests/ui.rs`, is all there is.
