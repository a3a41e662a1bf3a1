//! What the requests have in common that Inngest makes for a run.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use http::{HeaderName, HeaderValue};
use url::Url;

use crate::untrusted::shown;
use crate::wire::limits::STEP_INPUT_BYTES;

/// Headers, one text for each name, which is in lower case.
#[derive(Clone, Default)]
pub(super) struct Headers(BTreeMap<String, String>);

impl Headers {
    /// Adds a value; a name's second one is joined to the first.
    pub(super) fn add(&mut self, name: &str, value: &[u8]) -> Result<(), String> {
        let name =
            HeaderName::try_from(name).map_err(|_| format!("`{}` is no header's name", shown(name)))?;
        let value = HeaderValue::from_bytes(value).ok();
        let value = value.as_ref().and_then(|value| value.to_str().ok());
        // Not shown: it may be a token.
        let value = value.ok_or_else(|| {
            format!("the value of the header `{}` is not plain ASCII", shown(name.as_str()))
        })?;
        match self.0.entry(name.as_str().to_owned()) {
            Entry::Vacant(entry) => {
                entry.insert(value.to_owned());
            }
            Entry::Occupied(mut entry) => {
                entry.get_mut().push_str(", ");
                entry.get_mut().push_str(value);
            }
        }
        Ok(())
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// `None` when there are none.
    pub(super) fn to_wire(&self) -> Option<BTreeMap<Cow<'static, str>, Cow<'static, str>>> {
        let owned = |(name, value): (&String, &String)| (Cow::Owned(name.clone()), Cow::Owned(value.clone()));
        (!self.0.is_empty()).then(|| self.0.iter().map(owned).collect())
    }
}

/// Shows values only of headers that never hold secrets.
impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_harmless = |name: &str| name.starts_with("accept") || name.starts_with("content-");
        let shown = |(name, value): (&'_ String, &'_ String)| {
            (name.clone(), if is_harmless(name) { value.clone() } else { "(redacted)".to_owned() })
        };
        f.debug_map().entries(self.0.iter().map(shown)).finish()
    }
}

/// A URL that Inngest can call; the error is in words for the developer.
pub(super) fn check_url(url: &str) -> Result<(), String> {
    // Shown without its query, which may hold a key.
    let bare = without_secrets(url);
    let bare = shown(&bare);
    let parsed = Url::parse(url).map_err(|error| format!("`{bare}` is no absolute URL: {error}"))?;
    if !matches!(parsed.scheme(), "http" | "https") || parsed.host_str().is_none() {
        return Err(format!("`{bare}` is no http or https URL"));
    }
    Ok(())
}

/// A body that is not too long; the error is in words for the developer.
pub(super) fn check_body(body: &str) -> Result<(), String> {
    if body.len() > STEP_INPUT_BYTES {
        return Err(format!(
            "its body has {} bytes, but Inngest takes at most {STEP_INPUT_BYTES} (4 MiB)",
            body.len()
        ));
    }
    Ok(())
}

/// A URL as it may be shown: without user, password, query and fragment.
pub(super) fn without_secrets(url: &str) -> String {
    let bare = url.split(['?', '#']).next().unwrap_or_default();
    match (bare.find("://"), bare.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => format!("{}{}", &bare[..scheme + 3], &bare[at + 1..]),
        _ => bare.to_owned(),
    }
}
