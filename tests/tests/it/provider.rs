//! What a provider does for all its endpoints.

mod configure;
mod defaults;
mod drain;
mod layers;
mod load;
mod secrets;
mod track_all;
