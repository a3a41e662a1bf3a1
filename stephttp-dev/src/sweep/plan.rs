//! What a sweep plays.

use std::fmt;
use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use inngest::{Provider, SetupOpts};

use super::client::Client;
use super::place::{Mishap, Place};
use crate::client::Answer;
use crate::server::DevServerBuilder;
use crate::violation::ViolationKind;

/// How long a pass may take. What hangs, hangs for ever.
const LIMIT: Duration = Duration::from_secs(30);

/// How many mishaps a random pass has, at most.
const AT_ONCE: usize = 3;

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Make<W> = Box<dyn Fn() -> BoxFuture<W> + Send + Sync>;
type App<W> = Box<dyn Fn(W, Provider) -> Pin<Box<dyn Future<Output = Router>>> + Send + Sync>;
type Story<W> = Box<dyn Fn(Client, W) -> BoxFuture<()> + Send + Sync>;
type Effects<W> = Box<dyn Fn(&W) -> Vec<String> + Send + Sync>;
type Check<W> = Box<dyn Fn(&W) + Send + Sync>;
type Same = Box<dyn Fn(&Answer, &Answer) -> bool + Send + Sync>;
type Setup = Box<dyn Fn(SetupOpts) -> SetupOpts + Send + Sync>;

/// A story that is played with everything going wrong, one thing at a time. See the
/// [module](super).
///
/// `W` is the world outside of the process. It is made anew for each pass, and outlives the
/// processes of a pass.
#[must_use = "a sweep does nothing until `run`"]
pub struct Sweep<W = ()> {
    pub(super) world: Make<W>,
    pub(super) app: App<W>,
    pub(super) story: Option<Story<W>>,
    pub(super) setup: Setup,
    pub(super) engine: DevServerBuilder,
    pub(super) lasting: Vec<String>,
    pub(super) once: Vec<Effects<W>>,
    pub(super) checks: Vec<Check<W>>,
    pub(super) volatile: Vec<String>,
    pub(super) same: Option<Same>,
    pub(super) steps_may_differ: bool,
    pub(super) limit: Duration,
    pub(super) mishaps: Vec<Mishap>,
    pub(super) every: usize,
    pub(super) seeds: Vec<u64>,
    pub(super) budget: Duration,
    pub(super) at_once: usize,
    pub(super) only: Option<Vec<Place>>,
    pub(super) allowed: Vec<ViolationKind>,
}

impl Sweep {
    /// A sweep of an app whose world nobody looks at. `app` makes it anew for each process.
    pub fn new(app: impl Fn(&Provider) -> Router + Send + Sync + 'static) -> Self {
        Self::with_world(|| (), move |(), inngest| app(inngest))
    }
}

