//! Operations as they come in, read no more strictly than the real server reads them.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use inngest::wire::StepHash;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::inspect::label;
use crate::json;

/// One operation.
#[derive(Clone)]
pub(crate) struct IncomingOp {
    /// The hashed id; empty when missing.
    pub(crate) id: String,
    pub(crate) code: Code,
    pub(crate) name: Option<String>,
    /// The id as the user wrote it.
    pub(crate) user_id: Option<String>,
    pub(crate) index: u32,
    pub(crate) opts: Value,
    pub(crate) data: Option<Box<RawValue>>,
    pub(crate) error: Option<Value>,
    /// The same as it came.
    raw_error: Option<Box<RawValue>>,
    /// When the step began, on the app's clock.
    pub(crate) began: Option<SystemTime>,
    /// How long it took.
    pub(crate) took: Option<Duration>,
    /// By these two an operation is known again: the whole of it, and its outcome alone.
    pub(crate) identity: u64,
    pub(crate) outcome: u64,
}

/// What an operation is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    None,
    StepRun,
    StepError,
    StepFailed,
    StepPlanned,
    Sleep,
    WaitForEvent,
    WaitForSignal,
    InvokeFunction,
    Gateway,
    AiGateway,
    RunComplete,
    SyncRunComplete,
    DiscoveryRequest,
    /// Exists, but not in this server.
    Unsupported(&'static str),
}

impl Code {
    fn parse(name: &str) -> Option<Self> {
        const UNSUPPORTED: [&str; 3] = ["Step", "DeferAdd", "DeferAbort"];
        Some(match name {
            "" | "None" => Self::None,
            "StepRun" => Self::StepRun,
            "StepError" => Self::StepError,
            "StepFailed" => Self::StepFailed,
            "StepPlanned" => Self::StepPlanned,
            "Sleep" => Self::Sleep,
            "WaitForEvent" => Self::WaitForEvent,
            "WaitForSignal" => Self::WaitForSignal,
            "InvokeFunction" => Self::InvokeFunction,
            "Gateway" => Self::Gateway,
            "AIGateway" => Self::AiGateway,
            "RunComplete" => Self::RunComplete,
            "SyncRunComplete" => Self::SyncRunComplete,
            "DiscoveryRequest" => Self::DiscoveryRequest,
            other => Self::Unsupported(UNSUPPORTED.iter().find(|name| **name == other)?),
        })
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::StepRun => "StepRun",
            Self::StepError => "StepError",
            Self::StepFailed => "StepFailed",
            Self::StepPlanned => "StepPlanned",
            Self::Sleep => "Sleep",
            Self::WaitForEvent => "WaitForEvent",
            Self::WaitForSignal => "WaitForSignal",
            Self::InvokeFunction => "InvokeFunction",
            Self::Gateway => "Gateway",
            Self::AiGateway => "AIGateway",
            Self::RunComplete => "RunComplete",
            Self::SyncRunComplete => "SyncRunComplete",
            Self::DiscoveryRequest => "DiscoveryRequest",
            Self::Unsupported(name) => name,
        }
    }

    /// Whether the operation ends the run.
    pub(crate) fn ends(self) -> bool {
        matches!(self, Self::RunComplete | Self::SyncRunComplete)
    }

    /// Whether it says that a step was run, successfully or not.
    pub(crate) fn ran(self) -> bool {
        matches!(self, Self::StepRun | Self::StepError | Self::StepFailed)
    }

    /// Whether it leaves something to be done later, by the server or by the app.
    pub(crate) fn plans(self) -> bool {
        matches!(
            self,
            Self::StepPlanned
                | Self::Sleep
                | Self::WaitForEvent
                | Self::WaitForSignal
                | Self::InvokeFunction
                | Self::Gateway
                | Self::AiGateway
        )
    }

    /// Whether the app is called back because of it, now or later.
    pub(crate) fn calls_back(self) -> bool {
        self.plans() || matches!(self, Self::StepError | Self::StepFailed | Self::DiscoveryRequest)
    }

    /// Whether it is taken before the others that came with it.
    pub(crate) fn goes_first(self) -> bool {
        self == Self::WaitForEvent
    }
}

/// Why operations cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// No such operation.
    UnknownOp(String),
    /// An operation that this server does not support.
    Unsupported(&'static str),
    /// The JSON is not of the right shape.
    Shape(String),
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            // The real server's words.
            Self::UnknownOp(name) => write!(f, "{name} does not belong to Opcode values"),
            Self::Unsupported(name) => write!(f, "the dev server does not support {name}"),
            Self::Shape(message) => f.write_str(message),
        }
    }
}

#[derive(Deserialize)]
struct Fields {
    id: Option<String>,
    op: Option<String>,
    name: Option<String>,
    userland: Option<UserlandFields>,
    #[serde(default)]
    opts: Value,
    data: Option<Box<RawValue>>,
    error: Option<Box<RawValue>>,
    timing: Option<TimingFields>,
}

#[derive(Deserialize)]
struct TimingFields {
    /// Nanoseconds since the Unix epoch.
    #[serde(default)]
    a: u64,
    /// Nanoseconds that the step took.
    #[serde(default)]
    b: Value,
}

#[derive(Deserialize)]
struct UserlandFields {
    id: Option<String>,
    index: Option<u32>,
}

