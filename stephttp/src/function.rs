//! What is known of an endpoint at compile time.

use std::fmt;

use crate::wire::StepHash;

/// An endpoint annotated with [`#[api_fn]`](macro@crate::api_fn).
///
/// The attribute implements it on an empty enum that has the function's name:
///
/// ```
/// use stephttp::{ApiFn, Step, StepError};
///
/// #[stephttp::api_fn(id = "greet", retries = 5)]
/// async fn greet(step: Step) -> Result<String, StepError> {
///     step.run("name", async { Ok("Ada".to_owned()) }).await
/// }
///
/// assert_eq!(greet::OPTS.id(), "greet");
/// assert_eq!(greet::OPTS.retries(), 5);
/// assert_eq!(greet::STEPS[0].id(), "name");
/// ```
pub trait ApiFn {
    /// The options given to the attribute.
    const OPTS: FnOpts;
    /// The steps with a literal id in the function's body, in the order of the source.
    const STEPS: &'static [StepMeta];
}

/// An endpoint's options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FnOpts {
    id: &'static str,
    retries: u8,
}

impl FnOpts {
    /// How often a failed step is retried when nothing else is said.
    pub const DEFAULT_RETRIES: u8 = 3;

    /// Options with the given id and the defaults.
    #[must_use]
    pub const fn new(id: &'static str) -> Self {
        Self { id, retries: Self::DEFAULT_RETRIES }
    }

    /// How often a failed step is retried: the first attempt is not counted. At most 20.
    #[must_use]
    pub const fn with_retries(mut self, retries: u8) -> Self {
        self.retries = retries;
        self
    }

    /// The id by which Inngest knows the endpoint. Changing it makes it another function there.
    #[must_use]
    pub const fn id(&self) -> &'static str {
        self.id
    }

    /// How often a failed step is retried, the first attempt not counted.
    #[must_use]
    pub const fn retries(&self) -> u8 {
        self.retries
    }
}

/// For a handler without the attribute: Inngest names it `<METHOD> <path>`.
impl Default for FnOpts {
    fn default() -> Self {
        Self::new("")
    }
}

/// A step with a literal id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepMeta {
    id: &'static str,
    hash: StepHash,
    kind: StepKind,
}

impl StepMeta {
    pub(crate) const fn new(id: &'static str, hash: StepHash, kind: StepKind) -> Self {
        Self { id, hash, kind }
    }

    /// The id as written.
    #[must_use]
    pub const fn id(&self) -> &'static str {
        self.id
    }

    /// The hash by which Inngest knows the step, computed at compile time.
    #[must_use]
    pub const fn hash(&self) -> StepHash {
        self.hash
    }

    /// What the step does.
    #[must_use]
    pub const fn kind(&self) -> StepKind {
        self.kind
    }
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StepKind {
    /// [`Step::run`](crate::Step::run).
    Run,
    /// [`Step::sleep`](crate::Step::sleep) or [`Step::sleep_until`](crate::Step::sleep_until).
    Sleep,
    /// [`Step::wait_for_event`](crate::Step::wait_for_event).
    WaitForEvent,
    /// [`Step::send_event`](crate::Step::send_event) or [`Step::send_events`](crate::Step::send_events).
    SendEvent,
    /// [`Step::invoke`](crate::Step::invoke).
    Invoke,
    /// [`Step::wait_for_signal`](crate::Step::wait_for_signal).
    WaitForSignal,
    /// [`Step::send_signal`](crate::Step::send_signal).
    SendSignal,
    /// [`Step::fetch`](crate::Step::fetch).
    Fetch,
    /// [`Step::ai_infer`](crate::Step::ai_infer).
    AiInfer,
}

/// An endpoint that is linked into this program.
#[derive(Clone, Copy)]
pub struct Registration {
    pub(crate) opts: FnOpts,
    pub(crate) steps: &'static [StepMeta],
    pub(crate) function: &'static str,
    pub(crate) file: &'static str,
    pub(crate) line: u32,
}

impl Registration {
    /// Its options.
    #[must_use]
    pub fn opts(&self) -> FnOpts {
        self.opts
    }

    /// Its steps with a literal id.
    #[must_use]
    pub fn steps(&self) -> &'static [StepMeta] {
        self.steps
    }

    /// The function's path, such as `shop::orders::create_order`.
    #[must_use]
    pub fn function(&self) -> &'static str {
        self.function
    }

    /// Where the function is written, as `file:line`.
    #[must_use]
    pub fn location(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration")
            .field("id", &self.opts.id)
            .field("function", &self.function)
            .field("location", &self.location())
            .finish_non_exhaustive()
    }
}

inventory::collect!(Registration);

/// Every endpoint annotated with [`#[api_fn]`](macro@crate::api_fn) that is linked into this program, in no
/// particular order.
pub fn registered() -> impl Iterator<Item = &'static Registration> {
    inventory::iter::<Registration>.into_iter()
}
