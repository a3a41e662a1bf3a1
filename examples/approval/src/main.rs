//! An expense that a person has to approve, within a time.
//!
//! Run with
//!
//! ```text
//! cargo run -p approval            # takes three expenses through, then keeps serving
//! cargo run -p approval -- --once  # takes three expenses through, and exits
//! ```
//!
//! The dev engine runs in this process. With `INNGEST_DEV` or `INNGEST_SIGNING_KEY` set, the real
//! Inngest is used instead; set `APPROVAL_ORIGIN` to where it can reach this program, if that is
//! not this machine.
//!
//! `expense.rs` is what matters here.

mod client;
mod demonstration;
mod expense;
mod office;
#[cfg(test)]
mod tests;

use std::env;
use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use axum::routing::post;
use inngest::output::OutputOpts;
use inngest::{Provider, SetupOpts};
use narrator::BoxError;

use crate::office::Office;

#[tokio::main]
async fn main() -> ExitCode {
    narrator::play("approval", run).await
}

async fn run(once: bool) -> Result<(), BoxError> {
    let (listener, here) = narrator::listen().await?;
    let engine = narrator::engine().await?;
    let origin = env::var("APPROVAL_ORIGIN").unwrap_or_else(|_| here.clone());
    let mut opts = configure(SetupOpts::new(origin));
    if let Some(engine) = &engine {
        opts = opts.dev_server(engine.url());
    }
    let inngest = Provider::setup(opts)?;

    // Three days would be usual.
    let (office, mut mails) = Office::new(Duration::from_secs(500));
    let server = tokio::spawn(axum::serve(listener, app(office.clone(), &inngest)).into_future());

    demonstration::submit_three_expenses(&here, &office, &mut mails).await?;
    if !once {
        println!(
            "\nNow it is your turn (ctrl-c stops the program). The run's id is the expense's number:\n\n  \
             curl -i {here}/expenses -H 'content-type: application/json' -d '{{\"purpose\": \"a lamp\", \"cents\": 4900}}'\n  \
             curl -i {here}/expenses/NUMBER/decision -H 'content-type: application/json' \
             -d '{{\"approved\": true, \"by\": \"you\"}}'\n  \
             curl -i '{here}URL'  # as the first one has said\n"
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

/// Clients that poll are told at once to come again, and a page of the front end's may ask from its
/// own origin.
fn configure(opts: SetupOpts) -> SetupOpts {
    opts.output(OutputOpts::new().max_redirects(0).allow_origins(["https://expenses.example.com"]))
}

fn app(office: Office, inngest: &Provider) -> Router {
    Router::new()
        .route("/expenses", post(expense::submit))
        .route("/expenses/{expense}/decision", post(expense::decide))
        .layer(axum::middleware::from_fn(narrator::tell_of_request))
        // Where outcomes are asked for, so that no client needs to reach Inngest.
        .merge(inngest.output_route())
        .layer(inngest.layer())
        .with_state(office)
}
