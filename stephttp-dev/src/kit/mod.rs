//! A test of a whole app in a few lines: [`TestApp`].
//!
//! The app is served by a `crate::process`. A middleware (`recorder`) tells the
//! test what runs there (`record`), and puts mocks in the place of steps (`mocks`). The files stand
//! in an order, which `tests/layers.rs` holds.

mod app;
mod builder;
mod finish;
mod follow;
mod history;
mod mocks;
mod plan;
mod record;
mod recorder;
mod request;
mod response;
mod run;
mod shared;
mod snapshot;
mod step;

pub use self::app::TestApp;
pub use self::builder::TestAppBuilder;
pub use self::request::TestRequest;
pub use self::response::TestResponse;
pub use self::run::TestRun;
pub use self::snapshot::{ResponseSnapshot, RunSnapshot, StepSnapshot};
pub use self::step::TestStep;
