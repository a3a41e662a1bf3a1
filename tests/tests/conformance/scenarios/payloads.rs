//! Values that steps remember: none changes its type or meaning between the first request and a
//! re-entry.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::time::{Duration, SystemTime};

use axum::routing::post;
use inngest::{Step, StepError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::NAP;
use crate::scenario::{Expect, Lenient, Scenario, scenario};
use crate::stage::Effects;

const ONE_OF_THREE: &str = "only its values are other ones than in `payloads-shapes`";

pub(super) fn all() -> Vec<Scenario> {
    vec![
        scenario::<numbers>(post(numbers))
            .says("the same")
            .shows(["u64", "i64", "f64", "small", "negative zero", "u128", "nap"])
            .not_swept(ONE_OF_THREE),
        scenario::<texts>(post(texts))
            .says("the same")
            .shows(["empty", "unicode", "control", "json", "long", "nap"])
            .lenient(Lenient::Step(
                "control",
                "PostgreSQL's trace has no text with U+0000 (docs/protocol.md 9.5)",
            ))
            .not_swept(ONE_OF_THREE),
        scenario::<options>(post(options))
            .says("the same")
            .shows(["unit", "none", "some", "list", "no list", "fields", "nap"])
            .not_swept(ONE_OF_THREE),
        scenario::<shapes>(post(shapes))
            .says("the same")
            .shows(["data", "error", "enum", "map", "bytes", "time", "tuple", "nap"]),
        scenario::<odd_ids>(post(odd_ids))
            .says("7")
            .did(["spaces", "unicode", "number", "suffix", "path", "emoji", "long"])
            .shows(odd_step_ids().iter().map(|(_, id)| id.clone()).chain(["nap".to_owned()])),
        scenario::<megabyte>(post(megabyte))
            .says((2 << 20).to_string())
            .did(["large"])
            .shows(["large", "nap"]),
        scenario::<megabytes>(post(megabytes))
            .says("9 MiB")
            .did(["part-0", "part-1", "part-2"])
            .shows(["part-0", "part-1", "part-2", "nap"])
            .not_swept("it takes long, and shows nothing there that one large output does not"),
        scenario::<many_steps>(post(many_steps))
            .says("200")
            .did((0..200).map(|n| format!("n-{n}")))
            .shows(
                (0..100)
                    .map(|n| format!("n-{n}"))
                    .chain(["nap".to_owned()])
                    .chain((100..200).map(|n| format!("n-{n}"))),
            )
            .not_swept("two hundred steps in a row have nothing to show there that five have not"),
        scenario::<large_answer>(post(large_answer)).says("x".repeat(1 << 20)).shows(["nap"]),
    ]
}

/// Gives a value through a step, and says whether it is what it was. Compared as text, where NaN is
/// NaN.
pub(super) async fn keeps<T>(step: &Step, id: &'static str, value: T) -> Result<(), StepError>
where
    T: Serialize + DeserializeOwned + Debug,
{
    let before = format!("{value:?}");
    let kept = step.run(id, async { Ok::<_, inngest::Failure>(value) }).await?;
    assert_eq!(format!("{kept:?}"), before, "{id}");
    Ok(())
}

/// In the last re-entry every value has come back from Inngest.
pub(super) async fn replayed(step: &Step) -> Result<&'static str, StepError> {
    step.sleep("nap", NAP).await;
    Ok("the same")
}

#[inngest::api_fn(id = "payloads-numbers")]
async fn numbers(step: Step, _effects: Effects) -> Result<&'static str, StepError> {
    keeps(&step, "u64", [0, (1 << 53) + 1, u64::MAX]).await?;
    keeps(&step, "i64", [i64::MIN, -((1 << 53) + 1), i64::MAX]).await?;
    keeps(&step, "f64", [f64::MAX, f64::MIN, f64::MIN_POSITIVE, 0.1 + 0.2, 1e21, 1e-7]).await?;
    keeps(&step, "small", [5e-324_f64, f64::EPSILON]).await?;
    keeps(&step, "negative zero", -0.0_f64).await?;
    keeps(&step, "u128", (u128::MAX.to_string(), u8::MAX, i8::MIN)).await?;
    replayed(&step).await
}

#[inngest::api_fn(id = "payloads-texts")]
async fn texts(step: Step, _effects: Effects) -> Result<&'static str, StepError> {
    keeps(&step, "empty", String::new()).await?;
    keeps(&step, "unicode", "Grüße, 世界 🦀 e\u{301} \u{202e}\u{feff}\u{2028}".to_owned()).await?;
    keeps(&step, "control", "\u{0}\u{1}\t\r\n\u{7f}\"\\/<>&".to_owned()).await?;
    keeps(&step, "json", r#"{"data":null}"#.to_owned()).await?;
    keeps(&step, "long", "ä".repeat(100_000)).await?;
    replayed(&step).await
}

