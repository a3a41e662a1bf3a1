//! Which server the suite is played against, and whether it can be played there at all.

use inngest::SetupOpts;
use reqwest::{RequestBuilder, StatusCode, Url};
use serde_json::{Value, json};

use crate::client::{HTTP, explain};

const DEV: &str = "INNGEST_DEV";
const BASE_URL: &str = "INNGEST_BASE_URL";
const SIGNING_KEY: &str = "INNGEST_SIGNING_KEY";
const EVENT_KEY: &str = "INNGEST_EVENT_KEY";

/// The process of the server, for scenarios that freeze it.
pub(crate) const PID: &str = "CONFORMANCE_SERVER_PID";

/// A real server.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    url: Url,
    /// A self-hosted server has keys, a dev server none.
    keys: Option<Keys>,
    pid: Option<u32>,
}

#[derive(Clone)]
struct Keys {
    signing: String,
    event: String,
}

/// Without the keys.
impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys")
    }
}

impl Server {
    /// The server that the environment names; `None`: the dev engine. The error is for whoever has
    /// set it.
    pub(crate) fn named(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, String> {
        let variable = |name| variable(name).filter(|text| !text.trim().is_empty());
        let pid = match variable(PID) {
            None => None,
            Some(text) => Some(
                text.trim().parse().map_err(|_| format!("{PID} must be a process id, but is `{text}`"))?,
            ),
        };
        let hosted = [BASE_URL, SIGNING_KEY, EVENT_KEY];
        match variable(DEV).as_deref() {
            // Dev mode for an app. It names no server, and rules out the other kind.
            Some("1" | "true") => Ok(None),
            None | Some("0" | "false") => match hosted.map(variable) {
                [None, None, None] => Ok(None),
                [Some(url), Some(signing), Some(event)] => {
                    let url = url_of(BASE_URL, &url)?;
                    Ok(Some(Self { url, keys: Some(Keys { signing, event }), pid }))
                }
                given => {
                    let missing: Vec<_> = hosted
                        .into_iter()
                        .zip(given)
                        .filter_map(|(name, text)| text.is_none().then_some(name))
                        .collect();
                    Err(format!(
                        "a self-hosted server needs {}; missing: {}. Set all three for such a server, {DEV}=<url> for a dev \
                         server, or none of them for the dev engine",
                        hosted.join(", "),
                        missing.join(", ")
                    ))
                }
            },
            Some(_) if variable(BASE_URL).is_some() => {
                Err(format!("{DEV} names a dev server and {BASE_URL} a self-hosted one: unset one of them"))
            }
            Some(url) => Ok(Some(Self { url: url_of(DEV, url)?, keys: None, pid })),
        }
    }

    /// Asks whether the server is there, is of the kind that its variable says, and takes the keys.
    pub(crate) async fn is_ready(&self) -> Result<(), String> {
        let url = self.url();
        let variable = if self.keys.is_some() { BASE_URL } else { DEV };
        let health = HTTP.get(format!("{url}/health")).send().await.map_err(|error| {
            format!("no server answers at {variable}={url}: {}. Is it running?", explain(&error))
        })?;
        let kind = health.headers().get("x-inngest-server-kind").and_then(|kind| kind.to_str().ok());
        match (kind, &self.keys) {
            (None, _) => return Err(format!("what answers at {variable}={url} is no Inngest server")),
            (Some("dev"), Some(_)) => {
                return Err(format!("the server at {BASE_URL}={url} is a dev server: name it by {DEV}"));
            }
            (Some(kind), None) if kind != "dev" => {
                return Err(format!(
                    "the server at {DEV}={url} is no dev server: name it by {BASE_URL}, with {SIGNING_KEY} and {EVENT_KEY}"
                ));
            }
            _ => {}
        }
        let nobodys = format!("/v0/runs/{}/actions", crate::inngest::some_run_id());
        self.accepts(SIGNING_KEY, self.get(&nobodys)).await?;
        let event = json!({ "name": "conformance/hello", "data": {} });
        self.accepts(EVENT_KEY, self.post_event(&event)).await
    }

    async fn accepts(&self, key: &str, request: RequestBuilder) -> Result<(), String> {
        let status = request.send().await.map_err(|error| explain(&error))?.status();
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(format!("the server at {} does not accept {key}: it answers {status}", self.url()))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn url(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }

    /// Whether it signs what it sends.
    pub(crate) fn is_signed(&self) -> bool {
        self.keys.is_some()
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// The options of an app whose Inngest is this one, at `url`: its own, or that of a wire to it.
    pub(crate) fn opts(&self, origin: &str, url: &str) -> SetupOpts {
        let opts = SetupOpts::new(origin).event_api_url(url);
        match &self.keys {
            None => opts.dev_server(url),
            Some(keys) => opts.dev(false).base_url(url).signing_key(&keys.signing).event_key(&keys.event),
        }
    }

    /// A call with the signing key.
    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.authorized(HTTP.get(format!("{}{path}", self.url())))
    }

    /// A call with the signing key.
    pub(crate) fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.authorized(HTTP.post(format!("{}{path}", self.url())).json(body))
    }

    /// An event, with the event key.
    pub(crate) fn post_event(&self, event: &Value) -> RequestBuilder {
        let key = self.keys.as_ref().map_or("conformance", |keys| &keys.event);
        HTTP.post(format!("{}/e/{key}", self.url())).json(event)
    }

    fn authorized(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.keys {
            Some(keys) => request.bearer_auth(&keys.signing),
            None => request,
        }
    }
}

impl std::fmt::Display for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = if self.is_signed() { "self-hosted, signed" } else { "dev mode" };
        write!(f, "the server at {} ({kind})", self.url())
    }
}

