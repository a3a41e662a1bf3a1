//! The check, on small crates that are made up.

mod impls;
mod list;
mod made_up;
mod names;
mod root;
mod within;
