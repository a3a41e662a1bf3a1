//! Random programs of steps come to what a plain reading of them says, and run every step once.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::routing::post;
use futures_util::StreamExt;
use futures_util::future::{join_all, select_all};
use futures_util::stream::FuturesUnordered;
use inngest::{Failure, SetupOpts, Step, StepError};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stephttp_dev::RunStatus;
use stephttp_tests::{Effects, Scramble, Stage, World};

/// A program of steps.
#[derive(Debug, Clone, Serialize, Deserialize)]
enum Program {
    /// A step that fails so often before it succeeds, and gives way so often while it runs. Before
    /// it begins, something that is no step gives way so often.
    Run {
        before: usize,
        fails: usize,
        yields: usize,
    },
    /// A step that fails for good; the program goes on.
    Fatal,
    Sleep(u64),
    Sequence(Vec<Program>),
    /// All at once, results in the order of the program.
    Join(Vec<Program>),
    /// All at once, the first result counts.
    Race(Vec<Program>),
    /// All at once, results in the order in which they come, with a step after each.
    AsTheyCome(Vec<Program>),
}

fn programs() -> impl Strategy<Value = Program> {
    let leaf = prop_oneof![
        6 => (rarely(), rarely(), 0..4_usize)
            .prop_map(|(before, fails, yields)| Program::Run { before, fails, yields }),
        1 => Just(Program::Fatal),
        3 => (1..4_u64).prop_map(Program::Sleep),
    ];
    leaf.prop_recursive(4, 16, 4, |inner| {
        let several = || prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            3 => several().prop_map(Program::Sequence),
            2 => several().prop_map(Program::Join),
            2 => several().prop_map(Program::Race),
            1 => several().prop_map(Program::AsTheyCome),
        ]
    })
}

/// Mostly 0.
fn rarely() -> impl Strategy<Value = usize> {
    prop_oneof![5 => Just(0_usize), 1 => 1..3_usize]
}

type Outcome<'a> = Pin<Box<dyn Future<Output = Result<Value, StepError>> + Send + 'a>>;

/// Runs a program with steps.
fn perform<'a>(step: &'a Step, effects: &'a Effects, path: String, program: &'a Program) -> Outcome<'a> {
    Box::pin(async move {
        let all = |programs: &'a [Program]| {
            let path = path.clone();
            programs
                .iter()
                .enumerate()
                .map(move |(index, program)| perform(step, effects, format!("{path}.{index}"), program))
        };
        Ok(match program {
            Program::Run { before, fails, yields } => {
                give_way(*before).await;
                step.run(&path, run(effects, &path, *fails, *yields)).await?
            }
            Program::Fatal => {
                let fatal = async { Err::<(), _>(Failure::non_retriable("fatal")) };
                json!(step.run(&path, fatal).await.unwrap_err().message())
            }
            Program::Sleep(seconds) => {
                step.sleep(&path, Duration::from_secs(*seconds)).await;
                json!("slept")
            }
            Program::Sequence(programs) => {
                let mut outcomes = Vec::new();
                for outcome in all(programs) {
                    outcomes.push(outcome.await?);
                }
                json!(outcomes)
            }
            Program::Join(programs) => {
                json!(join_all(all(programs)).await.into_iter().collect::<Result<Vec<_>, _>>()?)
            }
            Program::Race(programs) => {
                let (outcome, index, rest) = select_all(all(programs)).await;
                drop(rest);
                let outcome = json!({ "first": index, "is": outcome? });
                agree(step, format!("{path} race"), &outcome).await?;
                outcome
            }
            Program::AsTheyCome(programs) => {
                let mut coming: FuturesUnordered<_> = all(programs)
                    .enumerate()
                    .map(|(index, outcome)| async move { Ok::<_, StepError>((index, outcome.await?)) })
                    .collect();
                let mut outcomes = Vec::new();
                while let Some(next) = coming.next().await {
                    outcomes.push(json!(next?));
                    agree(step, format!("{path} number {}", outcomes.len()), &json!(outcomes)).await?;
                }
                json!(outcomes)
            }
        })
    })
}

async fn give_way(turns: usize) {
    for _ in 0..turns {
        tokio::task::yield_now().await;
    }
}

async fn run(effects: &Effects, path: &str, fails: usize, yields: usize) -> Result<Value, Failure> {
    give_way(yields).await;
    if effects.happen(format!("{path} tried")) <= fails {
        return Err(Failure::new("not yet"));
    }
    Ok(json!(effects.happen(path)))
}

/// What is seen here has been seen here in every request of the run.
async fn agree(step: &Step, id: String, seen: &Value) -> Result<(), StepError> {
    let before = step.run(id, async { Ok::<_, Failure>(seen.clone()) }).await?;
    if before == *seen {
        return Ok(());
    }
    let changed = async { Err(Failure::non_retriable(format!("{before} became {seen}"))) };
    step.run("disagreement", changed).await
}

