//! Another library called `inngest`: nothing that an attribute of `stephttp` expands to may mean
//! this one.

/// What only this library has.
pub const NAME: &str = "rival";
