//! Middlewares see values as they are, and not what is stored of them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::routing::get;
use inngest::middleware::{Middleware, StepContext};
use inngest::{Failure, Step, StepError};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use stephttp_tests::{Stage, World};

use super::floats;

/// Leaves everything as it is, and notes what it sees.
#[derive(Clone, Default)]
struct Spy(Arc<Mutex<Vec<String>>>);

impl Spy {
    fn note(&self, what: &str, step: &StepContext, json: &RawValue) {
        self.0.lock().unwrap().push(format!("{what} {} {json}", step.id()));
    }
}

impl Middleware for Spy {
    async fn transform_step_output(
        &self,
        step: &StepContext,
        output: Box<RawValue>,
    ) -> Result<Box<RawValue>, Failure> {
        self.note("stores", step, &output);
        Ok(output)
    }

    async fn restore_step_output(
        &self,
        step: &StepContext,
        output: Box<RawValue>,
    ) -> Result<Box<RawValue>, Failure> {
        self.note("restores", step, &output);
        Ok(output)
    }
}

#[inngest::api_fn(id = "values-spied")]
async fn spied(step: Step) -> Result<String, StepError> {
    let large = step.run("large", async { Ok(u64::MAX) }).await?;
    let form = step.run("form", async { Ok(json!({"stephttp:json": "1"})) }).await?;
    let float = step.run("float", async { Ok(1.0_f64) }).await?;
    let signal = step.wait_for_signal::<Value>("signal", "s").timeout(Duration::from_secs(60)).await?;
    step.sleep("pause", Duration::from_secs(60)).await;
    Ok(format!("{large} {form} {float:?} {}", signal.unwrap_or_default()))
}

#[inngest::api_fn(id = "values-sends-to-spied")]
async fn sends(step: Step) -> Result<&'static str, StepError> {
    step.send_signal("send", "s", (u64::MAX, json!({"stephttp:json": "2"}))).await?;
    Ok("sent")
}

#[tokio::test]
async fn a_middleware_sees_the_value_itself() {
    let spy = Spy::default();
    let middleware = spy.clone();
    let world =
        World::builder().opts(move |opts, url| opts.dev_server(floats::before(url)).middleware(middleware));
    let app = Stage::new().app(get(spied).post(sends));
    let world = world.start(app).await;
    world.inngest.hold_time();
    let response = world.get("/").send().await.unwrap();
    let run = world.inngest.wait_for_run().await;
    world.inngest.wait_for_waiting(&run.id, "signal").await;
    world.post("/").send().await.unwrap();
    world.inngest.release_time();
    let text = world.follow(response).await.text().await.unwrap();
    assert_eq!(
        text,
        r#"18446744073709551615 {"stephttp:json":"1"} 1.0 [18446744073709551615,{"stephttp:json":"2"}]"#
    );
    let seen = spy.0.lock().unwrap().clone();
    for line in [
        "stores large 18446744073709551615",
        r#"stores form {"stephttp:json":"1"}"#,
        "stores float 1.0",
        "restores large 18446744073709551615",
        r#"restores form {"stephttp:json":"1"}"#,
        r#"restores signal {"data":[18446744073709551615,{"stephttp:json":"2"}],"signal":"s"}"#,
    ] {
        assert!(seen.iter().any(|seen| seen == line), "{line} is not in {seen:#?}");
    }
    world.delivered().await;
    world.assert_clean();
}
