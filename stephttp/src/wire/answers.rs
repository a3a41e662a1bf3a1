//! What of the server's answers is kept, and sent back to it or shown to clients: nothing of a
//! length that makes no sense.

use serde::de::{Deserialize, Deserializer, Error};

use super::limits::TOKEN_BYTES;

/// Bytes of an id. The server's are UUIDs and ULIDs.
const ID_BYTES: usize = 256;

/// An id.
pub(super) fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let id = String::deserialize(deserializer)?;
    check(&id)?;
    Ok(id)
}

/// Ids.
pub(super) fn ids<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let ids = Vec::<String>::deserialize(deserializer)?;
    ids.iter().try_for_each(|id| check(id))?;
    Ok(ids)
}

fn check<E: Error>(id: &str) -> Result<(), E> {
    if id.len() <= ID_BYTES { Ok(()) } else { Err(E::custom(format!("an id has {} bytes", id.len()))) }
}

/// A run's token. One that could not be part of a URL is none.
pub(super) fn token<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let token = Option::<String>::deserialize(deserializer)?;
    Ok(token.filter(|token| token.len() <= TOKEN_BYTES))
}
