//! What the examples have around their endpoints: the dev engine, a port, and somebody who tells
//! what happens.

mod story;

use std::env;
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use stephttp_dev::{Clock, DevServer};
use tokio::net::TcpListener;

pub use story::{tell_of_request, tell_what_inngest_does};

/// Whatever goes wrong in an example.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Runs an example as a program: `example` is given whether it is to end after its demonstration,
/// `--once`.
pub async fn play(name: &str, example: impl AsyncFnOnce(bool) -> Result<(), BoxError>) -> ExitCode {
    tracing_subscriber::fmt().with_max_level(tracing_subscriber::filter::LevelFilter::ERROR).init();
    let once = match env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => false,
        [flag] if flag == "--once" => true,
        _ => {
            eprintln!("usage: {name} [--once]");
            return ExitCode::from(2);
        }
    };
    match example(once).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nsomething went wrong: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Listens; also answers where. The port is fixed so that a `curl` can be copied; any free one will
/// do else.
///
/// # Errors
/// When no port is free.
pub async fn listen() -> Result<(TcpListener, String), BoxError> {
    let listener = match TcpListener::bind(("127.0.0.1", 3000)).await {
        Ok(listener) => listener,
        Err(_) => TcpListener::bind(("127.0.0.1", 0)).await?,
    };
    let here = format!("http://{}", listener.local_addr()?);
    Ok((listener, here))
}

/// The dev engine, and somebody who tells what it does, unless the environment names a real
/// Inngest.
///
/// # Errors
/// When the engine finds no free port.
pub async fn engine() -> Result<Option<DevServer>, BoxError> {
    let is_set = |name| env::var(name).is_ok_and(|value: String| !value.trim().is_empty());
    if is_set("INNGEST_DEV") || is_set("INNGEST_SIGNING_KEY") {
        return Ok(None);
    }
    let engine =
        DevServer::builder().clock(Clock::Real).retry_interval(Duration::from_secs(2)).start().await?;
    tell_what_inngest_does(&engine);
    Ok(Some(engine))
}

/// Says where the first run can be seen in a browser, if the dev engine has any.
pub fn say_where_to_look(engine: Option<&DevServer>) {
    let Some(engine) = engine else { return };
    match engine.runs().first() {
        Some(run) => println!("\nSee the run: {}", engine.run_url(&run.id)),
        None => println!("\nSee the runs: {}/", engine.url()),
    }
}

/// Waits until the user has had enough.
///
/// # Errors
/// When the program cannot listen for ctrl-c.
pub async fn until_stopped() -> Result<(), BoxError> {
    tokio::signal::ctrl_c().await?;
    println!("\nstopping; waiting until every checkpoint is delivered");
    Ok(())
}
