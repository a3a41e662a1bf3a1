//! Why a step failed, on the wire.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

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
    /// What caused it. Other SDKs may have any JSON here; what is no error becomes one with that
    /// text as its message.
    #[serde(default, deserialize_with = "cause", skip_serializing_if = "Option::is_none")]
    pub cause: Option<Box<OpError>>,
}

impl OpError {
    /// An error with a name and a message.
    pub fn new(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self { name: name.into(), message: message.into(), stack: None, cause: None }
    }

    /// An error of this SDK's own, whose message holds nothing but names and numbers: limits, and
    /// misuse.
    pub(crate) fn own(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self { stack: Some(OWN.to_owned()), ..Self::new(name, message) }
    }

    pub(crate) fn is_own(&self) -> bool {
        self.stack.as_deref() == Some(OWN)
    }
}

/// In the place of a stack: no failure of a step has one.
const OWN: &str = "stephttp";

/// Causes of causes that are read.
const CAUSES: usize = 16;

fn cause<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<OpError>>, D::Error> {
    Ok(Option::<Box<RawValue>>::deserialize(deserializer)?.and_then(|cause| read_causes(&cause)))
}

/// Reads a cause and its causes, one at a time: however deep others nest them, they are no reason
/// to lose the error.
fn read_causes(outermost: &RawValue) -> Option<Box<OpError>> {
    #[derive(Deserialize)]
    struct Cause<'a> {
        #[serde(default)]
        name: String,
        message: String,
        stack: Option<String>,
        #[serde(borrow)]
        cause: Option<&'a RawValue>,
    }
    let mut causes = Vec::new();
    let mut next = Some(outermost);
    while let Some(json) = next.filter(|json| json.get() != "null" && causes.len() < CAUSES) {
        let (error, inner) = match serde_json::from_str::<Cause<'_>>(json.get()) {
            Ok(Cause { name, message, stack, cause })
                if json.get().starts_with('{') && !message.is_empty() =>
            {
                (OpError { name, message, stack, cause: None }, cause)
            }
            _ => {
                let text = serde_json::from_str(json.get()).unwrap_or_else(|_| json.get().to_owned());
                (OpError::new("", text), None)
            }
        };
        causes.push(error);
        next = inner;
    }
    causes.into_iter().rev().fold(None, |cause, error| Some(Box::new(OpError { cause, ..error })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Vec<(String, String)> {
        let error: OpError = serde_json::from_str(json).unwrap();
        let causes = std::iter::successors(Some(&error), |error| error.cause.as_deref());
        causes.map(|error| (error.name.clone(), error.message.clone())).collect()
    }

    #[test]
    fn a_cause_is_an_error_or_its_text() {
        for (cause, expected) in [
            (r#"{"name":"E","message":"inner"}"#, Some(("E", "inner"))),
            (r#""a text""#, Some(("", "a text"))),
            ("null", None),
            ("[1, 2]", Some(("", "[1, 2]"))),
            (r#"{"message":7}"#, Some(("", r#"{"message":7}"#))),
            (r#"{"name":"E"}"#, Some(("", r#"{"name":"E"}"#))),
            (r#"["E","message",null,null]"#, Some(("", r#"["E","message",null,null]"#))),
        ] {
            let read = read(&format!(r#"{{"message":"outer","cause":{cause}}}"#));
            let expected = expected.map(|(name, message)| (name.to_owned(), message.to_owned()));
            assert_eq!(read.get(1).cloned(), expected, "{cause}");
        }
    }

    #[test]
    fn however_deep_causes_are_nested_the_error_is_read() {
        let nested = |levels: usize, open: &str, close: &str| {
            format!(r#"{{"message":"outer","cause":{}0{}}}"#, open.repeat(levels), close.repeat(levels))
        };
        assert_eq!(read(&nested(100_000, "[", "]")).len(), 2);
        assert_eq!(read(&nested(100_000, r#"{"message":"m","cause":"#, "}")).len(), 1 + CAUSES);
    }
}
