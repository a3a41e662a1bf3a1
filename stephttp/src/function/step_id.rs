//! A step's id.

use std::borrow::Cow;
use std::fmt;

use crate::untrusted::shown;
use crate::wire::COMPLETE_ID;
use crate::wire::StepHash;
use crate::wire::limits::STEP_ID_BYTES;

/// What the ids of the SDK's own, hidden steps begin with.
const RESERVED_PREFIX: &str = "stephttp:";

/// A step's id: what makes its result known again in a later request.
///
/// Any text of up to 1,024 bytes but `complete`, which Inngest uses for a run's result, and what
/// begins with `stephttp:`. You rarely name this type: `&str` and `String` become one. In a
/// function annotated with [`#[api_fn]`](macro@crate::api_fn) or
/// [`#[step_fn]`](macro@crate::step_fn) a literal id is hashed at compile time.
///
/// # Ids used more than once
///
/// The second use of an id in a run is known to Inngest as `id:1`, the third as `id:2`, and so on,
/// in the order in which the step methods are *called* (an index already taken by an id written
/// out, such as `"charge:1"`, is skipped). That is the same in every request as long as the calls
/// are. Where they are not (items in changing order, say), put what identifies the item into the
/// id.
///
/// A future that is dropped before it is polled has not come to its step, and its use does not
/// count. When a later use of the id has been made by then, that one keeps its number, and a
/// warning says so: make a step's future where it is awaited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepId {
    text: Cow<'static, str>,
    hash: Option<StepHash>,
}

impl StepId {
    pub(crate) const fn hashed(text: &'static str, hash: StepHash) -> Self {
        Self { text: Cow::Borrowed(text), hash: Some(hash) }
    }

    /// The hash of the id's first use.
    pub(crate) fn hash(&self) -> StepHash {
        self.hash.unwrap_or_else(|| StepHash::of(&self.text))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn into_text(self) -> Cow<'static, str> {
        self.text
    }

    /// Why this is no id, in words for the developer.
    pub(crate) fn fault(&self) -> Option<String> {
        if self.text.is_empty() {
            Some("a step's id is empty: give it a name that is unique in its handler".to_owned())
        } else if self.text.len() > STEP_ID_BYTES {
            let (id, length) = (shown(&self.text), self.text.len());
            Some(format!("the step id `{id}` has {length} bytes, but at most {STEP_ID_BYTES} are allowed"))
        } else if self.text == COMPLETE_ID {
            Some("the step id `complete` is reserved: Inngest uses it for the run's result".to_owned())
        } else if self.text.starts_with(RESERVED_PREFIX) {
            Some(format!(
                "the step id `{}` is reserved: this crate keeps its own notes under `{RESERVED_PREFIX}…`",
                shown(&self.text)
            ))
        } else {
            None
        }
    }
}

/// Of every text, so that what is none is explained.
impl<T> From<T> for StepId
where
    Self: OfText<T>,
{
    fn from(id: T) -> Self {
        Self { text: Self::text(id), hash: None }
    }
}

/// That a `T` is a text, which may be a step's id. Asked of [`StepId`], because rustc would name
/// `Into<StepId>` if it were asked of the `T`.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a step's id is a text, and `{T}` is none",
    label = "write one that says what the step does, as `\"charge-card\"`, or make one, as `format!(\"ship-{{order}}\")`"
)]
pub trait OfText<T> {
    fn text(id: T) -> Cow<'static, str>;
}

impl OfText<&str> for StepId {
    fn text(id: &str) -> Cow<'static, str> {
        Cow::Owned(id.to_owned())
    }
}

impl OfText<&String> for StepId {
    fn text(id: &String) -> Cow<'static, str> {
        Cow::Owned(id.clone())
    }
}

impl OfText<String> for StepId {
    fn text(id: String) -> Cow<'static, str> {
        Cow::Owned(id)
    }
}

impl OfText<Cow<'static, str>> for StepId {
    fn text(id: Cow<'static, str>) -> Cow<'static, str> {
        id
    }
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
