//! The server: stopping and steering. Looking at it, and what goes wrong on purpose, are in files
//! of their own.

mod builder;
mod faults;
mod look;
mod realtime;

use std::net::SocketAddr;
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use inngest::EventData;
use serde::Serialize;
use serde_json::Value;

pub use self::builder::DevServerBuilder;

use crate::clock::Clock;
use crate::engine::{Engine, State};
use crate::function::Function;

/// A server that an app can use in place of Inngest, in the same process.
///
/// It listens on a real socket and stops when it is dropped.
#[derive(Debug)]
#[must_use = "the server stops when it is dropped"]
pub struct DevServer {
    pub(crate) engine: Arc<Engine>,
    pub(crate) address: SocketAddr,
    pub(crate) url: String,
}

impl Drop for DevServer {
    fn drop(&mut self) {
        drop(self.engine.stop());
    }
}

impl DevServer {
    /// Stops the server and waits until all of it has stopped.
    pub async fn shutdown(self) {
        if let Some(mut tasks) = self.engine.stop() {
            while tasks.join_next().await.is_some() {}
        }
    }

    /// The API's base, such as `http://127.0.0.1:8288`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where a run can be seen in a browser: the address of the server's page, with the run.
    #[must_use]
    pub fn run_url(&self, run_id: &str) -> String {
        format!("{}/#run={run_id}", self.url)
    }

    /// Where the server listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How long its waiting methods wait.
    pub(crate) fn patience(&self) -> Duration {
        self.engine.settings.patience
    }

    /// What time it is on the server's clock.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        self.engine.read(State::now)
    }

    /// Moves a manual clock on by `duration`, releasing everything that becomes due in its order.
    /// Returns when all of it has been answered, and whatever became due by the answers too.
    ///
    /// # Panics
    /// When the clock is not [`Clock::Manual`], or it takes longer than
    /// [patience](DevServerBuilder::patience) lasts.
    #[track_caller]
    pub fn advance(&self, duration: Duration) -> impl Future<Output = ()> + Send + '_ {
        let clock = self.engine.read(|state| state.work.time.kind());
        assert!(
            clock == Clock::Manual,
            "only Clock::Manual can be advanced; this server has Clock::{clock:?}"
        );
        let caller = Location::caller();
        async move {
            if let Err(standing) = self.engine.advance(duration).await {
                let what = format!("the time to be moved on by {duration:?} and all that is due by then");
                self.give_up(caller, &what, &standing);
            }
        }
    }

    /// Stops a skipping clock: time stands still, but whatever is due now, or comes to be by an
    /// event or an answer, is still done. A test that sends the event which a run waits for does so
    /// while time is held. Other clocks are not affected.
    pub fn hold_time(&self) {
        self.engine.change(|state| state.work.time.hold(true));
    }

    /// Ends [`hold_time`](Self::hold_time).
    pub fn release_time(&self) {
        self.engine.change(|state| state.work.time.hold(false));
    }

    /// From now on a wait in a step of this id lasts until what it waits for has come: it does not
    /// time out. Other timers go on, unlike while time is [held](Self::hold_time).
    pub fn never_time_out(&self, step_id: impl Into<String>) {
        let step_id = step_id.into();
        self.engine.change(|state| state.lasting.insert(step_id));
    }

    /// Stands in for a function from now on, as [`DevServerBuilder::function`] does.
    pub fn function<F, R, E>(&self, id: impl Into<String>, handler: F)
    where
        F: Fn(Value) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Value, E>> + Send + 'static,
        E: std::fmt::Display,
    {
        let (id, function) = (id.into(), Function::new(handler));
        self.engine.change(|state| state.functions.insert(id, function));
    }

    /// Sends an event, as `POST /e/{key}` does; answers its id. Runs that wait for it have it when
    /// this returns.
    ///
    /// # Panics
    /// When `data` is not an object in JSON, or the server refuses the name.
    #[track_caller]
    pub fn send_event(&self, name: &str, data: impl Serialize) -> String {
        self.sends(name, None, data)
    }

    /// Sends an event of a type that says which it is, with its name and version, as
    /// [`send_event`](Self::send_event) does.
    ///
    /// ```
    /// use inngest::EventData;
    /// use serde::Serialize;
    /// use stephttp_dev::DevServer;
    ///
    /// #[derive(Serialize, EventData)]
    /// #[event(name = "bank/settled")]
    /// struct Settled {
    ///     cents: u32,
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let engine = DevServer::start().await?;
    /// engine.send(Settled { cents: 990 });
    /// assert_eq!(engine.events()[0].name, "bank/settled");
    /// # Ok(()) }
    /// ```
    ///
    /// # Panics
    /// As [`send_event`](Self::send_event).
    #[track_caller]
    pub fn send<T: EventData + Serialize>(&self, data: T) -> String {
        self.sends(T::NAME, T::VERSION, data)
    }

    #[track_caller]
    fn sends(&self, name: &str, version: Option<&str>, data: impl Serialize) -> String {
        let data = match serde_json::to_value(data) {
            Ok(Value::Object(data)) => data,
            other => panic!("an event's data is an object, not {other:?}"),
        };
        match self.engine.change(|state| state.send_event(name, version, data)) {
            Ok(id) => id,
            Err(why) => panic!("the event `{name}` is refused: {why}"),
        }
    }

    /// Sends a signal, as `POST /v1/signals` does; answers the run that waited for it.
    ///
    /// # Panics
    /// When `data` cannot be written as JSON.
    #[track_caller]
    pub fn send_signal(&self, name: &str, data: impl Serialize) -> Option<String> {
        match serde_json::to_string(&data) {
            Ok(data) => self.engine.change(|state| state.signal(name, &data)),
            Err(error) => panic!("a signal's data is JSON: {error}"),
        }
    }

    /// Cancels a run, as `DELETE /v1/runs/{id}` does. The app is not told.
    pub fn cancel(&self, run_id: &str) {
        self.engine.change(|state| state.cancel(run_id));
    }
}
