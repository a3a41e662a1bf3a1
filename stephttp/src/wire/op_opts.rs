//! Parameters of operations.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

#[cfg(doc)]
use super::OpCode;

/// Parameters of an operation; which are set depends on the [`OpCode`].
#[derive(Clone, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OpOpts<'a> {
    /// For [`OpCode::Sleep`]: a duration such as `2s`, or an instant in RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Cow<'a, str>>,
    /// For [`OpCode::WaitForEvent`]: the event's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Cow<'a, str>>,
    /// For [`OpCode::WaitForEvent`]: a CEL expression over `event`, which began the run, and
    /// `async`, which comes.
    #[serde(default, rename = "if", skip_serializing_if = "Option::is_none")]
    pub expression: Option<Cow<'a, str>>,
    /// For [`OpCode::WaitForSignal`]: the signal's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<Cow<'a, str>>,
    /// For [`OpCode::WaitForSignal`]: what becomes of another run that waits for it, `fail` or
    /// `replace`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conflict: Option<Cow<'a, str>>,
    /// For [`OpCode::InvokeFunction`]: the function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function_id: Option<Cow<'a, str>>,
    /// For [`OpCode::InvokeFunction`]: the event that the function gets, without a name:
    /// `{"data": …}`. The server crashes without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Cow<'a, RawValue>>,
    /// For waits and invocations: a duration such as `2s`, or an instant in RFC 3339; a year when
    /// it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Cow<'a, str>>,
    /// For gateways: the URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Cow<'a, str>>,
    /// For [`OpCode::Gateway`]: the method; POST when it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Cow<'a, str>>,
    /// For gateways: headers, one string for each name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headers: Option<BTreeMap<Cow<'a, str>, Cow<'a, str>>>,
    /// For [`OpCode::Gateway`] a string, for [`OpCode::AiGateway`] any JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Cow<'a, RawValue>>,
    /// For [`OpCode::AiGateway`]: the provider's API key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_key: Option<Secret<'a>>,
    /// For [`OpCode::AiGateway`]: how the provider is spoken to, such as `openai-chat` or
    /// `anthropic`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Cow<'a, str>>,
    /// For the dashboard: which of the SDK's tools the step is, such as `step.sendEvent`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub step_type: Option<Cow<'a, str>>,
    /// Whether the server waits for the other operations of a group.
    #[serde(default, rename = "parallelMode", skip_serializing_if = "Option::is_none")]
    pub parallel_mode: Option<ParallelMode>,
}

impl<'a> OpOpts<'a> {
    /// The parameters of a sleep.
    #[must_use]
    pub fn sleep(duration: impl Into<Cow<'a, str>>) -> Self {
        Self { duration: Some(duration.into()), ..Self::default() }
    }
}

/// Names what is set, and shows nothing that may be a secret: headers, URLs and bodies hold tokens.
impl fmt::Debug for OpOpts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpOpts")
            .field("duration", &self.duration)
            .field("event", &self.event)
            .field("signal", &self.signal)
            .field("function_id", &self.function_id)
            .field("timeout", &self.timeout)
            .field("method", &self.method)
            .field("headers", &self.headers.as_ref().map(|headers| headers.keys().collect::<Vec<_>>()))
            .field("step_type", &self.step_type)
            .field("parallel_mode", &self.parallel_mode)
            .finish_non_exhaustive()
    }
}

/// When the server calls back for one operation of several that it was given in one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ParallelMode {
    /// As soon as this one is done. Otherwise it waits until all of them are.
    Race,
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret<'a>(Cow<'a, str>);

impl<'a> Secret<'a> {
    /// Hides a text.
    pub fn new(text: impl Into<Cow<'a, str>>) -> Self {
        Self(text.into())
    }

    /// Whether there is nothing to hide.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(redacted)")
    }
}
