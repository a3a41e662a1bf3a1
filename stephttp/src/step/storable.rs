//! What a step's output must be.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A value that can be stored as JSON between the requests of a run: everything that is both
/// [`Serialize`] and [`DeserializeOwned`].
///
/// It owns its data: `String`, not `&str`.
///
/// # What is stored
///
/// The value's JSON, which Inngest's dashboard shows. Inngest keeps numbers as 64-bit floats, so a
/// value that would not come back the same, such as a large integer, is stored as a text,
/// `{"stephttp:json": "…"}`, from which it is read again:
///
/// | Value | Stored |
/// |---|---|
/// | `Order { id: 17, total: 10.0 }` | `{"id":17,"total":10.0}` |
/// | `Order { id: 1234567890123456789, total: 10.0 }` | `{"stephttp:json":"{\"id\":1234567890123456789,\"total\":10.0}"}` |
/// | a `RawValue` of more than 127 levels, which `serde_json` would not read again | the same, with its JSON |
/// | `serde_json::json!(17)` | `17` |
/// | `serde_json::json!(17.0)`, which would come back as `17` | `{"stephttp:json":"17.0"}` |
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored as a step's output: it must implement both `Serialize` and `Deserialize`, and own \
               its data",
    label = "write `#[derive(serde::Serialize, serde::Deserialize)]` on it, or let the step give what of it can be stored",
    note = "a finished step is not run again: Inngest keeps its output as JSON, and later requests read it from there",
    note = "of another crate's type, give what it holds: a `SystemTime` for an `Instant`, the text of a response"
)]
pub trait Storable: Serialize + DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> Storable for T {}
