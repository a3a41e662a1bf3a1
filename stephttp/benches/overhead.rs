//! What the layer and its steps cost, as ratios to the same handler on plain axum.
//!
//! ```sh
//! cargo bench -p stephttp
//! ```
//!
//! One process holds the server (one thread), its clients and a null API that takes every
//! checkpoint (a thread each). The endpoints are visited in turn, round after round, so that what
//! disturbs the machine disturbs all alike; a ratio is the median of the rounds' ratios.
//!
//! CPU is the server thread's alone, until the last checkpoint of a visit has been delivered: what
//! goes on after the response counts. Wall is the time from a visit's first request to its last
//! response.

use std::error::Error;
use std::fmt;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use axum::extract::State;
use axum::routing::get;
use axum::serve::ListenerExt;
use axum::{Json, Router};
use inngest::{Failure, Provider, SetupOpts, Step, StepError};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tokio::time::Instant;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const CONNECTIONS: u64 = 16;
/// The name by which the server's threads are known in `/proc`.
const SERVER: &str = "bench-server";

/// What is compared: a title, and how many steps (or, on plain axum, the same work without steps).
const CASES: [(&str, &str, u32); 5] = [
    ("no `Step`, under the layer", "layered", 0),
    ("api_fn, no step", "durable", 0),
    ("api_fn, 1 step", "durable", 1),
    ("api_fn, 3 steps", "durable", 3),
    ("api_fn, 10 steps", "durable", 10),
];

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

#[inngest::api_fn(id = "bench")]
async fn durable(State(n): State<u32>, step: Step) -> Result<Json<Answer>, StepError> {
    let mut last = None;
    for i in 0..n {
        last = Some(step.run(format!("step-{i}"), user(i)).await?);
    }
    Ok(Json(Answer { ok: true, n, last }))
}

fn main() -> Outcome<()> {
    // `cargo test --benches` only wants to know that it runs.
    let (rounds, requests) =
        if std::env::args().any(|arg| arg == "--bench") { (11, 6_400) } else { (1, 128) };

    let api = null_api()?;
    let provider =
        Provider::setup(SetupOpts::new("http://127.0.0.1").dev_server(&api.url).base_url(&api.url))?;
    let server = Builder::new_multi_thread().worker_threads(1).thread_name(SERVER).enable_all().build()?;
    let address = serve(&server, &provider)?;
    let clients = Builder::new_current_thread().enable_all().build()?;

    let mut samples = CASES.map(|_| Vec::new());
    for round in 0..=rounds {
        for (&(_, kind, n), samples) in CASES.iter().zip(&mut samples) {
            let visit = |kind| {
                // Settles what the visit before has left behind.
                visit(&clients, &address, kind, n, requests / 8, &api)?;
                visit(&clients, &address, kind, n, requests, &api)
            };
            let (plain, other) = if round % 2 == 0 {
                let plain = visit("plain")?;
                (plain, visit(kind)?)
            } else {
                let other = visit(kind)?;
                (visit("plain")?, other)
            };
            // The first round warms up.
            if round > 0 {
                samples.push((plain, other));
            }
        }
    }
    clients.block_on(provider.wait(Duration::from_secs(10)))?;

    println!(
        "{rounds} rounds of {requests} requests over {CONNECTIONS} connections; medians (least..most)\n"
    );
    println!("                                CPU a request");
    println!(
        "                            plain axum   this SDK   ratio               wall ratio          API calls"
    );
    for ((title, ..), samples) in CASES.iter().zip(&samples) {
        let microseconds = |visit: &Visit| visit.cpu.as_secs_f64() * 1e6 / requests as f64;
        let plain = Spread::of(samples.iter().map(|(plain, _)| microseconds(plain)));
        let other = Spread::of(samples.iter().map(|(_, other)| microseconds(other)));
        let cpu = Spread::of(samples.iter().map(|(plain, other)| microseconds(other) / microseconds(plain)));
        let wall = Spread::of(
            samples.iter().map(|(plain, other)| other.wall.as_secs_f64() / plain.wall.as_secs_f64()),
        );
        let calls = Spread::of(samples.iter().map(|(_, other)| other.calls as f64 / requests as f64));
        println!(
            "{title:<28}{:>7.1} us {:>7.1} us   {cpu:<18}  {wall:<18}  {:.2}",
            plain.median, other.median, calls.median
        );
    }
    Ok(())
}

/// The server: every endpoint on plain axum and under the layer. Returns its address.
fn serve(server: &Runtime, provider: &Provider) -> Outcome<String> {
    let mut plain_routes = Router::new();
    let mut layered_routes = Router::new();
    for n in [0, 1, 3, 10] {
        let routes = Router::new().route(&format!("/plain/{n}"), get(plain));
        plain_routes = plain_routes.merge(routes.with_state(n));
        let routes = Router::new()
            .route(&format!("/layered/{n}"), get(plain))
            .route(&format!("/durable/{n}"), get(durable));
        layered_routes = layered_routes.merge(routes.with_state(n));
    }
    let app = plain_routes.merge(layered_routes.layer(provider.layer()));
    let listener = server.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let address = listener.local_addr()?.to_string();
    let listener = listener.tap_io(|connection| {
        // Only a matter of latency.
        let _ = connection.set_nodelay(true);
    });
    server.spawn(async move { axum::serve(listener, app).await });
    Ok(address)
}