impl IncomingOp {
    fn parse(raw: &RawValue) -> Result<Self, Unreadable> {
        let fields: Fields = json::read(raw.get()).map_err(|error| Unreadable::Shape(error.to_string()))?;
        let error: Option<Value> = fields.error.as_ref().and_then(|error| json::read(error.get()).ok());
        if fields.error.is_some() && !error.as_ref().is_some_and(Value::is_object) {
            return Err(Unreadable::Shape("`error` is not an object".to_owned()));
        }
        let name = fields.op.unwrap_or_default();
        let code = match Code::parse(&name) {
            None => return Err(Unreadable::UnknownOp(name)),
            Some(Code::Unsupported(name)) => return Err(Unreadable::Unsupported(name)),
            Some(code) => code,
        };
        let (user_id, index) = match fields.userland {
            Some(userland) => (userland.id, userland.index.unwrap_or_default()),
            None => (None, 0),
        };
        let outcome = match &error {
            Some(error) => hash(&(code.as_str(), error.to_string())),
            None => hash(&(code.as_str(), fields.data.as_ref().map(|data| data.get()))),
        };
        Ok(Self {
            id: fields.id.unwrap_or_default(),
            code,
            name: fields.name,
            user_id,
            index,
            opts: fields.opts,
            data: fields.data,
            error,
            raw_error: fields.error,
            took: fields.timing.as_ref().and_then(|timing| timing.b.as_u64()).map(Duration::from_nanos),
            began: fields.timing.map(|timing| UNIX_EPOCH + Duration::from_nanos(timing.a)),
            identity: hash(raw.get()),
            outcome,
        })
    }

    /// What people call the step.
    pub(crate) fn label(&self) -> String {
        match &self.user_id {
            Some(id) => label(id, self.index, &self.id),
            None => self.name.clone().unwrap_or_else(|| self.id.clone()),
        }
    }

    /// Whether `opts.parallelMode` asks the server to go on after this step, even while others are
    /// still open.
    pub(crate) fn races(&self) -> bool {
        matches!(self.opts.get("parallelMode").and_then(Value::as_str), Some("race" | "Race"))
    }

    /// Whether it is no operation at all.
    pub(crate) fn is_nothing(&self) -> bool {
        self.code == Code::None && self.id.is_empty()
    }

    /// Whether its error says that it must not be tried again.
    pub(crate) fn no_retry(&self) -> bool {
        self.error.as_ref().and_then(|error| error.get("noRetry")) == Some(&Value::Bool(true))
    }

    /// Whether the id is one that the real server could have been meant to get.
    pub(crate) fn has_proper_id(&self) -> bool {
        StepHash::from_hex(&self.id).is_some_and(|hash| hash.to_string() == self.id)
    }

    /// A step's output as it is stored: `{"data":…}`.
    pub(crate) fn stored_output(&self) -> String {
        format!(r#"{{"data":{}}}"#, self.data.as_ref().map_or("null", |data| data.get()))
    }

    /// A step's error as it is stored: `{"error":…}`, without what is only for the server.
    pub(crate) fn stored_error(&self) -> String {
        let raw = self.raw_error.as_ref().map_or("{}", |error| error.get());
        let mut fields: BTreeMap<String, &RawValue> = serde_json::from_str(raw).unwrap_or_default();
        fields.remove("__serialized");
        fields.remove("noRetry");
        let error = serde_json::to_string(&fields).unwrap_or_else(|_| "{}".to_owned());
        format!(r#"{{"error":{error}}}"#)
    }

    /// The error's message.
    pub(crate) fn message(&self) -> String {
        let message = self.error.as_ref().and_then(|error| error.get("message")).and_then(Value::as_str);
        message.unwrap_or("no message").to_owned()
    }
}

impl std::fmt::Debug for IncomingOp {
    // Without options and data: they may hold keys.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IncomingOp").field("id", &self.id).field("code", &self.code).finish_non_exhaustive()
    }
}

/// Reads an array of operations.
pub(crate) fn parse(ops: &[Box<RawValue>]) -> Result<Vec<IncomingOp>, Unreadable> {
    ops.iter().map(|raw| IncomingOp::parse(raw)).collect()
}

/// A hash within this process.
pub(crate) fn hash<T: Hash + ?Sized>(value: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn op(text: &str) -> Result<IncomingOp, Unreadable> {
        IncomingOp::parse(&RawValue::from_string(text.to_owned()).unwrap())
    }

    // docs/protocol.md 2.1
    #[test]
    fn what_the_real_server_reads_is_read_and_what_it_refuses_is_refused() {
        assert_eq!(op("{}").unwrap().code, Code::None);
        assert_eq!(op(r#"{"op":"None"}"#).unwrap().code, Code::None);
        assert_eq!(op(r#"{"op":"StepRun","zzz":1,"timing":null}"#).unwrap().code, Code::StepRun);
        assert_eq!(op(r#"{"op":"Bogus"}"#).unwrap_err(), Unreadable::UnknownOp("Bogus".to_owned()));
        assert_eq!(op(r#"{"op":"Gateway"}"#).unwrap().code, Code::Gateway);
        assert_eq!(op(r#"{"op":"DeferAdd"}"#).unwrap_err(), Unreadable::Unsupported("DeferAdd"));
        assert!(matches!(op(r#"{"op":"StepError","error":"boom"}"#), Err(Unreadable::Shape(_))));
        assert!(matches!(op("1"), Err(Unreadable::Shape(_))));
    }

    #[test]
    fn outputs_are_stored_as_they_came() {
        assert_eq!(
            op(r#"{"data":{"b":1.0,"a":[ 1]}}"#).unwrap().stored_output(),
            r#"{"data":{"b":1.0,"a":[ 1]}}"#
        );
        assert_eq!(op("{}").unwrap().stored_output(), r#"{"data":null}"#);
        let error = op(
            r#"{"op":"StepFailed","error":{"name":"E","message":"m","noRetry":true,"__serialized":true}}"#,
        );
        assert_eq!(error.unwrap().stored_error(), r#"{"error":{"message":"m","name":"E"}}"#);
    }
}