#[derive(Debug, Serialize, Deserialize)]
struct Fields {
    none: Option<u8>,
    some: Option<Option<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    skipped: Vec<u8>,
}

#[inngest::api_fn(id = "payloads-options")]
async fn options(step: Step, _effects: Effects) -> Result<&'static str, StepError> {
    keeps(&step, "unit", ()).await?;
    keeps(&step, "none", None::<String>).await?;
    keeps(&step, "some", Some(String::new())).await?;
    keeps(&step, "list", vec![None, Some(0), None]).await?;
    keeps(&step, "no list", Vec::<u8>::new()).await?;
    keeps(&step, "fields", Fields { none: None, some: Some(Some("x".to_owned())), skipped: Vec::new() })
        .await?;
    replayed(&step).await
}

#[derive(Debug, Serialize, Deserialize)]
enum Shape {
    Point,
    Circle(u32),
    Rectangle { width: u32, height: u32 },
}

/// Values that look like what Inngest wraps values in.
#[inngest::api_fn(id = "payloads-shapes")]
async fn shapes(step: Step, _effects: Effects) -> Result<&'static str, StepError> {
    keeps(&step, "data", BTreeMap::from([("data", "x")].map(|(k, v)| (k.to_owned(), v.to_owned())))).await?;
    keeps(
        &step,
        "error",
        BTreeMap::from([("error".to_owned(), BTreeMap::from([("message".to_owned(), 1)]))]),
    )
    .await?;
    keeps(&step, "enum", [Shape::Point, Shape::Circle(1), Shape::Rectangle { width: 2, height: 3 }]).await?;
    keeps(&step, "map", HashMap::from([(String::new(), 0)])).await?;
    keeps(&step, "bytes", (0..=255).collect::<Vec<u8>>()).await?;
    keeps(&step, "time", (SystemTime::UNIX_EPOCH + Duration::new(1 << 33, 999_999_999), Duration::MAX))
        .await?;
    keeps(&step, "tuple", (1, "x".to_owned(), None::<()>, true)).await?;
    replayed(&step).await
}

/// Ids that are allowed, and the effects of their steps.
fn odd_step_ids() -> [(&'static str, String); 7] {
    [
        ("spaces", "  a  b ".to_owned()),
        ("unicode", "Straße/世界".to_owned()),
        ("number", "0".to_owned()),
        ("suffix", "a:1".to_owned()),
        ("path", "../../x?y#z".to_owned()),
        ("emoji", "🦀".to_owned()),
        ("long", "l".repeat(200)),
    ]
}

#[inngest::api_fn(id = "payloads-odd-ids")]
async fn odd_ids(step: Step, effects: Effects) -> Result<String, StepError> {
    let mut count = 0;
    for (effect, id) in odd_step_ids() {
        count += step.run(id, effects.gives(effect, 1)).await?;
    }
    step.sleep("nap", NAP).await;
    Ok(count.to_string())
}

#[inngest::api_fn(id = "payloads-megabyte")]
async fn megabyte(step: Step, effects: Effects) -> Result<String, StepError> {
    let text = step.run("large", effects.gives("large", "é".repeat(1 << 20))).await?;
    step.sleep("nap", NAP).await;
    Ok(text.len().to_string())
}

/// More than goes into one call.
#[inngest::api_fn(id = "payloads-megabytes")]
async fn megabytes(step: Step, effects: Effects) -> Result<String, StepError> {
    let mut bytes = 0;
    for n in 0..3 {
        let id = format!("part-{n}");
        bytes += step.run(id.clone(), effects.gives(id, "x".repeat(3 << 20))).await?.len();
    }
    step.sleep("nap", NAP).await;
    Ok(format!("{} MiB", bytes >> 20))
}

#[inngest::api_fn(id = "payloads-many-steps")]
async fn many_steps(step: Step, effects: Effects) -> Result<String, StepError> {
    let mut count = 0;
    for n in 0..200 {
        if n == 100 {
            step.sleep("nap", NAP).await;
        }
        count += step.run(format!("n-{n}"), effects.gives(format!("n-{n}"), 1)).await?;
    }
    Ok(count.to_string())
}

#[inngest::api_fn(id = "payloads-large-answer")]
async fn large_answer(step: Step, _effects: Effects) -> String {
    step.sleep("nap", NAP).await;
    "x".repeat(1 << 20)
}
