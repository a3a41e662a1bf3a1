//! URLs and origins in options and variables.

use url::Url;

use super::unshown::{holds_key, is_key};
use super::{SetupError, env};

/// Inngest Cloud.
pub(crate) const CLOUD: &str = "https://api.inngest.com";

/// What else to say of a URL that is none.
const MISPLACED_KEY: &str =
    ". What it says now looks like a key: those go into INNGEST_SIGNING_KEY and INNGEST_EVENT_KEY";

pub(crate) fn parse_url(setting: &'static str, text: &str) -> Result<Url, SetupError> {
    let problem = |problem: &str| {
        let hint = if setting == env::DEV { " (or write 1 for the default dev server)" } else { "" };
        let key = if holds_key(text) { MISPLACED_KEY } else { "" };
        invalid(setting, &format!("{problem}: write something like \"http://127.0.0.1:8288\"{hint}{key}"))
    };
    let url = Url::parse(text).map_err(|error| problem(&format!("is no URL ({error})")))?;
    if !matches!(url.scheme(), "http" | "https")
        || url.host_str().is_none()
        || is_key(&text.to_ascii_lowercase())
    {
        return Err(problem("is no http or https URL"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(problem("has a query or a fragment"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        // Clients see this URL.
        return Err(invalid(setting, "must not hold a user name or password"));
    }
    Ok(url)
}

/// An origin without a trailing slash.
pub(crate) fn parse_origin(setting: &'static str, text: &str) -> Result<String, SetupError> {
    let problem = |problem: &str| {
        let key = if holds_key(text) { MISPLACED_KEY } else { "" };
        invalid(setting, &format!("{problem}: write something like \"https://api.example.com\"{key}"))
    };
    let url = Url::parse(text).map_err(|error| problem(&format!("is no origin ({error})")))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(is_key) {
        return Err(problem("is no http or https origin"));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(problem("is more than an origin: leave out the path"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid(setting, "must not hold a user name or password"));
    }
    Ok(url.origin().ascii_serialization())
}

/// `problem` follows the setting's name, and holds nothing of its value.
pub(crate) fn invalid(setting: &'static str, problem: &str) -> SetupError {
    SetupError::Invalid { setting, problem: problem.to_owned() }
}
