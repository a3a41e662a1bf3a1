//! Events whose name, version and fields are known at compile time.

/// An event's data, of a type that says which event it is.
///
/// The derive makes it of a struct with named fields:
///
/// ```
/// use inngest::EventData;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, EventData)]
/// #[event(name = "shop/paid", v = "1")]
/// struct Paid {
///     order: String,
///     cents: u32,
/// }
///
/// assert_eq!((Paid::NAME, Paid::VERSION), ("shop/paid", Some("1")));
/// ```
///
/// [`Step::send`](crate::Step::send) sends it, [`Step::wait_for`](crate::Step::wait_for) waits for
/// it, and [`Events::send`](crate::Events::send) sends it outside of steps. A type that is only
/// sent needs no `Deserialize`, one that is only waited for no `Serialize`.
///
/// # Options
///
/// | Option | On | Says |
/// |---|---|---|
/// | `name = "shop/paid"` | the struct | the event's name, a literal. It must not be empty, have over 512 bytes, spaces around it, or begin with `inngest/` |
/// | `v = "1"` | the struct | the [version](crate::Event::v) that it is sent with; a wait does not look at it |
/// | `crate = path::to::facade` | the struct | where `stephttp` is, for a crate that has it by another |
/// | `safe_integer` | a field | its integers are within ±(2⁵³ − 1), whatever its type: see below |
///
/// A name that Inngest would refuse does not compile:
///
/// ```compile_fail
/// # use inngest::EventData;
/// #[derive(EventData)]
/// #[event(name = "inngest/paid")]
/// struct Paid {}
/// ```
///
/// # Integers
///
/// Inngest keeps the numbers of an event as 64-bit floats, and those who get it may be written in
/// any language. So integers are not sent in a form of this crate's own, as outputs of steps are:
/// an event with one beyond ±(2⁵³ − 1) is [not sent](crate::Event::data). Where a field's type
/// shows that this can happen, the derive refuses it: `u64`, `i64`, `u128`, `i128`, `usize` and
/// `isize`, also in `Option`, `Vec`, tuples, maps and the like. Write `u32`, or `String` for an id.
/// Where the values are small enough, say so:
///
/// ```
/// # use inngest::EventData;
/// # use serde::{Deserialize, Serialize};
/// #[derive(Serialize, Deserialize, EventData)]
/// #[event(name = "shop/paid")]
/// struct Paid {
///     #[event(safe_integer)]
///     cents: u64,
/// }
/// ```
///
/// Without that, it does not compile:
///
/// ```compile_fail
/// # use inngest::EventData;
/// # use serde::{Deserialize, Serialize};
/// #[derive(Serialize, Deserialize, EventData)]
/// #[event(name = "shop/paid")]
/// struct Paid {
///     cents: u64,
/// }
/// ```
///
/// # What it is for
///
/// Structs with named fields: their data is a JSON object with the same fields each time. Refused
/// are enums, tuple structs, structs without fields (write `struct Closed {}`), those generic over
/// types, and `#[serde(transparent)]`, `from`, `try_from` and `into`. A struct that borrows,
/// `Paid<'a>`, can be sent, and not be waited for. Other values are sent untyped, with
/// [`Event::new`](crate::Event::new). Names in JSON are those that serde reads: `rename`,
/// `rename_all`, `skip` and `flatten` count.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say which event it is",
    label = "not the data of an event with a name",
    note = "put `#[derive(inngest::EventData)]` and `#[event(name = \"…\")]` on the type; an untyped `Event` is sent with \
            `send_event`, and waited for with `wait_for_event`"
)]
pub trait EventData: EventFields {
    /// The event's name, such as `shop/paid`.
    const NAME: &'static str;

    /// The version of the data's schema, with which the event is sent.
    const VERSION: Option<&'static str> = None;
}

/// The fields of an object in an event, as [filters](crate::step::WaitForStep::matching) name them.
///
/// [`EventData`]'s derive makes it of a whole event. An object inside of one derives it by itself:
///
/// ```
/// use inngest::{EventData, EventFields};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, EventFields)]
/// struct Payer {
///     id: String,
/// }
///
/// #[derive(Serialize, Deserialize, EventData)]
/// #[event(name = "shop/paid")]
/// struct Paid {
///     payer: Payer,
/// }
///
/// let condition = Paid::fields().payer.field(|payer| payer.id).eq("p-7");
/// assert_eq!(condition.to_string(), r#"async.data.payer.id == "p-7""#);
/// ```
#[diagnostic::on_unimplemented(
    message = "the fields of `{Self}` are not known",
    label = "no fields that a filter can name",
    note = "put `#[derive(inngest::EventFields)]` on the type of an object inside of an event"
)]
pub trait EventFields: Sized {
    /// A struct with a [`Field`](crate::step::Field) for each field.
    type Fields;

    /// All of them.
    fn fields() -> Self::Fields;
}
