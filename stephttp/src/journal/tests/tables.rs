//! Rules that are tables.
