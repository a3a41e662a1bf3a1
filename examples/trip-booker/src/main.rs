//! A trip that is booked whole or not at all: a saga.
//!
//! Run with
//!
//! ```text
//! cargo run -p trip-booker            # books two trips, then keeps serving
//! cargo run -p trip-booker -- --once  # books two trips, and exits
//! ```
//!
//! The dev engine runs in this process. With `INNGEST_DEV` or `INNGEST_SIGNING_KEY` set, the real
//! Inngest is used instead; set `TRIP_ORIGIN` to where it can reach this program, if that is not
//! this machine.
//!
//! `trip.rs` is what matters here.

mod demonstration;
mod suppliers;
#[cfg(test)]
mod tests;
mod trip;

use std::env;
use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use axum::routing::post;
use inngest::{Provider, SetupOpts};
use narrator::BoxError;

use crate::suppliers::Suppliers;

#[tokio::main]
async fn main() -> ExitCode {
    narrator::play("trip-booker", run).await
}

async fn run(once: bool) -> Result<(), BoxError> {
    let (listener, here) = narrator::listen().await?;
    let engine = narrator::engine().await?;
    let mut opts = SetupOpts::new(env::var("TRIP_ORIGIN").unwrap_or_else(|_| here.clone()));
    if let Some(engine) = &engine {
        opts = opts.dev_server(engine.url());
    }
    let inngest = Provider::setup(opts)?;

    let suppliers = Suppliers::default();
    let server = tokio::spawn(axum::serve(listener, app(suppliers.clone(), &inngest)).into_future());

    demonstration::book_two_trips(&here, &suppliers, &inngest).await?;
    if !once {
        println!(
            "\nNow it is your turn; there is still no car (ctrl-c stops the program):\n\n  \
             curl -iL {here}/trips -H 'content-type: application/json' -d '{{\"to\": \"Faro\"}}'\n"
        );
        narrator::say_where_to_look(engine.as_ref());
        narrator::until_stopped().await?;
    }
    server.abort();
    inngest.wait(Duration::from_secs(10)).await?;
    match engine.and_then(|engine| engine.violations().into_iter().next()) {
        Some(violation) => Err(format!("the engine complains: {violation}").into()),
        None => Ok(()),
    }
}

fn app(suppliers: Suppliers, inngest: &Provider) -> Router {
    Router::new()
        .route("/trips", post(trip::book_trip))
        .layer(axum::middleware::from_fn(narrator::tell_of_request))
        // Where travellers get their answer whose runs have gone on at Inngest.
        .merge(inngest.output_route())
        .layer(inngest.layer())
        .with_state(suppliers)
}
