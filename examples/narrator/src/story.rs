//! Tells what happens, for people who see it for the first time.

use std::collections::HashMap;
use std::time::Duration;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use stephttp_dev::{DevServer, Notice};

/// One line for each request, and how it was answered.
pub async fn tell_of_request(request: Request, next: Next) -> Response {
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
pub fn tell_what_inngest_does(engine: &DevServer) {
    let mut notices = engine.subscribe();
    let page = engine.url().to_owned();
    tokio::spawn(async move {
        let mut runs = HashMap::<String, Vec<String>>::new();
        while let Some(notice) = notices.next().await {
            match notice {
                // A hidden step, of the SDK's own.
                Notice::StepSaved { step, .. } if step.starts_with("stephttp:") => {}
                Notice::RunCreated { run_id, .. } => {
                    println!("  inngest  run {run_id} begins; see the run: {page}/#run={run_id}");
                }
                Notice::StepSaved { run_id, step } => {
                    println!("  inngest  step {step} is saved");
                    runs.entry(run_id).or_default().push(step);
                }
                Notice::Sleeping { run_id, step, duration } => {
                    println!("  inngest  sleeps for {} (step {step})", seconds(duration));
                    runs.entry(run_id).or_default().push(step);
                }
                Notice::Woken { run_id, step } => {
                    println!("  inngest  what step {step} waited for is there");
                    runs.entry(run_id).or_default().push(step);
                }
                Notice::Reentering { run_id, .. } => {
                    let remembered = runs.entry(run_id).or_default().join(", ");
                    println!("  inngest  calls back; remembered: {remembered}");
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