impl<W: Clone + Send + Sync + 'static> Sweep<W> {
    /// A sweep of an app in a world, such as a bank that counts its charges. `world` makes the
    /// world anew for each pass, `app` the app for each process of the pass. Clones of the world
    /// are the same world.
    pub fn with_world(
        world: impl Fn() -> W + Send + Sync + 'static,
        app: impl Fn(&W, &Provider) -> Router + Send + Sync + 'static,
    ) -> Self {
        let app = Arc::new(app);
        Self::with_async_world(
            move || ready(world()),
            move |world, inngest| {
                let app = Arc::clone(&app);
                // In the process's runtime, which clients of other services may want.
                async move { app(&world, &inngest) }
            },
        )
    }

    /// The same, for a world that is opened and an app that connects to it. The world lives in the
    /// test's runtime. Whatever belongs to a process, as a database's pool does, is made with its
    /// app: the app is made in the runtime of its process.
    pub fn with_async_world<M, A>(
        world: impl Fn() -> M + Send + Sync + 'static,
        app: impl Fn(W, Provider) -> A + Send + Sync + 'static,
    ) -> Self
    where
        M: Future<Output = W> + Send + 'static,
        A: Future<Output = Router> + 'static,
    {
        Self {
            world: Box::new(move || Box::pin(world())),
            app: Box::new(move |world, inngest| Box::pin(app(world, inngest))),
            story: None,
            setup: Box::new(|opts| opts),
            engine: DevServerBuilder::default(),
            lasting: Vec::new(),
            once: Vec::new(),
            checks: Vec::new(),
            volatile: Vec::new(),
            same: None,
            steps_may_differ: false,
            limit: LIMIT,
            mishaps: Mishap::ALL.to_vec(),
            every: 1,
            seeds: Vec::new(),
            budget: Duration::ZERO,
            at_once: AT_ONCE,
            only: None,
            allowed: Vec::new(),
        }
    }

    /// What the clients do. It must be the same each time, and it ends when the clients have their
    /// answers. Its assertions say what the clients must see; that their answers are the same in
    /// all passes need not be said.
    pub fn story<F>(mut self, story: impl Fn(Client, W) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.story = Some(Box::new(move |client, world| Box::pin(story(client, world))));
        self
    }

    /// Effects that must happen once, as the world has seen them: a text for each time that one has
    /// happened, the same text for the same effect in each pass. In a pass with deaths each may
    /// happen once more for each death.
    ///
    /// Each pass has runs of its own, so a text holds no run's id, nor an idempotency key, which
    /// holds one: "charged 990 cents". Where the other side does nothing for a key that it has
    /// seen, the list has no text for what it did not do.
    pub fn once(mut self, effects: impl Fn(&W) -> Vec<String> + Send + Sync + 'static) -> Self {
        self.once.push(Box::new(effects));
        self
    }

    /// Looks at the world after each pass; panics if something is wrong.
    pub fn check(mut self, check: impl Fn(&W) + Send + Sync + 'static) -> Self {
        self.checks.push(Box::new(check));
        self
    }

    /// The story sends what the step with this id waits for, once [`Client::when_waiting`] says
    /// that it waits. Time is skipped, so any other wait times out at once.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use axum::{Router, routing::post};
    /// # use inngest::{Provider, Step, StepError};
    /// # use serde_json::{Value, json};
    /// # use stephttp_dev::Sweep;
    /// #[inngest::api_fn(id = "parcel")]
    /// async fn parcel(step: Step) -> Result<&'static str, StepError> {
    ///     let day = Duration::from_secs(86_400);
    ///     let parcel = step.wait_for_event::<Value>("delivery", "parcel/delivered").timeout(day).await?;
    ///     Ok(if parcel.is_some() { "delivered" } else { "missing" })
    /// }
    ///
    /// fn app(inngest: &Provider) -> Router {
    ///     Router::new().route("/parcel", post(parcel)).merge(inngest.output_route()).layer(inngest.layer())
    /// }
    ///
    /// # async fn test() {
    /// Sweep::new(app)
    ///     .never_times_out("delivery")
    ///     .story(|client, ()| async move {
    ///         let carrier = async {
    ///             client.when_waiting("delivery").await;
    ///             client.send_event("parcel/delivered", json!({}));
    ///         };
    ///         let (answer, ()) = tokio::join!(client.post("/parcel").send(), carrier);
    ///         assert_eq!(answer.text(), "delivered");
    ///     })
    ///     .run()
    ///     .await;
    /// # }
    /// ```
    pub fn never_times_out(mut self, step_id: impl Into<String>) -> Self {
        self.lasting.push(step_id.into());
        self
    }

    /// The value at this [JSON pointer](serde_json::Value::pointer), such as `/order/placed_at`, is
    /// another in each pass: it is left out where answers are compared.
    pub fn volatile(mut self, pointer: impl Into<String>) -> Self {
        self.volatile.push(pointer.into());
        self
    }

    /// Compares answers: the undisturbed pass's first, then one of another pass. In place of the
    /// comparison of statuses and bodies.
    pub fn same_answer(mut self, same: impl Fn(&Answer, &Answer) -> bool + Send + Sync + 'static) -> Self {
        self.same = Some(Box::new(same));
        self
    }

    /// Which steps run may differ from pass to pass, as where branches race: a step may be left
    /// out, or have an id of its own in each pass.
    pub fn steps_may_differ(self) -> Self {
        Self { steps_may_differ: true, ..self }
    }

    /// Violations of this kind are what the app wants, such as
    /// [`InvokedEndpoint`](ViolationKind::InvokedEndpoint).
    pub fn allow(mut self, violation: ViolationKind) -> Self {
        self.allowed.push(violation);
        self
    }

    /// What the app's provider is set up with beside: its middlewares, say. The options know where
    /// the app and its engine are.
    pub fn setup(mut self, setup: impl Fn(SetupOpts) -> SetupOpts + Send + Sync + 'static) -> Self {
        self.setup = Box::new(setup);
        self
    }

    /// How the engine of each pass is started, with [stand-ins](DevServerBuilder::function) for
    /// functions, say. It must skip time.
    pub fn engine(self, engine: DevServerBuilder) -> Self {
        Self { engine, ..self }
    }

    /// How long a pass may take before it counts as one that hangs; 30 s unless said otherwise.
    pub fn limit(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// Plays these mishaps alone.
    pub fn mishaps(self, mishaps: impl IntoIterator<Item = Mishap>) -> Self {
        Self { mishaps: mishaps.into_iter().collect(), ..self }
    }

    /// Plays one pass alone, with the mishaps at these places, after the undisturbed one; as
    /// `SWEEP_PLACE` does. For a bug that was found, say.
    pub fn only(self, places: impl IntoIterator<Item = Place>) -> Self {
        Self { only: Some(places.into_iter().collect()), ..self }
    }

    /// Plays every n-th place alone, unless `SWEEP_EVERY` says otherwise. For a test that is to be
    /// quick.
    pub fn every(self, nth: usize) -> Self {
        Self { every: nth.max(1), ..self }
    }

    /// After the single mishaps, plays the combinations of these seeds.
    pub fn seeds(self, seeds: impl IntoIterator<Item = u64>) -> Self {
        Self { seeds: seeds.into_iter().collect(), ..self }
    }

    /// After the single mishaps, plays combinations at random for so long, unless `SWEEP` says
    /// otherwise.
    pub fn random(self, budget: Duration) -> Self {
        Self { budget, ..self }
    }

    /// How many mishaps there are in one combination, at most; 3 unless said otherwise, and 2 at
    /// least. Each may use up an attempt of a step or a re-entry: a function with fewer `retries`
    /// than this fails as it must.
    pub fn at_once(self, mishaps: usize) -> Self {
        Self { at_once: mishaps.max(2), ..self }
    }
}

impl<W> fmt::Debug for Sweep<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sweep").field("mishaps", &self.mishaps).finish_non_exhaustive()
    }
}
