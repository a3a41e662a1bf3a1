//! The options and the environment, checked.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::{SetupOpts, events, output};
use crate::client::EventApi;
use crate::connect::{Connection, Given, SetupError, Source, bare, env, local_host, parse_origin, set};
use crate::function::{AsyncResponse, Deliver, OnError};
use crate::middleware::Chain;
use crate::observer::Observer;
use crate::signature::SigningKey;

const LINGER: Duration = Duration::from_millis(500);
const BACKLOG_BYTES: usize = 4 * 1024 * 1024;
const BACKLOG_WAIT: Duration = Duration::from_secs(10);
const STREAM_RELAYS: usize = 1_024;
const REPLAY_PATIENCE: Duration = Duration::from_secs(5);
const VERSION_CHARACTERS: usize = 128;
/// Less than AWS Lambda gives a whole request unless told otherwise: three seconds.
const DELIVERY_WAIT: Duration = Duration::from_secs(2);

/// What a provider goes by.
pub(crate) struct Settings {
    mode: Mode,
    pub(crate) connection: Connection,
    pub(crate) event_api: Option<EventApi>,
    pub(crate) linger: Duration,
    pub(crate) backlog_bytes: usize,
    pub(crate) backlog_wait: Duration,
    pub(crate) stream_relays: usize,
    pub(crate) stream_in_clear: bool,
    pub(crate) replay_patience: Duration,
    pub(crate) async_response: Option<AsyncResponse>,
    pub(crate) on_error: OnError,
    pub(crate) track_all_endpoints: bool,
    pub(crate) max_request_time: Option<Duration>,
    pub(crate) deliver: Deliver,
    pub(crate) delivery_wait: Duration,
    pub(crate) step_timeout: Option<Duration>,
    pub(crate) middleware: Chain,
    pub(crate) version: Option<String>,
    pub(crate) output: output::Settings,
    pub(crate) observer: Option<Arc<dyn Observer>>,
}

#[derive(Debug)]
enum Mode {
    /// Requests are believed, and the origin is the one that the client used, unless one is given.
    Dev { origin: Option<String>, otherwise: String },
    /// Inngest signs its requests, and calls this origin.
    Cloud { origin: String },
}

impl Settings {
    /// Checks options and variables. Options win.
    pub(crate) fn resolve(
        opts: SetupOpts,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, SetupError> {
        let given = Given {
            dev: opts.dev,
            base_url: opts.base_url,
            signing_key: opts.signing_key,
            signing_key_fallback: opts.signing_key_fallback,
            env: opts.env,
            http_client: opts.http_client,
        };
        let connection = Connection::resolve(given, Source::SetupOpts, &variable)?;
        let origin = match opts.origin {
            Some(origin) => Some(parse_origin("SetupOpts::new", &origin)?),
            None => [env::SERVE_ORIGIN, env::SERVE_HOST]
                .into_iter()
                .find_map(|name| set(&variable, name).map(|origin| parse_origin(name, &origin)))
                .transpose()?,
        };
        let dev_origin =
            opts.dev_origin.map(|origin| parse_origin("SetupOpts::dev_origin", &origin)).transpose()?;
        let mode = if connection.is_dev {
            let otherwise = origin.unwrap_or_else(|| "http://127.0.0.1".to_owned());
            Mode::Dev { origin: dev_origin, otherwise }
        } else {
            Mode::Cloud { origin: origin.ok_or(SetupError::MissingOrigin)? }
        };
        let event_api = events::resolve(
            opts.event_key,
            opts.event_api_url,
            |name| set(&variable, name),
            &connection.base_url,
            connection.is_dev,
        )?;
        if opts.step_timeout.is_some_and(|limit| limit.is_zero()) {
            let problem = "is zero, within which no step ends: say how long an attempt of a step may take, or leave \
                           it out for as long as it likes";
            return Err(SetupError::Invalid {
                setting: "SetupOpts::step_timeout",
                problem: problem.to_owned(),
            });
        }
        if let Some(problem) = opts.version.as_deref().and_then(version_fault) {
            return Err(SetupError::Invalid { setting: "SetupOpts::version", problem });
        }
        Ok(Self {
            mode,
            connection,
            event_api,
            linger: opts.linger.unwrap_or(LINGER),
            backlog_bytes: opts.backlog_bytes.unwrap_or(BACKLOG_BYTES).max(1),
            backlog_wait: opts.backlog_wait.unwrap_or(BACKLOG_WAIT),
            stream_relays: opts.stream_relays.unwrap_or(STREAM_RELAYS).min(Semaphore::MAX_PERMITS),
            stream_in_clear: opts.stream_in_clear,
            replay_patience: opts.replay_patience.unwrap_or(REPLAY_PATIENCE),
            async_response: opts.async_response,
            on_error: opts.on_error,
            track_all_endpoints: opts.track_all_endpoints,
            max_request_time: opts.max_request_time,
            deliver: opts.deliver,
            delivery_wait: opts.delivery_wait.unwrap_or(DELIVERY_WAIT),
            step_timeout: opts.step_timeout,
            middleware: opts.middleware,
            version: opts.version,
            output: output::Settings::resolve(opts.output)?,
            observer: opts.observer,
        })
    }

    pub(crate) fn is_dev(&self) -> bool {
        matches!(self.mode, Mode::Dev { .. })
    }

    /// Where Inngest calls this app. A client's `Host` is believed in dev mode only, and then if it
    /// is a private one.
    pub(crate) fn origin(&self, host: Option<&str>) -> Cow<'_, str> {
        match &self.mode {
            Mode::Cloud { origin } | Mode::Dev { origin: Some(origin), .. } => Cow::Borrowed(origin),
            Mode::Dev { otherwise, .. } => match host.and_then(local_host::origin_of) {
                Some(origin) => Cow::Owned(origin),
                None => Cow::Borrowed(otherwise),
            },
        }
    }

