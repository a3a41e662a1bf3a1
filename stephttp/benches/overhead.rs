//! What the layer and its steps cost, as ratios to the same handler on plain axum.
//!
//! ```sh
//! cargo bench -p stephttp
//! ```
//!
//! One process holds a server, its clients (one for each keep-alive connection) and, on a thread of its own, a null
//! API that takes every checkpoint. The endpoints are visited in turn, round after round, so that what disturbs one
//! disturbs all; a ratio is the median of the rounds' ratios.
//!
//! CPU is that of the server's threads alone, until the last checkpoint of a visit has been delivered, so that work
//! which goes on after the response counts; wall is the time until the last response. The endpoint without a step is
//! plain axum's, with and without the layer, so both columns begin at 1.

use std::error::Error;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::routing::get;
use axum::serve::ListenerExt;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use stephttp::{Failure, Provider, SetupOpts, Step, StepError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const CONNECTIONS: u64 = 16;
const ROUNDS: usize = 15;
/// Requests of one visit, so that each takes about as long: enough that a clock tick (10 ms) is little.
const REQUESTS_WITHOUT_STEPS: u64 = 24_000;
const REQUESTS_WITH_STEPS: u64 = 6_000;
/// The name that tells the server's threads from others in `/proc`.
const SERVER_THREAD: &str = "bench-server";
/// How many clock ticks a second has in `/proc`, on every Linux there is.
const TICKS_PER_SECOND: f64 = 100.0;

#[derive(Serialize, Deserialize)]
struct User {
    id: u32,
    name: String,
    ok: bool,
}

#[derive(Serialize)]
struct Answer {
    ok: bool,
    n: u32,
    last: Option<User>,
}

async fn user(id: u32) -> Result<User, Failure> {
    Ok(User { id, name: format!("user-{id}"), ok: true })
}

async fn plain(State(n): State<u32>) -> Result<Json<Answer>, StepError> {
    let mut last = None;
    for i in 0..n {
        last = user(i).await.ok();
    }
    Ok(Json(Answer { ok: true, n, last }))
}

#[stephttp::api_fn(id = "bench")]
async fn durable(State(n): State<u32>, step: Step) -> Result<Json<Answer>, StepError> {
    let mut last = None;
    for i in 0..n {
        last = Some(step.run(format!("step-{i}"), user(i)).await?);
    }
    Ok(Json(Answer { ok: true, n, last }))
}
