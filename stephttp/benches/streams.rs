//! What a stream of ten thousand events in a first request costs, as a ratio to axum's `Sse`, and
//! what an idle stream holds.
//!
//! ```sh
//! cargo bench -p stephttp --bench streams
//! ```
//!
//! One process holds the server (one thread), its client and an API that takes every checkpoint.
//! The two endpoints are visited in turn; CPU is the server thread's alone.

use std::convert::Infallible;
use std::error::Error;
use std::fs;
use std::thread;

use axum::response::Sse;
use axum::response::sse::Event;
use axum::routing::{any, get};
use axum::{Json, Router};
use futures_util::stream;
use inngest::{Live, Provider, SetupOpts, Step, StepError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const EVENTS: usize = 10_000;
const ROUNDS: usize = 20;
/// The name by which the server's thread is known in `/proc`.
const SERVER: &str = "stream-server";
const TOKEN: &str = "a token of a model";

async fn plain() -> Sse<impl futures_core::Stream<Item = Result<Event, axum::Error>>> {
    let event = |_| Event::default().event("inngest.stream").json_data(serde_json::json!({ "data": TOKEN }));
    Sse::new(stream::iter((0..EVENTS).map(event)))
}

#[inngest::api_fn(id = "streams")]
async fn live(step: Step, live: Live) -> Result<String, StepError> {
    let tokens = stream::iter((0..EVENTS).map(|_| Ok::<_, Infallible>(TOKEN)));
    step.run("write", live.pipe(tokens)).await
}

#[inngest::api_fn(id = "idle")]
async fn idle(step: Step, live: Live) -> Result<String, StepError> {
    live.push("begins");
    step.run("wait", async {
        std::future::pending::<()>().await;
        Ok(String::new())
    })
    .await
}

async fn taken() -> Json<serde_json::Value> {
    Json(serde_json::json!({ "data": {
        "fn_id": "98819a18-0000-4000-8000-000000000000", "app_id": "98819a18-0000-4000-8000-000000000000",
        "run_id": "01M8KTMCJM6Z5REZS87DFA199P", "token": "t",
    } }))
}

/// Serves on a thread of its own; answers with the port.
fn serve(name: &str, app: impl FnOnce(u16) -> Outcome<Router> + Send + 'static) -> Outcome<u16> {
    let (sender, receiver) = std::sync::mpsc::channel();
    let runtime = Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new().name(name.to_owned()).spawn(move || {
        runtime.block_on(async {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
            let port = listener.local_addr()?.port();
            sender.send(port)?;
            axum::serve(listener, app(port)?).await?;
            Outcome::Ok(())
        })
    })?;
    Ok(receiver.recv()?)
}

async fn begin(port: u16, path: &str) -> Outcome<TcpStream> {
    let mut connection = TcpStream::connect(("127.0.0.1", port)).await?;
    let head =
        format!("GET {path} HTTP/1.1\r\nhost: a\r\naccept: text/event-stream\r\nconnection: close\r\n\r\n");
    connection.write_all(head.as_bytes()).await?;
    Ok(connection)
}

async fn visit(port: u16, path: &str) -> Outcome<usize> {
    let mut answer = Vec::new();
    begin(port, path).await?.read_to_end(&mut answer).await?;
    Ok(answer.windows(14).filter(|bytes| bytes == b"inngest.stream").count())
}

/// Ticks that the server's thread has taken.
fn ticks() -> Outcome<u64> {
    for task in fs::read_dir("/proc/self/task")? {
        let stat = fs::read_to_string(task?.path().join("stat"))?;
        if let Some((name, rest)) = stat.rsplit_once(')')
            && name.ends_with(SERVER)
        {
            let fields: Vec<&str> = rest.split_whitespace().collect();
            let ticks =
                |n: usize| fields.get(n).and_then(|ticks| ticks.parse::<u64>().ok()).unwrap_or_default();
            return Ok(ticks(11) + ticks(12));
        }
    }
    Err("the server's thread is gone".into())
}

/// Resident memory of the process, in KiB.
fn resident() -> Outcome<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

async fn compare(port: u16) -> Outcome<()> {
    let mut cpu = [0, 0];
    for round in 0..=ROUNDS {
        for (which, path) in ["/plain", "/live"].into_iter().enumerate() {
            let before = ticks()?;
            let events = visit(port, path).await?;
            assert_eq!(events, EVENTS, "{path}");
            // The first round warms up.
            cpu[which] += if round > 0 { ticks()? - before } else { 0 };
        }
    }
    let [plain, live] = cpu.map(|ticks| f64::from(u32::try_from(ticks).unwrap_or(u32::MAX)));
    println!("{EVENTS} events, {ROUNDS} rounds: CPU is {:.2} x that of axum's Sse", live / plain);
    let before = resident()?;
    let mut idle = Vec::new();
    for _ in 0..2_000 {
        let mut connection = begin(port, "/idle").await?;
        connection.read_exact(&mut [0; 256]).await?;
        idle.push(connection);
    }
    println!(
        "an idle stream in its first request: {:.1} KiB",
        f64::from(u32::try_from(resident()? - before)?) / 2_000.0
    );
    Ok(())
}

fn main() -> Outcome<()> {
    let api = serve("api", |_| Ok(Router::new().fallback(any(taken))))?;
    let server = serve(SERVER, move |port| {
        let opts =
            SetupOpts::new(format!("http://127.0.0.1:{port}")).dev_server(format!("http://127.0.0.1:{api}"));
        let inngest = Provider::setup(opts)?;
        let durable =
            Router::new().route("/live", get(live)).route("/idle", get(idle)).layer(inngest.layer());
        Ok(Router::new().route("/plain", get(plain)).merge(durable))
    })?;
    Builder::new_current_thread().enable_all().build()?.block_on(compare(server))
}
