//! Functions that run steps for handlers.

use std::collections::HashSet;
use std::fmt;

use super::StepMeta;

/// A function annotated with [`#[step_fn]`](macro@crate::step_fn) that is linked into this program.
#[derive(Clone, Copy)]
pub struct Helper {
    pub(crate) function: &'static str,
    pub(crate) steps: &'static [StepMeta],
    pub(crate) file: &'static str,
    pub(crate) line: u32,
}

impl Helper {
    /// Its steps with a literal id, in the order of the source.
    #[must_use]
    pub fn steps(&self) -> &'static [StepMeta] {
        self.steps
    }

    /// The function's path, such as `shop::payment::charge`: its module and its name. A method's
    /// type is not in it.
    #[must_use]
    pub fn function(&self) -> &'static str {
        self.function
    }

    /// Where the function is written, as `file:line`.
    #[must_use]
    pub fn location(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }

    /// What only copies of it share; also the order in which those of one path are compared. All
    /// that one `macro_rules!` call makes is at one place.
    pub(crate) fn key(&self) -> (&'static str, &'static str, u32, Vec<&'static str>) {
        (self.function, self.file, self.line, self.steps.iter().map(StepMeta::id).collect())
    }
}

impl fmt::Debug for Helper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Helper")
            .field("function", &self.function)
            .field("location", &self.location())
            .finish_non_exhaustive()
    }
}

inventory::collect!(Helper);

/// Every function annotated with [`#[step_fn]`](macro@crate::step_fn) that is linked into this
/// program, in no particular order.
///
/// ```
/// use inngest::{Step, StepError};
///
/// #[inngest::step_fn]
/// async fn greet<N: Into<String>>(step: &Step, name: N) -> Result<String, StepError> {
///     let name = name.into();
///     step.run("greet", async { Ok(format!("hello, {name}")) }).await
/// }
///
/// let helper = inngest::function::registered_helpers().next().unwrap();
/// assert!(helper.function().ends_with("::greet"));
/// assert_eq!(helper.steps()[0].id(), "greet");
/// ```
pub fn registered_helpers() -> impl Iterator<Item = &'static Helper> {
    let mut known = HashSet::new();
    // An attribute above `#[step_fn]` may have made a copy of the function.
    inventory::iter::<Helper>.into_iter().filter(move |this| known.insert(this.key()))
}