#[inngest::api_fn(id = "property", retries = 20)]
async fn interpret(
    State(stage): State<Stage>,
    step: Step,
    Json(program): Json<Program>,
) -> Result<Json<Value>, StepError> {
    let outcome = perform(&step, &stage.effects, "program".to_owned(), &program).await?;
    agree(&step, "end".to_owned(), &outcome).await?;
    Ok(Json(outcome))
}

/// What a program may come to, by a plain reading. A race may be won by any of its parts.
fn check(program: &Program, outcome: &Value) -> Result<(), String> {
    let wrong = || format!("{program:?} came to {outcome}");
    let list = |length: usize| outcome.as_array().filter(|list| list.len() == length).ok_or_else(wrong);
    let is = |expected: Value| if *outcome == expected { Ok(()) } else { Err(wrong()) };
    match program {
        // Its effect has happened once, whatever else has.
        Program::Run { .. } => is(json!(1)),
        Program::Fatal => is(json!("fatal")),
        Program::Sleep(_) => is(json!("slept")),
        Program::Sequence(programs) | Program::Join(programs) => {
            let outcomes = list(programs.len())?;
            programs.iter().zip(outcomes).try_for_each(|(program, outcome)| check(program, outcome))
        }
        Program::Race(programs) => {
            let first =
                outcome["first"].as_u64().and_then(|first| programs.get(usize::try_from(first).ok()?));
            check(first.ok_or_else(wrong)?, &outcome["is"])
        }
        Program::AsTheyCome(programs) => {
            let outcomes = list(programs.len())?;
            let by_index: BTreeMap<_, _> = outcomes.iter().map(|next| (next[0].as_u64(), &next[1])).collect();
            let in_order = by_index.into_values();
            programs.iter().zip(in_order).try_for_each(|(program, outcome)| check(program, outcome))
        }
    }
}

async fn try_program(program: &Program, scrambled: bool) -> Result<(), String> {
    let stage = Stage::new();
    let dev = |opts: SetupOpts, url: &str| opts.dev_server(url);
    let scramble = |opts: SetupOpts, url: &str| opts.dev_server(url).middleware(Scramble);
    let world = if scrambled { World::builder().opts(scramble) } else { World::builder().opts(dev) };
    let world = world.start(stage.app(post(interpret))).await;
    let lived = async {
        let response = world.post("/").json(program).send().await.expect("the app answers");
        let response = if response.status() == 303 { world.follow(response).await } else { response };
        (response.status(), response.text().await.expect("the body is whole"), world.ended().await)
    };
    let lived = tokio::time::timeout(Duration::from_secs(60), lived).await;
    let story = || tell(&world, &stage.effects);
    let (status, text, run) = lived.map_err(|_| format!("it hangs\n{}", story()))?;
    if status != 200 || run.status != RunStatus::Completed || !world.inngest.violations().is_empty() {
        return Err(format!("{status} {text}\n{}", story()));
    }
    let outcome = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    check(program, &outcome).map_err(|wrong| format!("{wrong}\n{}", story()))
}

/// What happened, for a failure's message.
fn tell(world: &World, effects: &Effects) -> String {
    let calls = world.inngest.calls().into_iter();
    let calls = calls.map(|call| format!("{:?} {:?} {}", call.kind, call.status, call.json()["steps"]));
    let reentries = world.inngest.dispatches().into_iter().map(|dispatch| {
        let (status, answer) = (dispatch.status, dispatch.response_json());
        format!("re-entry for {:?}: {status:?} {answer}", dispatch.step_id)
    });
    let rest = [format!("{:?}", effects.all()), format!("{:?}", world.inngest.violations())];
    calls.chain(reentries).chain(rest).collect::<Vec<_>>().join("\n")
}

#[test]
fn random_programs_come_to_what_they_say() {
    try_programs(96, false);
}

/// Whatever a middleware does with what is stored, and however long it takes.
#[test]
fn random_programs_come_to_the_same_under_a_middleware() {
    try_programs(48, true);
}

fn try_programs(cases: u32, scrambled: bool) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    // The same programs each time; more of them, and others, with PROPTEST_CASES and
    // PROPTEST_RNG_SEED.
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(cases);
    let seed: u64 = std::env::var("PROPTEST_RNG_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let seed: Vec<u8> = seed.to_le_bytes().repeat(4);
    let config = Config { cases, max_shrink_iters: 60, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    let outcome = runner.run(&programs(), |program| {
        runtime.block_on(try_program(&program, scrambled)).map_err(TestCaseError::fail)
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}
