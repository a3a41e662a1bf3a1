//! Tokens: who may listen to what, and until when.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use inngest::wire::realtime::{RUN_KIND, STREAM_TOPIC};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::ENVIRONMENT;

const ISSUER: &str = "rt.inngest.com";
const ACCOUNT: &str = "00000000-0000-4000-a000-000000000000";

/// What can be listened to. By its kind, a channel's topic or one of the whole environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Topic {
    #[serde(default)]
    pub(crate) kind: String,
    #[serde(default)]
    env_id: String,
    #[serde(default)]
    pub(crate) channel: String,
    #[serde(default)]
    pub(crate) name: String,
}

impl Topic {
    pub(crate) fn new(channel: &str, name: &str) -> Self {
        Self {
            kind: RUN_KIND.to_owned(),
            env_id: ENVIRONMENT.to_owned(),
            channel: channel.to_owned(),
            name: name.to_owned(),
        }
    }

    /// The topic in this environment, whichever it was asked for in.
    pub(crate) fn here(self) -> Self {
        Self { env_id: ENVIRONMENT.to_owned(), ..self }
    }

    pub(crate) fn stream_of(channel: &str) -> Self {
        Self::new(channel, STREAM_TOPIC)
    }

    /// Whether both are the same to the server: the channel counts for the kind `run` alone.
    pub(crate) fn is(&self, other: &Self) -> bool {
        let channel = |topic: &Self| (topic.kind == RUN_KIND).then(|| topic.channel.clone());
        self.name == other.name && channel(self) == channel(other)
    }
}

/// What a token says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Claims {
    iss: String,
    sub: String,
    exp: u64,
    iat: u64,
    jti: String,
    env: String,
    pub(crate) topics: Option<Vec<Topic>>,
    #[serde(default)]
    pub(crate) publish: bool,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
}

/// The key of one server's tokens.
pub(crate) struct Secret([u8; 64]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Secret {
    /// A random one, so that another server's tokens are worth nothing.
    pub(crate) fn new() -> Self {
        let mut key = [0; 64];
        for part in key.chunks_exact_mut(16) {
            part.copy_from_slice(&ulid::Ulid::generate().to_bytes());
        }
        Self(key)
    }

    /// A token for topics, from now on for so long.
    pub(crate) fn token(&self, topics: Vec<Topic>, now: SystemTime, life: Duration) -> String {
        let claims = Claims {
            iss: ISSUER.to_owned(),
            sub: ACCOUNT.to_owned(),
            exp: seconds(now + life),
            iat: seconds(now),
            jti: ulid::Ulid::generate().to_string(),
            env: ENVIRONMENT.to_owned(),
            topics: Some(topics),
            publish: false,
        };
        // A struct of texts and numbers can always be written.
        let claims = serde_json::to_vec(&claims).unwrap_or_default();
        let signed = format!("{}.{}", BASE64.encode(r#"{"alg":"HS256","typ":"JWT"}"#), BASE64.encode(claims));
        let signature = self.mac(&signed).finalize().into_bytes();
        format!("{signed}.{}", BASE64.encode(signature))
    }

    /// What a token says; `None` if it is not this server's, or its time is over.
    pub(crate) fn read(&self, token: &str, now: SystemTime) -> Option<Claims> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let header: Header = serde_json::from_slice(&BASE64.decode(header).ok()?).ok()?;
        self.mac(signed).verify_slice(&BASE64.decode(signature).ok()?).ok()?;
        let claims: Claims = serde_json::from_slice(&BASE64.decode(claims).ok()?).ok()?;
        let valid = header.alg == "HS256" && claims.iss == ISSUER;
        (valid && claims.iat <= seconds(now) && seconds(now) < claims.exp).then_some(claims)
    }

    fn mac(&self, text: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new(&self.0.into());
        mac.update(text.as_bytes());
        mac
    }
}

fn seconds(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
