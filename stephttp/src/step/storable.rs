//! What a step's output must be.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A value that can be stored as JSON between the requests of a run: everything that is both [`Serialize`] and
/// [`DeserializeOwned`].
///
/// It owns its data: `String`, not `&str`. What comes back is what its JSON says; see
/// [`Step::run`](crate::Step::run#what-is-stored).
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored as a step's output: it must implement both `Serialize` and `Deserialize`, and own \
               its data",
    label = "write `#[derive(serde::Serialize, serde::Deserialize)]` on it, or let the step give what of it can be stored",
    note = "a finished step is not run again: Inngest keeps its output as JSON, and later requests read it from there"
)]
pub trait Storable: Serialize + DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> Storable for T {}