/// What a visit took.
struct Visit {
    cpu: Duration,
    wall: Duration,
    calls: u64,
}

fn visit(
    clients: &Runtime,
    address: &str,
    kind: &str,
    n: u32,
    requests: u64,
    api: &NullApi,
) -> Outcome<Visit> {
    let calls_before = api.calls();
    let cpu_before = server_cpu()?;
    let begun = Instant::now();
    clients.block_on(async {
        let mut connections = JoinSet::new();
        for _ in 0..CONNECTIONS {
            let request = format!("GET /{kind}/{n} HTTP/1.1\r\nhost: {address}\r\n\r\n");
            connections.spawn(client(address.to_owned(), request, requests / CONNECTIONS));
        }
        while let Some(client) = connections.join_next().await {
            client??;
        }
        Outcome::Ok(())
    })?;
    let wall = begun.elapsed();
    let expected = if kind == "durable" && n > 0 { requests } else { 0 };
    while api.calls() - calls_before < expected {
        if begun.elapsed() > Duration::from_secs(60) {
            return Err("the checkpoints were not delivered".into());
        }
        thread::sleep(Duration::from_millis(1));
    }
    // The last answers are still being read.
    thread::sleep(Duration::from_millis(5));
    Ok(Visit { cpu: server_cpu()?.saturating_sub(cpu_before), wall, calls: api.calls() - calls_before })
}

/// One keep-alive connection.
async fn client(address: String, request: String, count: u64) -> Outcome<()> {
    let mut connection = TcpStream::connect(address).await?;
    connection.set_nodelay(true)?;
    let mut buffer = Vec::new();
    for _ in 0..count {
        connection.write_all(request.as_bytes()).await?;
        let head = read_message(&mut connection, &mut buffer).await?;
        if !head.is_some_and(|head| head.starts_with("http/1.1 200")) {
            return Err("not answered with 200".into());
        }
    }
    Ok(())
}

/// Takes one HTTP message with a `content-length` (or without a body) off a connection. Returns its
/// head in lower case, or `None` at the connection's end.
async fn read_message(connection: &mut TcpStream, buffer: &mut Vec<u8>) -> Outcome<Option<String>> {
    loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.map_or(Ok(0), |length| length.trim().parse())?;
            let total = end + 4 + length;
            while buffer.len() < total {
                if connection.read_buf(buffer).await? == 0 {
                    return Err("the connection ended within a message".into());
                }
            }
            buffer.drain(..total);
            return Ok(Some(head));
        }
        if connection.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

/// An API that takes every checkpoint at once.
struct NullApi {
    url: String,
    calls: Arc<AtomicU64>,
}

impl NullApi {
    fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }
}

fn null_api() -> Outcome<NullApi> {
    const BODY: &str = r#"{"data":{"run_id":"01JZZZZZZZZZZZZZZZZZZZZZZZ","fn_id":"5f9c3f0e-6c4b-4f5e-9a55-0c1c61d3a001","app_id":"5f9c3f0e-6c4b-4f5e-9a55-0c1c61d3a002","token":"x"}}"#;
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{BODY}",
        BODY.len()
    );
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let url = format!("http://{}", listener.local_addr()?);
    let calls = Arc::<AtomicU64>::default();
    let counter = calls.clone();
    thread::Builder::new().name("null-api".to_owned()).spawn(move || {
        runtime.block_on(async {
            while let Ok((mut connection, _)) = listener.accept().await {
                let (counter, answer) = (counter.clone(), answer.clone());
                tokio::spawn(async move {
                    connection.set_nodelay(true)?;
                    let mut buffer = Vec::new();
                    while read_message(&mut connection, &mut buffer).await?.is_some() {
                        counter.fetch_add(1, Ordering::Relaxed);
                        connection.write_all(answer.as_bytes()).await?;
                    }
                    Outcome::Ok(())
                });
            }
        });
    })?;
    Ok(NullApi { url, calls })
}

/// The time that the server's threads have been on a CPU, as Linux counts it.
fn server_cpu() -> Outcome<Duration> {
    let mut total = Duration::ZERO;
    for task in fs::read_dir("/proc/self/task").map_err(|_| "this benchmark needs Linux's /proc")? {
        let task = task?.path();
        if fs::read_to_string(task.join("comm"))?.trim() == SERVER {
            let schedstat = fs::read_to_string(task.join("schedstat"))?;
            let nanoseconds = schedstat.split_whitespace().next().unwrap_or_default();
            total += Duration::from_nanos(nanoseconds.parse()?);
        }
    }
    Ok(total)
}

/// The middle and the ends of some figures.
struct Spread {
    median: f64,
    least: f64,
    most: f64,
}

impl Spread {
    fn of(figures: impl Iterator<Item = f64>) -> Self {
        let mut figures: Vec<f64> = figures.collect();
        figures.sort_by(f64::total_cmp);
        let at = |index: usize| figures.get(index).copied().unwrap_or(f64::NAN);
        Self { median: at(figures.len() / 2), least: at(0), most: at(figures.len().saturating_sub(1)) }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:.2} ({:.2}..{:.2})", self.median, self.least, self.most))
    }
}