fn url_of(variable: &str, text: &str) -> Result<Url, String> {
    match Url::parse(text.trim()) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(url),
        _ => {
            Err(format!("{variable} must be a server's URL, such as http://127.0.0.1:8288, but is `{text}`"))
        }
    }
}

/// What the variables mean, with and without mistakes.
pub(crate) fn check_mistakes() -> Result<(), String> {
    type Given = &'static [(&'static str, &'static str)];
    let url = "http://127.0.0.1:1";
    let cases: [(Given, Result<bool, &str>); 10] = [
        (&[], Ok(false)),
        (&[(DEV, "1")], Ok(false)),
        (&[(DEV, "1"), (SIGNING_KEY, "ab")], Ok(false)),
        (&[(DEV, "http://127.0.0.1:1")], Ok(true)),
        (&[(BASE_URL, "http://127.0.0.1:1"), (SIGNING_KEY, "ab"), (EVENT_KEY, "e")], Ok(true)),
        (
            &[(BASE_URL, "http://127.0.0.1:1"), (SIGNING_KEY, "ab"), (EVENT_KEY, "")],
            Err("missing: INNGEST_EVENT_KEY."),
        ),
        (&[(SIGNING_KEY, "ab")], Err("missing: INNGEST_BASE_URL, INNGEST_EVENT_KEY.")),
        (&[(DEV, "yes please")], Err("INNGEST_DEV must be a server's URL")),
        (&[(DEV, "localhost:8288")], Err("INNGEST_DEV must be a server's URL")),
        (&[(DEV, "http://127.0.0.1:1"), (BASE_URL, "http://127.0.0.1:2")], Err("unset one of them")),
    ];
    for (given, expected) in cases {
        let of =
            |name: &str| given.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned());
        let got = Server::named(of);
        let right = match (&got, expected) {
            (Ok(server), Ok(is_real)) => {
                server.is_some() == is_real && server.as_ref().is_none_or(|server| server.url() == url)
            }
            (Err(error), Err(part)) => error.contains(part),
            _ => false,
        };
        if !right {
            return Err(format!("{given:?} must give {expected:?}, but gives {got:?}"));
        }
    }
    Ok(())
}
