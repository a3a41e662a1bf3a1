//! Why a step failed, on the wire.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// Why a step failed.
///
/// ```json
/// {"name":"CardDeclined","message":"the card was declined","cause":{"name":"Error","message":"limit"}}
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OpError {
    /// The error's type.
    #[serde(default)]
    pub name: String,
    /// What went wrong.
    #[serde(default)]
    pub message: String,
    /// More about it, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<String>,
    /// What caused it. Other SDKs may have any JSON here; what is no error becomes one with that text as its message.
    #[serde(default, deserialize_with = "cause", skip_serializing_if = "Option::is_none")]
    pub cause: Option<Box<OpError>>,
}

impl OpError {
    /// An error with a name and a message.
    pub fn new(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self { name: name.into(), message: message.into(), stack: None, cause: None }
    }

    /// An error of this SDK's own, whose message holds nothing but names and numbers: limits, and misuse.
    pub(crate) fn own(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self { stack: Some(OWN.to_owned()), ..Self::new(name, message) }
    }

    pub(crate) fn is_own(&self) -> bool {
        self.stack.as_deref() == Some(OWN)
    }
}

/// In the place of a stack: no failure of a step has one.
const OWN: &str = "stephttp";

fn cause<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<OpError>>, D::Error> {
    let cause = match Value::deserialize(deserializer)? {
        Value::Null => return Ok(None),
        Value::String(message) => OpError::new("", message),
        other => match OpError::deserialize(&other) {
            Ok(error) if other.is_object() && !error.message.is_empty() => error,
            _ => OpError::new("", other.to_string()),
        },
    };
    Ok(Some(Box::new(cause)))
}
