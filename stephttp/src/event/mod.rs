//! Events: what a run sends, and what it waits for.

mod batch;
mod check;
mod data;
mod received;
mod timestamp;

use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use batch::{Changing, batch, to_wire};
pub(crate) use check::{check_depth, check_numbers, check_size, name_fault, object};
pub use data::{EventData, EventFields};
pub(crate) use received::read;

/// An event, with data of type `T`.
///
/// ```
/// use inngest::Event;
/// use serde::Serialize;
///
/// #[derive(Serialize)]
/// struct Placed {
///     order_id: String,
/// }
///
/// let event = Event::new("shop/order.placed", Placed { order_id: "o-7".to_owned() });
/// assert_eq!(event.name, "shop/order.placed");
/// ```
///
/// [`Step::send_event`](crate::Step::send_event) sends it;
/// [`Step::wait_for_event`](crate::Step::wait_for_event) gives one that came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Event<T = Value> {
    /// What happened, such as `shop/order.placed`.
    pub name: String,
    /// More about it: JSON's object, or null.
    ///
    /// Inngest keeps numbers as 64-bit floats. An integer beyond ±(2⁵³ − 1) would be rounded, as
    /// would a decimal with more digits than an `f64` has, so it is refused when the event is sent:
    /// send such numbers as text. `1.0` is sent, and comes as `1`.
    pub data: T,
    /// What Inngest knows the event by. When one is set before sending, Inngest starts functions at
    /// most once for it in 24 hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// When it happened, to the millisecond; when Inngest got it, unless set.
    #[serde(default, with = "timestamp", skip_serializing_if = "Option::is_none")]
    pub ts: Option<SystemTime>,
    /// Whom it is about; JSON's object. Inngest would rather have it in the data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<Value>,
    /// The version of the data's schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub v: Option<String>,
}

impl<T> Event<T> {
    /// An event with a name and data. `Event::new(name, ())` has no data.
    pub fn new(name: impl Into<String>, data: T) -> Self {
        Self { name: name.into(), data, id: None, ts: None, user: None, v: None }
    }

    /// Sets what Inngest knows the event by: of events with the same id, it acts on the first.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Sets when it happened; less than a millisecond is cut off. A time to come delays the
    /// functions that it starts.
    #[must_use]
    pub fn ts(mut self, instant: SystemTime) -> Self {
        self.ts = Some(timestamp::millis(instant).map_or(instant, timestamp::instant));
        self
    }

    /// Sets whom it is about: JSON's object.
    #[must_use]
    pub fn user(mut self, user: Value) -> Self {
        self.user = Some(user);
        self
    }

    /// Sets the version of the data's schema.
    #[must_use]
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.v = Some(version.into());
        self
    }
}

impl<T: EventData> Event<T> {
    /// An event of a type that says which it is, with its name and version.
    ///
    /// [`Step::send`](crate::Step::send) sends the data alone. Here more can be said of it:
    ///
    /// ```
    /// # use inngest::{Event, EventData, Step, StepError};
    /// # use serde::Serialize;
    /// #[derive(Serialize, EventData)]
    /// #[event(name = "shop/paid", v = "1")]
    /// struct Paid {
    ///     order: String,
    /// }
    ///
    /// async fn tell(step: &Step, order: String) -> Result<String, StepError> {
    ///     let id = format!("paid-{order}");
    ///     step.send_event("tell", Event::of(Paid { order }).id(id)).await
    /// }
    /// ```
    pub fn of(data: T) -> Self {
        Self { v: T::VERSION.map(str::to_owned), ..Self::new(T::NAME, data) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    #[test]
    fn a_recorded_event_is_read_and_written_back() {
        // As recorded: docs/protocol.md 6.2
        let json = json!({"data": {"id": "abc", "n": 1}, "id": "01M817P1Q0E2B2BNEMM2F57GWT", "name": "test/ev-js",
            "ts": 1_795_337_946_848_u64, "user": {}});
        let event: Event<Value> = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(event.name, "test/ev-js");
        assert_eq!(event.data["n"], 1);
        assert_eq!(event.id.as_deref(), Some("01M817P1Q0E2B2BNEMM2F57GWT"));
        assert_eq!(event.ts, Some(SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_337_946_848)));
        assert_eq!(serde_json::to_value(event).unwrap(), json);
    }

    #[test]
    fn a_time_may_come_as_a_float_or_not_at_all() {
        let read = |json: &str| serde_json::from_str::<Event>(json).unwrap().ts;
        let expected = Some(SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_337_946_848));
        assert_eq!(read(r#"{"name":"a","data":{},"ts":1.795337946848e12}"#), expected);
        assert_eq!(read(r#"{"name":"a","data":{},"ts":null}"#), None);
        assert_eq!(read(r#"{"name":"a","data":{}}"#), None);
        let event = Event::new("a", ()).ts(SystemTime::UNIX_EPOCH + Duration::new(1_000_000_000, 1_999_999));
        assert_eq!(serde_json::to_string(&event).unwrap(), r#"{"name":"a","data":null,"ts":1000000000001}"#);
        assert_eq!(event.ts, Some(SystemTime::UNIX_EPOCH + Duration::new(1_000_000_000, 1_000_000)));
    }
}
