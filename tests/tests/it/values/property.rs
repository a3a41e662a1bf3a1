//! Any JSON text, and any value of many types, is the same in the first pass and in a replay.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use axum::Json;
use axum::routing::post;
use inngest::{Step, StepError};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use stephttp_dev::RunStatus;
use stephttp_tests::{Scramble, Stage, World};

use super::floats;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Values {
    /// JSON, as texts.
    texts: Vec<String>,
    typed: Vec<Typed>,
}

/// Among others, what serde buffers to find out what it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Typed {
    unsigned: u64,
    signed: i64,
    wide: u128,
    double: f64,
    single: f32,
    duration: Duration,
    rates: HashMap<String, f64>,
    by_number: BTreeMap<u64, Option<f64>>,
    amounts: Vec<Amount>,
    tagged: Tagged,
    #[serde(flatten)]
    more: BTreeMap<String, Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Amount {
    Pieces(i64),
    Kilograms(f64),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
enum Tagged {
    Whole { n: u64 },
    Part { x: f64 },
}

fn unsigned() -> impl Strategy<Value = u64> {
    prop_oneof![0..100_u64, (1_u64 << 53) - 3..(1 << 53) + 3, any::<u64>(), Just(u64::MAX)]
}

fn double() -> impl Strategy<Value = f64> {
    let finite = any::<f64>().prop_filter("JSON has no others", |double| double.is_finite());
    let round = any::<i32>().prop_map(f64::from);
    let power = (-30..30_i32).prop_map(|exponent| 10_f64.powi(exponent));
    prop_oneof![finite, round, power, 0.0..1.0_f64, Just(-0.0)]
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        unsigned().prop_map(|integer| integer.to_string()),
        any::<i64>().prop_map(|integer| integer.to_string()),
        double().prop_map(|double| serde_json::to_string(&double).unwrap()),
        "-?(0|[1-9][0-9]{0,24})",
        r"-?(0|[1-9][0-9]{0,20})\.[0-9]{1,22}",
        r"-?(0|[1-9][0-9]{0,5})(\.[0-9]{1,20})?[eE][+-]?[0-9]{1,3}",
    ]
}

fn text() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        any::<String>(),
        number(),
        Just("stephttp:json".to_owned()),
        Just("{\"stephttp:json\":\"1\"}".to_owned()),
        Just("data".to_owned())
    ];
    text.prop_map(|text| serde_json::to_string(&text).unwrap())
}

/// Members are sorted, as the server sorts them.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![4 => number(), 2 => text(), 1 => prop::sample::select(vec!["null", "true"]).prop_map(String::from)];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let list =
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(",")));
        let member = |(name, value): (String, String)| format!("{name}:{value}");
        let object = prop::collection::btree_map(text(), inner.clone(), 0..3).prop_map(move |members| {
            format!("{{{}}}", members.into_iter().map(member).collect::<Vec<_>>().join(","))
        });
        let form = inner.prop_map(|json| serde_json::json!({ "stephttp:json": json }).to_string());
        prop_oneof![list, object, form]
    })
}

fn typed() -> impl Strategy<Value = Typed> {
    let amount = prop_oneof![any::<i64>().prop_map(Amount::Pieces), double().prop_map(Amount::Kilograms)];
    let tagged =
        prop_oneof![unsigned().prop_map(|n| Tagged::Whole { n }), double().prop_map(|x| Tagged::Part { x })];
    let single = any::<f32>().prop_filter("JSON has no others", |single| single.is_finite());
    let duration = (any::<u64>(), 0..1_000_000_000_u32).prop_map(|(secs, nanos)| Duration::new(secs, nanos));
    let wide = prop_oneof![Just(7), any::<u128>()];
    (
        (unsigned(), any::<i64>(), wide, double(), single, prop_oneof![Just(Duration::ZERO), duration]),
        prop::collection::hash_map("[a-z]{1,3}", double(), 0..4),
        prop::collection::btree_map(unsigned(), prop::option::of(double()), 0..3),
        prop::collection::vec(amount, 0..3),
        tagged,
    )
        .prop_map(
            |((unsigned, signed, wide, double, single, duration), rates, by_number, amounts, tagged)| Typed {
                unsigned,
                signed,
                wide,
                double,
                single,
                duration,
                rates,
                by_number,
                amounts,
                more: BTreeMap::from([("more".to_owned(), serde_json::json!(double))]),
                tagged,
            },
        )
}

/// To compare JSON texts by, to the letters of their numbers, whatever the order of members.
fn to_the_letter(json: &RawValue) -> Option<Value> {
    serde_json::from_str(&floats::with_texts_for_numbers(json.get())).ok()
}

#[inngest::api_fn(id = "values")]
async fn keep(step: Step, Json(values): Json<Values>) -> Result<Json<Vec<String>>, StepError> {
    let mut changed = Vec::new();
    for (n, text) in values.texts.iter().enumerate() {
        let raw = RawValue::from_string(text.clone()).unwrap();
        let back = step.run(format!("raw-{n}"), async { Ok(raw.clone()) }).await?;
        if to_the_letter(&back) != to_the_letter(&raw) {
            changed.push(format!("{raw} became {back}"));
        }
        // Numbers beyond `f64` are not for `Value`.
        if let Ok(value) = serde_json::from_str::<Value>(text) {
            let back = step.run(format!("value-{n}"), async { Ok(value.clone()) }).await?;
            // `-0.0` is equal to `0.0`, but written otherwise.
            let (before, after) = (value.to_string(), back.to_string());
            if back != value || after != before {
                changed.push(format!("{value} became {back}"));
            }
        }
    }
    for (n, typed) in values.typed.iter().enumerate() {
        let back = step.run(format!("typed-{n}"), async { Ok(typed.clone()) }).await?;
        if back != *typed {
            changed.push(format!("{typed:?} became {back:?}"));
        }
    }
    let mut first_pass = step.run("first pass", async { Ok(changed.clone()) }).await?;
    step.sleep("nap", Duration::from_secs(60)).await;
    first_pass.extend(changed);
    Ok(Json(first_pass))
}

async fn try_values(values: &Values, scrambled: bool) -> Result<(), String> {
    let world = World::builder().opts(move |opts, url| {
        let opts = opts.dev_server(floats::before(url));
        if scrambled { opts.middleware(Scramble) } else { opts }
    });
    let world = world.start(Stage::new().app(post(keep))).await;
    let response = world.post("/").json(values).send().await.expect("the app answers");
    let response = world.follow(response).await;
    let (status, text) = (response.status(), response.text().await.expect("the body is whole"));
    let run = world.ended().await;
    if status == 200 && text == "[]" && run.status == RunStatus::Completed {
        world.assert_clean();
        return Ok(());
    }
    Err(format!("{status} {text}"))
}

fn try_many(cases: u32, scrambled: bool) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    // The same values each time; more of them, and others, with PROPTEST_CASES and
    // PROPTEST_RNG_SEED.
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(cases);
    let seed: u64 = std::env::var("PROPTEST_RNG_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let seed: Vec<u8> = seed.to_le_bytes().repeat(4);
    let config = Config { cases, max_shrink_iters: 200, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    let values = (prop::collection::vec(json(), 1..40), prop::collection::vec(typed(), 0..12))
        .prop_map(|(texts, typed)| Values { texts, typed });
    let outcome = runner
        .run(&values, |values| runtime.block_on(try_values(&values, scrambled)).map_err(TestCaseError::fail));
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

#[test]
fn any_value_comes_back_as_it_was() {
    try_many(64, false);
}

#[test]
fn any_value_comes_back_as_it_was_under_a_middleware() {
    try_many(16, true);
}
