//! Makes the recordings: of the engine, or of a real server.

use std::time::Duration;

use inngest::{Provider, SetupOpts};
use reqwest::Client;
use reqwest::redirect::Policy;
use stephttp_dev::{Clock, DevServer, Recording, Replay};
use stephttp_tests::Effects;
use tokio::net::TcpListener;

use super::scripts::{Script, Until, all, event_data};
use super::{functions, sealing};

async fn record(script: &Script) -> Recording {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let engine = DevServer::builder().clock(Clock::Manual).start().await.unwrap();
    let mut opts = SetupOpts::new(&origin).dev_server(engine.url());
    if script.is_sealed {
        opts = sealing(opts);
    }
    let provider = Provider::setup(opts).unwrap();
    let app = functions::app(Effects::new())(&provider);
    let served = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let client = Client::builder().redirect(Policy::none()).tls_certs_only([]).build().unwrap();
    // A streamed response ends with the run.
    let request = script.request(&client, &origin);
    let asking = tokio::spawn(async move { request.send().await.unwrap().bytes().await.map(drop) });
    let run = engine.wait_for_run().await.id;
    if let Some((step, event)) = script.event {
        engine.wait_for_waiting(&run, step).await;
        engine.send_event(event, event_data());
    }
    match script.until {
        Until::Ended => {
            while engine.run(&run).unwrap().status == stephttp_dev::RunStatus::Running {
                engine.advance(Duration::from_secs(1)).await;
                tokio::task::yield_now().await;
            }
            provider.wait(Duration::from_secs(10)).await.unwrap();
            asking.abort();
        }
        Until::Waits(stored, steps) => {
            let stands = |recording: &Recording| {
                let own = recording.steps.iter().filter(|step| !step.id.starts_with("stephttp:")).count();
                own == stored && steps.iter().all(|id| recording.waiting.iter().any(|step| step.id == *id))
            };
            loop {
                if engine.record(&run).is_ok_and(|recording| stands(&recording)) {
                    break;
                }
                engine.advance(Duration::from_secs(1)).await;
                tokio::task::yield_now().await;
            }
            asking.abort();
        }
    }
    let recording = engine.record(&run).unwrap();
    served.abort();
    recording
}

#[tokio::test]
async fn runs_of_the_engine_hold() {
    let mut failures = String::new();
    for script in all() {
        let recording = record(&script).await;
        let json = recording.to_json().unwrap();
        let replay = Replay::of_recordings([Recording::from_json(&json).unwrap()]);
        let replay = if script.is_sealed { replay.setup(sealing) } else { replay };
        let effects = Effects::new();
        match replay.app(functions::app(effects.clone())).check().await {
            Ok(replayed) if replayed.notes.is_empty() && effects.all().is_empty() => {}
            Ok(replayed) => {
                failures += &format!("\n{}: {:?} {:?}\n{json}", script.name, replayed, effects.all())
            }
            Err(report) => failures += &format!("\n{}: {report}\n{json}", script.name),
        }
    }
    assert!(failures.is_empty(), "{failures}");
}
