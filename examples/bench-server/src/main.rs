//! A server to load: one durable endpoint that runs N small steps, to measure what the SDK costs.
//!
//! ```sh
//! cargo build --release -p stephttp-bench
//! INNGEST_DEV=http://127.0.0.1:9100 target/release/stephttp-bench 3000 10           # PORT N
//! INNGEST_DEV=http://127.0.0.1:9100 target/release/stephttp-bench 3000 10 joined    # all at once
//! curl http://127.0.0.1:3000/run
//! ```
//!
//! `INNGEST_DEV` is where checkpoints go: a null API when a load generator is at work, else a dev
//! server. With N = 0 the endpoint has a [`Step`] and runs none. `SIGTERM` stops the server once
//! its checkpoints are delivered.

use std::error::Error;
use std::time::Duration;

use axum::extract::State;
use axum::routing::any;
use axum::serve::ListenerExt;
use axum::{Json, Router};
use futures_util::future::try_join_all;
use inngest::{Failure, Provider, SetupOpts, Step, StepError};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

/// What a step gives.
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

#[derive(Clone, Copy)]
struct Work {
    n: u32,
    joined: bool,
}

async fn user(id: u32) -> Result<User, Failure> {
    Ok(User { id, name: format!("user-{id}"), ok: true })
}

#[inngest::api_fn(id = "bench")]
async fn run(State(Work { n, joined }): State<Work>, step: Step) -> Result<Json<Answer>, StepError> {
    if joined {
        let users = try_join_all((0..n).map(|i| step.run(format!("step-{i}"), user(i)))).await?;
        return Ok(Json(Answer { ok: true, n, last: users.into_iter().next_back() }));
    }
    let mut last = None;
    for i in 0..n {
        last = Some(step.run(format!("step-{i}"), user(i)).await?);
    }
    Ok(Json(Answer { ok: true, n, last }))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(port), Some(steps)) = (args.next(), args.next()) else {
        return Err("usage: stephttp-bench PORT N [joined]".into());
    };
    let port: u16 = port.parse()?;
    let work = Work { n: steps.parse()?, joined: args.next().is_some_and(|how| how == "joined") };

    let inngest = Provider::setup(SetupOpts::new(format!("http://127.0.0.1:{port}")))?;
    let app = Router::new()
        .route("/run", any(run))
        .merge(inngest.output_route())
        .layer(inngest.layer())
        .with_state(work);
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let listener = listener.tap_io(|connection| {
        // Only a matter of latency.
        let _ = connection.set_nodelay(true);
    });
    axum::serve(listener, app).with_graceful_shutdown(terminated()).await?;
    inngest.wait(Duration::from_secs(10)).await?;
    Ok(())
}

async fn terminated() {
    #[cfg(unix)]
    if let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        terminate.recv().await;
        return;
    }
    let _ = tokio::signal::ctrl_c().await;
}
