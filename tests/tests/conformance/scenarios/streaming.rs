//! Clients that read what their runs stream.

use axum::routing::post;
use futures_util::stream;
use inngest::{Event, Failure, Live, Step, StepError};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{LONG, NAP};
use crate::scenario::{Expect, Scenario, event, scenario};
use crate::stage::Effects;

pub(super) fn all() -> Vec<Scenario> {
    vec![
        scenario::<at_once>(post(at_once))
            .streams(["begins", "one two"])
            .says("one two")
            .did_and_shows(["a"]),
        scenario::<naps>(post(naps))
            .streams(["begins", "before", "goes on", "after all"])
            .says("after all")
            .did(["a", "b"])
            .shows(["a", "nap", "b"]),
        scenario::<naps>(post(naps))
            .named("streaming-redirect")
            .setup(|opts, _| opts.stream_relays(0))
            .streams(["begins", "before", "goes on", "after all"])
            .says("after all")
            .did(["a", "b"])
            .shows(["a", "nap", "b"]),
        scenario::<naps>(post(naps))
            .named("streaming-twenty")
            .clients(20)
            .streams(["begins", "before", "goes on", "after all"])
            .says("after all")
            .did(["a", "b"])
            .shows(["a", "nap", "b"]),
        scenario::<retries>(post(retries))
            .streams(["3 of 3"])
            .says("3 of 3")
            .did(["attempt", "attempt", "attempt"])
            .shows(["attempt"])
            .not_swept("what it answers says how often it was tried"),
        scenario::<retries_alike>(post(retries_alike))
            .streams(["it holds"])
            .says("it holds")
            .did(["attempt", "attempt", "attempt"])
            .shows(["attempt"]),
        scenario::<together>(post(together))
            .streams_in_any_order([X.repeat(300), Y.repeat(300)])
            .says("600 600")
            .did(["x", "y"])
            .shows(["nap", "x | y"]),
        scenario::<large>(post(large))
            .streams([LINE.repeat(LINES)])
            .says("5242880")
            .did(["write"])
            .shows(["nap", "write"])
            .not_swept("its 300,000 events take longer than a pass may"),
        scenario::<parts>(post(parts))
            .streams([LINE.repeat(PART_LINES), "end".to_owned()])
            .says("done")
            .did(["write", "end"])
            .shows(["nap", "write", "pause", "end"])
            .not_swept("a machine that sweeps may take its parts more slowly than a re-entry waits"),
        scenario::<asks>(post(asks))
            .when("answer", event("conformance/stream-answer", json!({"say": "yes"})))
            .streams(["may I?", "yes, I may"])
            .says("done")
            .did(["write"])
            .shows(["answer", "write"]),
    ]
}

type Tokens<'a> = Vec<Result<&'a str, Failure>>;

fn tokens<'a>(texts: impl IntoIterator<Item = &'a str>) -> Tokens<'a> {
    texts.into_iter().map(Ok).collect()
}

/// A step's text, with its side effect.
async fn write(live: &Live, effects: &Effects, effect: &str, texts: Tokens<'_>) -> Result<String, Failure> {
    effects.does(effect).await?;
    live.pipe(stream::iter(texts)).await
}

#[inngest::api_fn(id = "streaming-at-once")]
async fn at_once(step: Step, live: Live, effects: Effects) -> Result<String, StepError> {
    live.push("begins");
    step.run("a", write(&live, &effects, "a", tokens(["one ", "two"]))).await
}

#[inngest::api_fn(id = "streaming-naps", retries = 5)]
async fn naps(step: Step, live: Live, effects: Effects) -> Result<String, StepError> {
    live.push("begins");
    step.run("a", write(&live, &effects, "a", tokens(["before"]))).await?;
    step.sleep("nap", NAP).await;
    live.push("goes on");
    step.run("b", write(&live, &effects, "b", tokens(["after ", "all"]))).await
}

#[inngest::api_fn(id = "streaming-retries", retries = 5)]
async fn retries(step: Step, live: Live, effects: Effects) -> Result<String, StepError> {
    step.run("attempt", async {
        let attempt = effects.happen("attempt".to_owned()).await;
        let text = live.pipe(stream::iter(tokens([&*attempt.to_string(), " of 3"]))).await?;
        if attempt < 3 {
            return Err(Failure::retry_after(NAP, "not yet"));
        }
        Ok(text)
    })
    .await
}

/// Each attempt streams the same.
#[inngest::api_fn(id = "streaming-retries-alike", retries = 5)]
async fn retries_alike(step: Step, live: Live, effects: Effects) -> Result<String, StepError> {
    step.run("attempt", async {
        let attempt = effects.happen("attempt".to_owned()).await;
        let text = live.pipe(stream::iter(tokens(["it ", "holds"]))).await?;
        if attempt < 3 {
            return Err(Failure::retry_after(NAP, "not yet"));
        }
        Ok(text)
    })
    .await
}

const X: &str = "xX";
const Y: &str = "yY";

#[inngest::api_fn(id = "streaming-together", retries = 5)]
async fn together(step: Step, live: Live, effects: Effects) -> Result<String, StepError> {
    step.sleep("nap", NAP).await;
    let (x, y) = tokio::join!(
        step.run("x", write(&live, &effects, "x", tokens([X; 300]))),
        step.run("y", write(&live, &effects, "y", tokens([Y; 300]))),
    );
    Ok(format!("{} {}", x?.len(), y?.len()))
}

const LINE: &str = "sixteen letters\n";
const LINES: usize = 5 * 1024 * 1024 / 16;

/// More than one part holds. The step's output is less: the server keeps 4 MiB.
#[inngest::api_fn(id = "streaming-large", retries = 5)]
async fn large(step: Step, live: Live, effects: Effects) -> Result<String, StepError> {
    step.sleep("nap", NAP).await;
    let length = step
        .run("write", async {
            let text = write(&live, &effects, "write", tokens(std::iter::repeat_n(LINE, LINES))).await?;
            Ok(text.len())
        })
        .await?;
    Ok(length.to_string())
}

/// Of two parts.
const PART_LINES: usize = 704 * 1024 / 16;

/// More than one part holds, in long pieces, and the run goes on after it.
#[inngest::api_fn(id = "streaming-parts", retries = 5)]
async fn parts(step: Step, live: Live, effects: Effects) -> Result<&'static str, StepError> {
    step.sleep("nap", NAP).await;
    let piece = LINE.repeat(128);
    let pieces = || tokens(std::iter::repeat_n(&*piece, PART_LINES / 128));
    step.run("write", write(&live, &effects, "write", pieces())).await?;
    step.sleep("pause", NAP).await;
    step.run("end", write(&live, &effects, "end", tokens(["end"]))).await?;
    Ok("done")
}

#[derive(Serialize, Deserialize)]
struct Answer {
    say: String,
}

#[inngest::api_fn(id = "streaming-asks", retries = 5)]
async fn asks(step: Step, live: Live, effects: Effects) -> Result<&'static str, StepError> {
    live.push("may I?");
    let wait = step.wait_for_event("answer", "conformance/stream-answer").timeout(LONG);
    let answer: Option<Event<Answer>> = wait.await?;
    let answer = answer.map(|event| event.data.say).unwrap_or_default();
    step.run("write", write(&live, &effects, "write", tokens([&*answer, ", I may"]))).await?;
    Ok("done")
}
