//! Taking out of a recording what must not be in a file.

use serde_json::Value;
use serde_json::value::RawValue;

use super::blot::{blot, blot_text};
use super::{RecordError, RecordedStep, Recording};

/// Headers whose values are never kept.
const HEADERS: [&str; 8] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-api-key",
    "api-key",
    "x-auth-token",
    "x-csrf-token",
];

/// The one member of what the SDK stores as text.
const AS_TEXT: &str = "stephttp:json";

/// What is to be taken out of a [`Recording`], by paths.
///
/// | Path | Is |
/// |---|---|
/// | `body.card.number` | a field of the request's body, which is JSON |
/// | `query.token` | a parameter of the request's query |
/// | `steps.charge.number`, `steps.charge` | a field of what is stored of a step, or all of that |
/// | `response.card` | a field of the response's body |
/// | `email` | every field of this name, wherever it is |
///
/// A field of an array's items needs no index. What is taken out keeps its shape, so that it can
/// still be read: letters become `a` and digits `1`, also in numbers; a `true` becomes `false`. A
/// text of which there are some only, such as an enum's variant, is better left alone.
///
/// ```
/// use stephttp_dev::Redaction;
///
/// let redaction = Redaction::parse("body.card.number,steps.charge.iban,email")?;
/// # assert_eq!(redaction.paths().len(), 3);
/// # assert!(Redaction::parse("body..x").is_err());
/// # Ok::<(), stephttp_dev::RecordError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Redaction {
    paths: Vec<String>,
}

impl Redaction {
    /// Reads paths with commas between them.
    ///
    /// # Errors
    /// When one of them is empty, or has an empty part.
    pub fn parse(paths: &str) -> Result<Self, RecordError> {
        let paths: Vec<String> = paths.split(',').map(|path| path.trim().to_owned()).collect();
        match paths.iter().find(|path| path.split('.').any(str::is_empty)) {
            Some(path) => Err(RecordError(format!(
                "`{path}` is no path to redact: write something like `body.card.number`, `steps.charge.iban` or `email`"
            ))),
            None => Ok(Self { paths }),
        }
    }

    /// The paths.
    #[must_use]
    pub fn paths(&self) -> &[String] {
        &self.paths
    }
}

impl Recording {
    /// Takes out what must not be in a file.
    ///
    /// # Errors
    /// When there is nothing at a path: it may be misspelt, or within what a middleware has sealed.
    pub fn redact(mut self, redaction: &Redaction) -> Result<Self, RecordError> {
        for path in &redaction.paths {
            let found = match path.split_once('.') {
                Some(("body", rest)) => {
                    self.request.body_base64.is_empty() && redact_text(&mut self.request.body, Some(rest))?
                }
                Some(("query", name)) => redact_query(&mut self.request.query, name),
                Some(("response", rest)) => match self.end.as_mut().and_then(|end| end.response.as_mut()) {
                    Some(response) => redact_text(&mut response.body, Some(rest))?,
                    None => false,
                },
                Some(("steps", rest)) => self.redact_step(rest)?,
                Some(_) => {
                    return Err(RecordError(format!(
                        "`{path}` is no path to redact: it begins with `body`, `query`, `steps` or `response`, or is the name of \
                         a field"
                    )));
                }
                None => self.redact_everywhere(path)?,
            };
            if !found {
                return Err(RecordError(format!(
                    "there is nothing to redact at `{path}`: is it written so? What a middleware has sealed cannot be redacted, \
                     and need not be"
                )));
            }
        }
        Ok(self)
    }

    /// Takes out headers that hold secrets.
    pub(crate) fn without_headers(mut self) -> Result<Self, RecordError> {
        if let Some(response) = self.end.as_mut().and_then(|end| end.response.as_mut()) {
            for (name, value) in &mut response.headers {
                if is_secret(name) {
                    *value = blot_text(value);
                }
            }
        }
        for step in self.steps.iter_mut().filter(|step| step.op == "Gateway") {
            change(step, |value| {
                let headers = value.pointer_mut("/data/headers").and_then(Value::as_object_mut);
                let secret = headers.into_iter().flatten().filter(|(name, _)| is_secret(name));
                secret.map(|(_, value)| blot(value)).count() > 0
            })?;
        }
        Ok(self)
    }

