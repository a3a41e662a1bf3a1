//! Which Inngest is talked to, and as whom: what a provider and a client that is used alone have in
//! common.

use std::fmt;

use http::HeaderValue;
use reqwest::Client;
use url::Url;

use super::unshown::{bare, bare_if_set};
use super::url::{CLOUD, invalid, parse_url};
use super::{SetupError, env};
use crate::signature::SigningKey;

const DEV_SERVER: &str = "http://127.0.0.1:8288";

/// What was set in the code.
#[derive(Default)]
pub(crate) struct Given {
    pub(crate) dev: Option<Dev>,
    pub(crate) base_url: Option<String>,
    pub(crate) signing_key: Option<String>,
    pub(crate) signing_key_fallback: Option<String>,
    pub(crate) env: Option<String>,
    pub(crate) http_client: Option<Client>,
}

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Dev {
    Flag(bool),
    Server(String),
}

/// Where it was set: errors name the option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    SetupOpts,
    ApiClient,
}

/// The options by their names.
struct Names {
    dev_server: &'static str,
    base_url: &'static str,
    signing_key: &'static str,
    signing_key_fallback: &'static str,
    env: &'static str,
}

impl Source {
    fn names(self) -> Names {
        match self {
            Self::SetupOpts => Names {
                dev_server: "SetupOpts::dev_server",
                base_url: "SetupOpts::base_url",
                signing_key: "SetupOpts::signing_key",
                signing_key_fallback: "SetupOpts::signing_key_fallback",
                env: "SetupOpts::env",
            },
            Self::ApiClient => Names {
                dev_server: "ApiClientBuilder::dev_server",
                base_url: "ApiClientBuilder::base_url",
                signing_key: "ApiClientBuilder::signing_key",
                signing_key_fallback: "ApiClientBuilder::signing_key_fallback",
                env: "ApiClientBuilder::env",
            },
        }
    }
}

/// The options and the environment, checked.
pub(crate) struct Connection {
    pub(crate) is_dev: bool,
    pub(crate) base_url: Url,
    pub(crate) signing_key: Option<SigningKey>,
    pub(crate) signing_key_fallback: Option<SigningKey>,
    pub(crate) env: Option<HeaderValue>,
    /// The user's own.
    pub(crate) http_client: Option<Client>,
}

impl Connection {
    /// Checks options and variables. Options win.
    pub(crate) fn resolve(
        given: Given,
        source: Source,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, SetupError> {
        let names = source.names();
        let variable = |name| set(&variable, name);
        let dev = match given.dev {
            Some(dev) => (names.dev_server, dev),
            None => (env::DEV, variable(env::DEV).map_or(Dev::Flag(false), parse_dev)),
        };
        let key = |option: Option<String>, option_name, name| match option {
            Some(key) => parse_key(option_name, &key).map(Some),
            None => variable(name).map(|key| parse_key(name, &key)).transpose(),
        };
        let signing_key = key(given.signing_key, names.signing_key, env::SIGNING_KEY)?;
        let signing_key_fallback =
            key(given.signing_key_fallback, names.signing_key_fallback, env::SIGNING_KEY_FALLBACK)?;
        let base_url = match given.base_url {
            Some(url) => Some(parse_url(names.base_url, &url)?),
            None => [env::API_BASE_URL, env::BASE_URL]
                .into_iter()
                .find_map(|name| variable(name).map(|url| parse_url(name, &url)))
                .transpose()?,
        };
        let dev_server = match dev {
            (_, Dev::Flag(false)) => None,
            (_, Dev::Flag(true)) => Some(parse_url(env::DEV, DEV_SERVER)?),
            (setting, Dev::Server(url)) => Some(parse_url(setting, &url)?),
        };
        let is_dev = dev_server.is_some();
        let default_url = match dev_server {
            Some(url) => url,
            None if signing_key.is_none() => return Err(SetupError::MissingSigningKey),
            None => parse_url(env::BASE_URL, CLOUD)?,
        };
        let (env_setting, env_name) = match given.env {
            Some(name) => (names.env, Some(name)),
            None => (env::ENV, variable(env::ENV)),
        };
        let env = env_name.map(|name| {
            HeaderValue::try_from(&name)
                .map_err(|_| invalid(env_setting, "is no header's value: write the environment's name"))
        });
        Ok(Self {
            is_dev,
            base_url: base_url.unwrap_or(default_url),
            signing_key,
            signing_key_fallback,
            env: env.transpose()?,
            http_client: given.http_client,
        })
    }

    /// A server that asks for no key.
    #[cfg(test)]
    pub(crate) fn to(base_url: Url) -> Self {
        Self {
            is_dev: true,
            base_url,
            signing_key: None,
            signing_key_fallback: None,
            env: None,
            http_client: None,
        }
    }
}

/// A variable's value, without spaces around it; an empty one counts as not set.
pub(crate) fn set(variable: impl Fn(&str) -> Option<String>, name: &str) -> Option<String> {
    variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

fn parse_dev(value: String) -> Dev {
    match value.to_ascii_lowercase().as_str() {
        "1" | "true" => Dev::Flag(true),
        "0" | "false" => Dev::Flag(false),
        _ => Dev::Server(value),
    }
}

fn parse_key(setting: &'static str, key: &str) -> Result<SigningKey, SetupError> {
    SigningKey::parse(key).map_err(|error| invalid(setting, &format!("is no signing key: {error}")))
}

impl fmt::Debug for Dev {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Server(url) => f.write_str(&bare(url)),
        }
    }
}

/// Without secrets, also where they do not belong.
impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secret = |key: &Option<String>| key.as_ref().map(|_| "..");
        f.debug_struct("Given")
            .field("dev", &self.dev)
            .field("base_url", &bare_if_set(&self.base_url))
            .field("signing_key", &secret(&self.signing_key))
            .field("signing_key_fallback", &secret(&self.signing_key_fallback))
            .field("env", &secret(&self.env))
            .field("http_client", &self.http_client.as_ref().map(|_| ".."))
            .finish()
    }
}
