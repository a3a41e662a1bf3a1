//! An order service: axum, a database, logins, a payment API, and handlers that outlive deploys.
//!
//! ```text
//! cargo run -p orders            # serves; prints what to try
//! cargo run -p orders -- --once  # plays one order from the request to the receipt, and exits
//! ```
//!
//! README.md says what is where, and which environment variables there are.

mod once;

use std::env;
use std::error::Error;
use std::time::Duration;

use inngest::{Provider, SetupOpts};
use orders::app::{App, router};
use orders::auth::{Auth, Role};
use orders::database::Database;
use orders::metrics;
use orders::payments::{Payments, fake::Fake};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("warn,orders=info,tower_http=info"));
    tracing_subscriber::fmt().with_env_filter(filter).without_time().with_target(false).init();
    let is_once = env::args().any(|arg| arg == "--once");

    let listener =
        TcpListener::bind(setting("LISTEN").unwrap_or_else(|| "127.0.0.1:3000".to_owned())).await?;
    let here = format!("http://{}", listener.local_addr()?);

    // Inngest, or its stand-in in this process where the environment names none.
    let mut opts = SetupOpts::new(setting("ORIGIN").unwrap_or_else(|| here.clone()));
    let engine = narrator::engine().await?;
    if let Some(engine) = &engine {
        opts = opts.dev_server(engine.url());
    }
    let (middleware, metrics) = metrics::recorder()?;
    let inngest = Provider::setup(opts.middleware(middleware))?;

    let database = setting("DATABASE_URL").unwrap_or_else(|| "sqlite:orders.db?mode=rwc".to_owned());
    let payments = match setting("PAYMENTS_URL") {
        Some(url) => url,
        None => Fake::start().await?.1,
    };
    let auth = Auth::new(&jwt_secret()?)?;
    let customer = auth.issue("ada", Role::Customer, Duration::from_secs(3_600))?;
    let warehouse = auth.issue("warehouse", Role::Warehouse, Duration::from_secs(3_600))?;
    let app = App {
        auth,
        database: Database::connect(&database).await?,
        payments: Payments::new(payments)?,
        inngest: inngest.clone(),
        metrics,
    };

    // From the signal on, runs go on elsewhere from their next step; so no handler holds up the
    // server, which stops when the last response is out.
    let draining = inngest.clone();
    let pause = Duration::from_secs(setting("DRAIN_SECONDS").map_or(Ok(0), |pause| pause.parse())?);
    let mut terminated = signal(SignalKind::terminate())?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let ending = async move {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminated.recv() => {}
            _ = stopped => return draining.drain(),
        }
        draining.drain();
        // The load balancer sees by `/ready` that it has to send requests elsewhere. Until then
        // they come here: a connection that is refused would end a run.
        tokio::time::sleep(pause).await;
    };
    let server =
        tokio::spawn(axum::serve(listener, router(app)).with_graceful_shutdown(ending).into_future());

    let mut played = Ok(());
    if is_once {
        played = once::play(&here, &customer, &warehouse).await;
        drop(stop);
    } else {
        println!("serving at {here}");
        narrator::say_where_to_look(engine.as_ref());
        if setting("JWT_SECRET").is_none() {
            println!("\nTokens for tries:\nCUSTOMER={customer}\nWAREHOUSE={warehouse}");
        }
    }

    server.await??;
    inngest.wait(Duration::from_secs(10)).await?;
    played
}

/// An environment variable, unless it is empty.
fn setting(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// The environment's, or one whose tokens are good in this process alone.
fn jwt_secret() -> Result<Vec<u8>, getrandom::Error> {
    let mut random = vec![0; 32];
    getrandom::fill(&mut random)?;
    Ok(setting("JWT_SECRET").map_or(random, String::into_bytes))
}