    fn redact_step(&mut self, rest: &str) -> Result<bool, RecordError> {
        let mut found = false;
        for step in &mut self.steps {
            let label = step.label();
            let Some(path) = rest.strip_prefix(label.as_str()) else { continue };
            let path = match path {
                "" => None,
                path => match path.strip_prefix('.') {
                    Some(path) => Some(path),
                    None => continue,
                },
            };
            found |= change(step, |value| {
                let Some(members) = value.as_object_mut() else { return false };
                // What others may read of an event is its data.
                let parts = ["data", "error"];
                parts.iter().any(|part| members.get_mut(*part).is_some_and(|part| redact(part, path)))
            })?;
        }
        Ok(found)
    }

    fn redact_everywhere(&mut self, name: &str) -> Result<bool, RecordError> {
        let mut found = redact_query(&mut self.request.query, name);
        found |= redact_named(&mut self.request.body, name);
        if let Some(response) = self.end.as_mut().and_then(|end| end.response.as_mut()) {
            found |= redact_named(&mut response.body, name);
        }
        for step in &mut self.steps {
            found |= change(step, |value| all_named(value, name))?;
        }
        Ok(found)
    }
}

fn is_secret(header: &str) -> bool {
    HEADERS.iter().any(|secret| header.eq_ignore_ascii_case(secret))
}

/// Changes what is stored of a step, if `change` says that it has.
fn change(step: &mut RecordedStep, change: impl FnOnce(&mut Value) -> bool) -> Result<bool, RecordError> {
    let Some(raw) = &step.value else { return Ok(false) };
    let unreadable =
        |error: serde_json::Error| RecordError(format!("what is stored of a step is not JSON: {error}"));
    let mut value: Value = crate::json::read(raw.get()).map_err(unreadable)?;
    if !change(&mut value) {
        return Ok(false);
    }
    step.value = Some(RawValue::from_string(value.to_string()).map_err(unreadable)?);
    Ok(true)
}

/// Blots a part of a text that is JSON; all of it without a path.
fn redact_text(text: &mut String, path: Option<&str>) -> Result<bool, RecordError> {
    let mut value: Value = match crate::json::read(text.as_str()) {
        Ok(value) => value,
        Err(_) if text.is_empty() => return Ok(false),
        Err(_) => {
            return Err(RecordError(format!(
                "what `{}` is to be redacted in is no JSON",
                path.unwrap_or_default()
            )));
        }
    };
    let found = redact(&mut value, path);
    if found {
        *text = value.to_string();
    }
    Ok(found)
}

fn redact_named(text: &mut String, name: &str) -> bool {
    let Ok(mut value) = crate::json::read::<Value>(text.as_str()) else { return false };
    let found = all_named(&mut value, name);
    if found {
        *text = value.to_string();
    }
    found
}

fn redact_query(query: &mut String, name: &str) -> bool {
    let mut found = false;
    let pairs: Vec<String> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((key, value)) if key == name => {
                found = true;
                format!("{key}={}", blot_text(value))
            }
            _ => pair.to_owned(),
        })
        .collect();
    *query = pairs.join("&");
    found
}

/// Blots what is at a path of a value; whether there is anything.
fn redact(value: &mut Value, path: Option<&str>) -> bool {
    if let Some(found) = in_text(value, |value| redact(value, path)) {
        return found;
    }
    let Some(path) = path else {
        blot(value);
        return true;
    };
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    match value {
        Value::Array(items) => match first.parse::<usize>() {
            Ok(index) => items.get_mut(index).is_some_and(|item| redact(item, rest)),
            Err(_) => items.iter_mut().filter_map(|item| redact(item, Some(path)).then_some(())).count() > 0,
        },
        Value::Object(members) => members.get_mut(first).is_some_and(|member| redact(member, rest)),
        _ => false,
    }
}

/// Blots all members of a name.
fn all_named(value: &mut Value, name: &str) -> bool {
    if let Some(found) = in_text(value, |value| all_named(value, name)) {
        return found;
    }
    let mut found = false;
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| found |= all_named(item, name)),
        Value::Object(members) => {
            for (key, member) in members {
                if key == name {
                    blot(member);
                    found = true;
                } else {
                    found |= all_named(member, name);
                }
            }
        }
        _ => {}
    }
    found
}

/// Changes a value that is stored as text.
fn in_text(value: &mut Value, change: impl FnOnce(&mut Value) -> bool) -> Option<bool> {
    let text = value.as_object_mut().filter(|members| members.len() == 1)?.get_mut(AS_TEXT)?;
    let mut inner: Value = crate::json::read(text.as_str()?).ok()?;
    let found = change(&mut inner);
    if found {
        *text = inner.to_string().into();
    }
    Some(found)
}
