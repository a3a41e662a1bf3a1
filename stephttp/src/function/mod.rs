//! What is known of an endpoint at compile time: [`ApiFn`], and all that are [`registered`].
//!
//! Its options are [`FnOpts`]. Functions that run steps for endpoints are
//! [`registered_helpers`].

pub(crate) mod async_response;
mod helper;
pub(crate) mod opts;
pub(crate) mod step_id;
mod step_meta;
mod whose;

use std::collections::HashSet;
use std::fmt;

pub(crate) use async_response::{AsyncResponse, CustomResponse, RunOutput};
pub use helper::{Helper, registered_helpers};
pub(crate) use opts::FnOpts;
pub use opts::{Deliver, OnError, Track};
pub(crate) use step_id::StepId;
pub use step_meta::{StepKind, StepMeta};
pub(crate) use whose::Whose;

/// An endpoint annotated with [`#[api_fn]`](macro@crate::api_fn).
///
/// The attribute implements it on an empty enum that has the function's name:
///
/// ```
/// use inngest::function::ApiFn;
/// use inngest::{Step, StepError};
///
/// #[inngest::api_fn(id = "greet", retries = 5)]
/// async fn greet(step: Step) -> Result<String, StepError> {
///     step.run("name", async { Ok("Ada".to_owned()) }).await
/// }
///
/// assert_eq!(greet::OPTS.id(), "greet");
/// assert_eq!(greet::OPTS.get_retries(), 5);
/// assert_eq!(greet::STEPS[0].id(), "name");
/// ```
pub trait ApiFn {
    /// The options given to the attribute.
    const OPTS: FnOpts;
    /// The steps with a literal id in the function's body, in the order of the source.
    const STEPS: &'static [StepMeta];
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
            .field("id", &self.opts.id())
            .field("function", &self.function)
            .field("location", &self.location())
            .finish_non_exhaustive()
    }
}

/// What Inngest calls a function of a method: Inngest's own form, by which it names functions of a
/// method and a path.
pub(crate) fn name(method: &str, of: &str) -> String {
    [method, " ", of].concat()
}

inventory::collect!(Registration);

/// Every endpoint annotated with [`#[api_fn]`](macro@crate::api_fn) that is linked into this
/// program, in no particular order.
pub fn registered() -> impl Iterator<Item = &'static Registration> {
    let mut known = HashSet::new();
    // An attribute above `#[api_fn]` may have made a copy of the function, as
    // `#[axum::debug_handler]` does.
    inventory::iter::<Registration>
        .into_iter()
        .filter(move |this| known.insert((this.opts.id(), this.function, this.file, this.line)))
}
