//! What a handler and its test share: what has happened, and a door to hold the handler at.

use axum::Router;
use axum::routing::MethodRouter;
use tokio::sync::watch;

use crate::Effects;

/// The state of a test's app.
#[derive(Debug, Clone, Default)]
pub struct Stage {
    /// What the handler has done.
    pub effects: Effects,
    /// Where it waits for the test.
    pub door: Door,
}

impl Stage {
    /// Nothing has happened, and the door is closed.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An app with one route, `/`.
    pub fn app(&self, route: MethodRouter<Self>) -> Router {
        Router::new().route("/", route).with_state(self.clone())
    }
}

/// A place in a handler at which it waits until its test opens it. Clones are the same door.
#[derive(Debug, Clone)]
pub struct Door(watch::Sender<Waiting>);

#[derive(Debug, Clone, Copy, Default)]
struct Waiting {
    open: bool,
    arrived: usize,
}

impl Default for Door {
    fn default() -> Self {
        Self(watch::Sender::new(Waiting::default()))
    }
}

impl Door {
    /// Lets through all that wait and all that come.
    pub fn open(&self) {
        self.0.send_modify(|waiting| waiting.open = true);
    }

    /// Arrives, and waits until the door is open.
    pub async fn pass(&self) {
        self.0.send_modify(|waiting| waiting.arrived += 1);
        // The sender is ours, so the channel cannot close.
        let _ = self.0.subscribe().wait_for(|waiting| waiting.open).await;
    }

    /// Waits until so many have arrived.
    pub async fn reached(&self, arrivals: usize) {
        let _ = self.0.subscribe().wait_for(|waiting| waiting.arrived >= arrivals).await;
    }
}
