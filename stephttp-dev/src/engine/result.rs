//! An endpoint's response inside of a run's output.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::inspect::ResponseView;
use crate::violation::ViolationKind;

/// What could be read of `{"status","headers","body"}`.
#[derive(Debug, Default, Clone)]
pub(crate) struct ApiOutput {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    /// What could not be read. Go reads on after such fields, so the rest still counts at a
    /// checkpoint.
    pub(crate) wrong: Vec<(ViolationKind, String)>,
    /// Whether there was an object at all.
    pub(crate) present: bool,
}

impl ApiOutput {
    pub(crate) fn read(data: &Value) -> Self {
        let mut output = Self::default();
        let Some(fields) = data.as_object() else {
            output.wrong.push((ViolationKind::MissingResult, "the result has no data".to_owned()));
            return output;
        };
        output.present = true;
        match fields.get("status").map(Value::as_u64) {
            Some(Some(status @ 1..=999)) => output.status = u16::try_from(status).unwrap_or_default(),
            _ => {
                output.note(ViolationKind::MissingStatus, "the result's `status` is missing, 0 or no number");
            }
        }
        match fields.get("headers") {
            None | Some(Value::Null) => {}
            Some(Value::Object(headers)) => {
                // Names sorted, as the wire's map is.
                let headers: BTreeMap<_, _> = headers.iter().collect();
                for (name, value) in headers {
                    match value.as_str() {
                        Some(value) => output.headers.push((name.clone(), value.to_owned())),
                        None => output.note(
                            ViolationKind::HeaderNotString,
                            &format!("the result's header `{name}` is not a string but {value}"),
                        ),
                    }
                }
            }
            Some(_) => output.note(ViolationKind::HeaderNotString, "the result's `headers` are no object"),
        }
        match fields.get("body") {
            None | Some(Value::Null) => {}
            Some(Value::String(body)) => output.body.clone_from(body),
            Some(_) => output.note(ViolationKind::BodyNotString, "the result's `body` is not a string"),
        }
        output
    }

    fn note(&mut self, kind: ViolationKind, message: &str) {
        self.wrong.push((kind, message.to_owned()));
    }

    /// The response, if all of it could be read.
    pub(crate) fn response(&self) -> Option<ResponseView> {
        (self.present && self.wrong.is_empty()).then(|| ResponseView {
            status: self.status,
            headers: self.headers.clone(),
            body: self.body.clone(),
        })
    }
}
