//! Logins by JSON web tokens.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use inngest::Reentry;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, get_current_timestamp};
use serde::{Deserialize, Serialize};

use crate::error::AppError;

/// What a token says. Durable handlers take it as `Remember<Claims>`: Inngest's calls back have no
/// token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Claims {
    /// Whose token it is.
    pub sub: String,
    /// What its owner may do.
    pub role: Role,
    /// Until when it is good, in seconds since 1970.
    pub exp: u64,
}

/// What the owner of a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Order, and see the orders of their own.
    Customer,
    /// Say that a parcel was sent.
    Warehouse,
}

/// Puts the token's claims into the request, or answers 401.
///
/// # Errors
/// When there is no token, or one that is not good.
pub async fn require_login(
    State(auth): State<Auth>,
    mut request: Request,
    next: Next,
) -> Result<Response, AppError> {
    let claims = auth.claims(request.headers()).ok_or(AppError::NotLoggedIn)?;
    request.extensions_mut().insert(claims);
    Ok(next.run(request).await)
}

/// The same for durable routes: Inngest calls back without the client's token. `inngest.layer()` is
/// outside of this layer, and marks the calls that it has verified.
///
/// # Errors
/// When a client has no token, or one that is not good.
pub async fn require_login_or_inngest(
    auth: State<Auth>,
    request: Request,
    next: Next,
) -> Result<Response, AppError> {
    if request.extensions().get::<Reentry>().is_some() {
        return Ok(next.run(request).await);
    }
    require_login(auth, request, next).await
}

impl<S: Sync> FromRequestParts<S> for Claims {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, AppError> {
        parts.extensions.get().cloned().ok_or(AppError::NotLoggedIn)
    }
}

/// The key that signs tokens. Clones share it.
#[derive(Clone)]
pub struct Auth(Arc<Keys>);

struct Keys {
    decoding: DecodingKey,
    encoding: EncodingKey,
    validation: Validation,
}

impl Auth {
    /// With a secret that is known to all processes of the service, and to nobody else.
    ///
    /// # Errors
    /// When the secret is none.
    pub fn new(secret: &[u8]) -> jsonwebtoken::errors::Result<Self> {
        Ok(Self(Arc::new(Keys {
            decoding: DecodingKey::from_secret(secret)?,
            encoding: EncodingKey::from_secret(secret)?,
            validation: Validation::new(Algorithm::HS256),
        })))
    }

    fn claims(&self, headers: &HeaderMap) -> Option<Claims> {
        let token = headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")?;
        let token = jsonwebtoken::decode(token, &self.0.decoding, &self.0.validation).ok()?;
        Some(token.claims)
    }

    /// A token, for tries and tests: a login server would give it out.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn issue(&self, sub: &str, role: Role, good_for: Duration) -> jsonwebtoken::errors::Result<String> {
        let exp = get_current_timestamp() + good_for.as_secs();
        let claims = Claims { sub: sub.to_owned(), role, exp };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.0.encoding)
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth").finish_non_exhaustive()
    }
}
