//! What a run stores comes back as it was, although the server keeps every number as a 64-bit
//! float.

mod floats;
mod middleware;
mod property;
mod remember;
mod signals;
mod steps;

use stephttp_tests::{World, WorldBuilder};

/// A world whose engine keeps numbers as the real server does.
fn world() -> WorldBuilder {
    World::builder().opts(|opts, url| opts.dev_server(floats::before(url)))
}
