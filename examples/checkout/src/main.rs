//! A shop's checkout as one durable endpoint.
//!
//! Run with
//!
//! ```text
//! cargo run -p checkout            # takes one order through, then keeps serving
//! cargo run -p checkout -- --once  # takes one order through, and exits
//! ```
//!
//! The dev engine runs in this process. With `INNGEST_DEV` or `INNGEST_SIGNING_KEY` set, the real Inngest is used
//! instead; set `CHECKOUT_ORIGIN` to where it can reach this program, if that is not this machine.

mod checkout;
mod demonstration;
mod shop;
mod story;

use std::env;
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use axum::routing::post;
use inngest::{Provider, SetupOpts};
use stephttp_dev::{Clock, DevServer};
use tokio::net::TcpListener;

use crate::shop::Shop;

type BoxError = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_max_level(tracing_subscriber::filter::LevelFilter::ERROR).init();
    let once = match env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => false,
        [flag] if flag == "--once" => true,
        _ => {
            eprintln!("usage: checkout [--once]");
            return ExitCode::from(2);
        }
    };
    match run(once).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nsomething went wrong: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(once: bool) -> Result<(), BoxError> {
    // The port is fixed so that the `curl` at the end can be copied; any free one will do for a demonstration.
    let listener = match TcpListener::bind(("127.0.0.1", 3000)).await {
        Ok(listener) => listener,
        Err(_) => TcpListener::bind(("127.0.0.1", 0)).await?,
    };
    let here = format!("http://{}", listener.local_addr()?);

    let engine = engine().await?;
    let mut opts = SetupOpts::new(env::var("CHECKOUT_ORIGIN").unwrap_or_else(|_| here.clone()));
    if let Some(engine) = &engine {
        opts = opts.dev_server(engine.url());
        story::tell_what_inngest_does(engine);
    }
    let inngest = Provider::setup(opts)?;

    let shop = Shop::new(&here);
    let app = app(shop.clone()).layer(inngest.layer());
    let server = tokio::spawn(axum::serve(listener, app).into_future());

    demonstration::take_one_order(&here, &shop, engine.as_ref()).await?;
    if !once {
        println!(
            "\nNow it is your turn (ctrl-c stops the shop):\n\n  curl -iL {here}/checkout -H 'content-type: application/json' \
             -d '{{\"item\": \"teapot\", \"cents\": 2400}}'\n"
        );
        tokio::signal::ctrl_c().await?;
        println!("\nstopping; waiting until every checkpoint is delivered");
    }
    server.abort();
    inngest.wait(Duration::from_secs(10)).await?;
    Ok(())
}

fn app(shop: Shop) -> Router {
    Router::new()
        .route("/checkout", post(checkout::checkout))
        .route("/carrier", post(checkout::carrier_report))
        .layer(axum::middleware::from_fn(story::tell_of_request))
        .with_state(shop)
}

/// The dev engine, unless the environment names a real Inngest.
async fn engine() -> Result<Option<DevServer>, BoxError> {
    let is_set = |name| env::var(name).is_ok_and(|value: String| !value.trim().is_empty());
    if is_set("INNGEST_DEV") || is_set("INNGEST_SIGNING_KEY") {
        return Ok(None);
    }
    let engine =
        DevServer::builder().clock(Clock::Real).retry_interval(Duration::from_secs(2)).start().await?;
    Ok(Some(engine))
}

#[cfg(test)]
mod tests {
    /// An order may be under way for days, and be finished by another version of this program.
    #[test]
    fn runs_in_flight_survive_this_change() {
        inngest::assert_steps_lock!();
    }
}
