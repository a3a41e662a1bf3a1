//! Tells what happens, for people who see it for the first time.

use std::time::Duration;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use stephttp_dev::{DevServer, Notice};

/// One line for each request, and how it was answered.
pub(crate) async fn tell_of_request(request: Request, next: Next) -> Response {
    let line = format!("{} {}", request.method(), request.uri().path());
    match request.headers().get("x-run-id").and_then(|id| id.to_str().ok()) {
        Some(run_id) => {
            println!("\n{line} from Inngest, which calls run {run_id} back: the handler begins again");
        }
        None => println!("\n{line} from a client: the handler begins"),
    }
    next.run(request).await
}

/// What the engine does, as it does it.
pub(crate) fn tell_what_inngest_does(engine: &DevServer) {
    let mut notices = engine.subscribe();
    tokio::spawn(async move {
        // One order at a time in the demonstration; those of several clients are told in one stream.
        let mut remembered = Vec::<String>::new();
        while let Some(notice) = notices.next().await {
            match notice {
                Notice::RunCreated { run_id, .. } => {
                    remembered.clear();
                    println!("  inngest  run {run_id} begins");
                }
                Notice::StepSaved { step, .. } => {
                    println!("  inngest  step {step} is saved");
                    remembered.push(step);
                }
                Notice::Sleeping { step, duration, .. } => {
                    println!("  inngest  sleeps for {} (step {step})", seconds(duration));
                    remembered.push(step);
                }
                Notice::Reentering { .. } => {
                    println!("  inngest  calls back; remembered: {}", remembered.join(", "));
                }
                Notice::RetryScheduled { after, reason, .. } => {
                    println!("  inngest  will try again in {}: {reason}", seconds(after));
                }
                Notice::RunEnded { run_id, status } => println!("  inngest  run {run_id}: {status:?}"),
                other => println!("  inngest  {other}"),
            }
        }
    });
}

fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs())
}
