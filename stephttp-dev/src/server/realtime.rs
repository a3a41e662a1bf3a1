//! What runs publish, and who listens.

use std::panic::Location;

use inngest::wire::realtime::TOKEN_LIFE;

use super::DevServer;
use crate::engine::State;
use crate::realtime::{PartView, Topic};

impl DevServer {
    /// The parts of a run's stream so far, in the order in which they began: one for each `POST
    /// /v1/realtime/publish/tee`. What the first request streams to its client by itself is not
    /// among them.
    #[must_use]
    pub fn published(&self, run_id: &str) -> Vec<PartView> {
        self.engine.read(|state| parts(state, run_id))
    }

    /// Waits until a run's stream is as `condition` wants it.
    ///
    /// # Panics
    /// When it does not become so while [patience](super::DevServerBuilder::patience) lasts.
    #[track_caller]
    pub fn wait_for_published(
        &self,
        run_id: &str,
        condition: impl Fn(&[PartView]) -> bool,
    ) -> impl Future<Output = Vec<PartView>> {
        let what = format!("the stream of run {run_id} to be as the condition wants it");
        let look = move |state: &State| Some(parts(state, run_id)).filter(|parts| condition(parts));
        self.awaited_of(run_id, Location::caller(), what, look)
    }

    /// How many listen to a channel: to a run's stream, by its id. One whose client has gone may
    /// count for a moment.
    #[must_use]
    pub fn subscribers(&self, channel: &str) -> usize {
        self.engine.read(|state| state.realtime.subscribers.of(channel))
    }

    /// Waits until so many listen to a channel.
    ///
    /// # Panics
    /// When they do not while [patience](super::DevServerBuilder::patience) lasts.
    #[track_caller]
    pub fn wait_for_subscribers(&self, channel: &str, n: usize) -> impl Future<Output = ()> {
        let what = format!("{n} to listen to {channel}");
        let look = move |state: &State| (state.realtime.subscribers.of(channel) == n).then_some(());
        self.awaited(Location::caller(), what, look)
    }

    /// Where a run's stream can be listened to: a URL with a token that is valid for a minute of
    /// the server's time.
    #[must_use]
    pub fn stream_url(&self, run_id: &str) -> String {
        let token =
            self.engine.read(|state| state.realtime_token(vec![Topic::stream_of(run_id)], TOKEN_LIFE));
        format!("{}/v1/realtime/sse?token={token}", self.url)
    }

    /// Breaks off the connections of all that listen, as the real server does after 15 minutes.
    /// Where time is [skipped](crate::Clock::Skip) nothing else ends them.
    pub fn end_subscriptions(&self) {
        self.engine.change(|state| state.realtime.subscribers.end_all());
    }

    /// Tells all that listen that the server is about to stop, in the words of the real server's
    /// source: an event without a name, `{"kind":"closing",..}`. It goes on until
    /// [`end_subscriptions`](Self::end_subscriptions).
    pub fn announce_closing(&self) {
        self.engine.change(State::announce_closing);
    }
}

fn parts(state: &State, run_id: &str) -> Vec<PartView> {
    state.realtime.parts_of(run_id).map(|(_, part)| part.view.clone()).collect()
}
