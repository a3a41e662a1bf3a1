//! A payment API for tries and tests. It declines the card `tok_declined`.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use tokio::net::TcpListener;

/// Clones are the same API.
#[derive(Debug, Clone, Default)]
pub struct Fake {
    /// By their idempotency keys; `None` once it was refunded.
    charges: Arc<Mutex<BTreeMap<String, Option<i64>>>>,
    calls: Arc<AtomicUsize>,
    answers_to_lose: Arc<AtomicUsize>,
}

#[derive(Debug, Deserialize)]
struct Charge {
    key: String,
    cents: i64,
    card: String,
}

#[derive(Debug, Deserialize)]
struct Refund {
    key: String,
}

impl Fake {
    /// Serves it at a free port; gives its URL, too.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start() -> io::Result<(Self, String)> {
        let fake = Self::default();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let routes = Router::new().route("/charges", post(charge)).route("/refunds", post(refund));
        tokio::spawn(axum::serve(listener, routes.with_state(fake.clone())).into_future());
        Ok((fake, url))
    }

    /// The next charges are made, but whoever asked is told that something went wrong.
    pub fn lose_answers(&self, count: usize) {
        self.answers_to_lose.store(count, Ordering::Relaxed);
    }

    /// How often a charge was asked for.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    /// What was charged, one for each key; `None` is one that was refunded.
    #[must_use]
    pub fn charges(&self) -> Vec<Option<i64>> {
        self.charges.lock().unwrap_or_else(PoisonError::into_inner).values().copied().collect()
    }
}

async fn charge(State(fake): State<Fake>, Json(charge): Json<Charge>) -> StatusCode {
    fake.calls.fetch_add(1, Ordering::Relaxed);
    if charge.card == "tok_declined" {
        return StatusCode::PAYMENT_REQUIRED;
    }
    let mut charges = fake.charges.lock().unwrap_or_else(PoisonError::into_inner);
    charges.entry(charge.key).or_insert(Some(charge.cents));
    let lost = fake.answers_to_lose.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
    if lost.is_ok() { StatusCode::BAD_GATEWAY } else { StatusCode::CREATED }
}

async fn refund(State(fake): State<Fake>, Json(refund): Json<Refund>) -> StatusCode {
    let mut charges = fake.charges.lock().unwrap_or_else(PoisonError::into_inner);
    charges.entry(refund.key).and_modify(|charge| *charge = None);
    StatusCode::NO_CONTENT
}