    /// Whether a client's `Host` would be the [origin](Self::origin), if only it were a private
    /// one.
    pub(crate) fn goes_by_host(&self) -> bool {
        matches!(self.mode, Mode::Dev { origin: None, .. })
    }

    pub(crate) fn has_key(&self) -> bool {
        self.signing_keys().iter().any(Option::is_some)
    }

    /// Whether a request with this signature is Inngest's only if one of the keys made it. In dev
    /// mode it is believed without a signature, since the dev server does not sign; one that is
    /// there is looked at all the same.
    pub(crate) fn must_verify(&self, signature: &str) -> bool {
        !self.is_dev() || (self.has_key() && !signature.is_empty())
    }

    /// The keys of Inngest's signatures: the key, and the fallback key.
    pub(crate) fn signing_keys(&self) -> [Option<&SigningKey>; 2] {
        [self.connection.signing_key.as_ref(), self.connection.signing_key_fallback.as_ref()]
    }
}

/// What is wrong with a version; the text follows the setting's name.
fn version_fault(version: &str) -> Option<String> {
    let problem = if version.is_empty() {
        "is empty: leave it out where the program has no version".to_owned()
    } else if version.chars().count() > VERSION_CHARACTERS {
        format!("has over {VERSION_CHARACTERS} characters: it is stored with each run that is handed over")
    } else if version.contains(char::is_control) {
        "holds a control character, a line break perhaps: trim what it is read from".to_owned()
    } else {
        return None;
    };
    Some(problem)
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("mode", &self.mode)
            .field("base_url", &bare(self.connection.base_url.as_str()))
            .field("linger", &self.linger)
            .field("backlog_bytes", &self.backlog_bytes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "signkey-prod-0123abcd";

    fn resolve(opts: SetupOpts, variables: &[(&str, &str)]) -> Result<Settings, String> {
        let variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        Settings::resolve(opts, variable).map_err(|error| error.to_string())
    }

    fn app() -> SetupOpts {
        SetupOpts::new("https://api.example.com")
    }

    #[test]
    fn the_cloud_needs_a_key_and_an_origin() {
        let error = resolve(app(), &[]).unwrap_err();
        assert!(error.contains("INNGEST_SIGNING_KEY") && error.contains("INNGEST_DEV=1"), "{error}");
        let error = resolve(SetupOpts::default(), &[(env::SIGNING_KEY, KEY)]).unwrap_err();
        assert!(error.contains("SetupOpts::new") && error.contains(env::SERVE_ORIGIN), "{error}");
        let settings = resolve(app(), &[(env::SIGNING_KEY, KEY)]).unwrap();
        assert!(!settings.is_dev());
        assert_eq!(settings.connection.base_url.as_str(), "https://api.inngest.com/");
    }

    #[test]
    fn the_dev_variable_is_a_flag_or_a_url() {
        for (value, url) in [
            ("1", "http://127.0.0.1:8288/"),
            ("TRUE", "http://127.0.0.1:8288/"),
            ("http://localhost:9999", "http://localhost:9999/"),
        ] {
            let settings = resolve(app(), &[(env::DEV, value)]).unwrap();
            assert!(settings.is_dev());
            assert_eq!(settings.connection.base_url.as_str(), url);
        }
        assert!(!resolve(app().signing_key(KEY), &[(env::DEV, "0")]).unwrap().is_dev());
        assert!(!resolve(app().signing_key(KEY), &[(env::DEV, " ")]).unwrap().is_dev());
        let error = resolve(app(), &[(env::DEV, "yes please")]).unwrap_err();
        assert!(
            error.contains("INNGEST_DEV") && !error.contains("yes please") && error.contains("write 1"),
            "{error}"
        );
    }

    #[test]
    fn options_win_over_variables() {
        let variables = [
            (env::DEV, "http://one"),
            (env::BASE_URL, "http://two"),
            (env::API_BASE_URL, "http://three"),
            (env::ENV, "four"),
        ];
        let settings = resolve(app(), &variables).unwrap();
        assert_eq!(settings.connection.base_url.as_str(), "http://three/");
        assert_eq!(settings.connection.env.unwrap(), "four");
        let settings = resolve(app().base_url("http://five").env("six"), &variables).unwrap();
        assert_eq!(settings.connection.base_url.as_str(), "http://five/");
        assert_eq!(settings.connection.env.unwrap(), "six");
        let settings = resolve(app().dev(false).signing_key(KEY), &variables[..2]).unwrap();
        assert!(!settings.is_dev());
        assert_eq!(settings.connection.base_url.as_str(), "http://two/");
    }

    #[test]
    fn the_origin_is_the_options_or_the_newer_variables() {
        let variables = [
            (env::SIGNING_KEY, KEY),
            (env::SERVE_HOST, "https://older.example.com/"),
            (env::SERVE_ORIGIN, "https://newer.example.com"),
        ];
        let origin =
            |opts, variables| resolve(opts, variables).map(|settings| settings.origin(None).into_owned());
        assert_eq!(origin(app(), &variables).unwrap(), "https://api.example.com");
        assert_eq!(origin(SetupOpts::default(), &variables).unwrap(), "https://newer.example.com");
        assert_eq!(origin(SetupOpts::default(), &variables[..2]).unwrap(), "https://older.example.com");
        let error =
            origin(SetupOpts::default(), &[(env::SIGNING_KEY, KEY), (env::SERVE_HOST, "older")]).unwrap_err();
        assert!(error.contains(env::SERVE_HOST), "{error}");
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (variable, value) in [
            (env::BASE_URL, "api.example.com"),
            (env::API_BASE_URL, "ftp://api.example.com"),
            (env::BASE_URL, "http://"),
            (env::BASE_URL, "https://api.example.com/?a=1"),
        ] {
            let error = resolve(app().signing_key(KEY), &[(variable, value)]).unwrap_err();
            assert!(error.contains(variable) && error.contains("write something like"), "{error}");
        }
        for origin in ["", "api.example.com", "https://api.example.com/v1", "mailto:a@b.c", "https://x.com?y"]
        {
            let error = resolve(SetupOpts::new(origin).signing_key(KEY), &[]).unwrap_err();
            assert!(error.contains("SetupOpts::new") && error.contains("write something like"), "{error}");
        }
        for variable in [env::SIGNING_KEY, env::SIGNING_KEY_FALLBACK] {
            let variables = [(variable, "top secret"), (env::DEV, "1")];
            let error = resolve(app(), &variables).unwrap_err();
            assert!(error.contains(variable) && !error.contains("top secret"), "{error}");
        }
    }

    #[test]
    fn a_clients_host_is_believed_in_dev_mode_only() {
        let stranger = Some("evil.example");
        let settings = resolve(app(), &[(env::SIGNING_KEY, KEY)]).unwrap();
        assert_eq!(settings.origin(stranger), "https://api.example.com");
        let settings = resolve(app(), &[(env::DEV, "1")]).unwrap();
        assert_eq!(settings.origin(Some("localhost:3000")), "http://localhost:3000");
        assert_eq!(settings.origin(stranger), "https://api.example.com");
        assert_eq!(settings.origin(None), "https://api.example.com");
        let settings =
            resolve(app().dev_origin("http://host.docker.internal:3000/"), &[(env::DEV, "1")]).unwrap();
        assert_eq!(settings.origin(stranger), "http://host.docker.internal:3000");
    }

    #[test]
    fn in_dev_mode_a_signature_that_is_there_is_checked_if_there_is_a_key() {
        for (opts, signature, must_verify) in [
            (app().dev(true).signing_key("abcd"), "", false),
            (app().dev(true).signing_key("abcd"), "x", true),
            (app().dev(true), "x", false),
            (app().dev(false).signing_key("abcd"), "", true),
        ] {
            assert_eq!(resolve(opts, &[]).unwrap().must_verify(signature), must_verify, "{signature:?}");
        }
    }

    #[test]
    fn keys_are_not_shown() {
        let opts = app().signing_key("abcd").signing_key_fallback("ef01");
        let shown = format!("{opts:?} {:?}", resolve(opts.clone(), &[]).unwrap());
        assert!(!shown.contains("abcd") && !shown.contains("ef01"), "{shown}");
    }
}
