//! Answers that a model writes before the client's eyes, with a person's approval in between.
//!
//! Run with
//!
//! ```text
//! cargo run -p assistant            # serves a page to ask on
//! cargo run -p assistant -- --once  # reads one answer in the terminal, and exits
//! ```
//!
//! The dev engine runs in this process. With `INNGEST_DEV` or `INNGEST_SIGNING_KEY` set, the real
//! Inngest is used instead; set `ASSISTANT_ORIGIN` to where it can reach this program, if that is
//! not this machine.
//!
//! The model is a fake, whose first text breaks off in the middle, so that there is a rollback to
//! be seen; `ASSISTANT_FAILURES` says how many texts do. `ASSISTANT_MODEL_URL`, `ASSISTANT_MODEL`
//! and `ASSISTANT_MODEL_KEY` name one behind an API of chat completions, such as
//! `http://localhost:11434/v1` and `llama3.2`.
//!
//! `answer.rs` is what matters here, and `page.html` shows how a browser reads it.

mod answer;
mod client;
mod demonstration;
mod model;
mod sse;
#[cfg(test)]
mod tests;

use std::env;
use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use axum::response::Html;
use axum::routing::{get, post};
use inngest::{Provider, SetupOpts};
use narrator::BoxError;

use crate::model::Model;

#[tokio::main]
async fn main() -> ExitCode {
    narrator::play("assistant", run).await
}

async fn run(once: bool) -> Result<(), BoxError> {
    let (listener, here) = narrator::listen().await?;
    let engine = narrator::engine().await?;
    let mut opts = SetupOpts::new(env::var("ASSISTANT_ORIGIN").unwrap_or_else(|_| here.clone()));
    if let Some(engine) = &engine {
        opts = opts.dev_server(engine.url());
    }
    let inngest = Provider::setup(opts)?;
    let app = app(Model::from_env()?, &inngest);
    let server = tokio::spawn(axum::serve(listener, app).into_future());

    if once {
        demonstration::read_an_answer(&here).await?;
    } else {
        println!(
            "\nOpen {here}/ in a browser (ctrl-c stops the program). Or read the events as they are:\n\n  \
             curl -N {here}/answers -H 'accept: text/event-stream' -H 'content-type: application/json' \
             -d '{{\"question\": \"Can you send the teapot again?\"}}'\n"
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

fn app(model: Model, inngest: &Provider) -> Router {
    Router::new()
        .route("/answers", post(answer::answer))
        .route("/answers/{answer}/review", post(answer::review))
        .layer(axum::middleware::from_fn(narrator::tell_of_request))
        .route("/", get(|| async { Html(include_str!("page.html")) }))
        // Clients that read no events have their answers there, so none needs to reach Inngest.
        .merge(inngest.output_route())
        .layer(inngest.layer())
        .with_state(model)
}
