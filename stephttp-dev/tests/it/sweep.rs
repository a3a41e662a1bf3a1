//! The crash sweep: of an app that survives everything, and of apps that do not.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use inngest::output::OutputOpts;
use inngest::{Failure, Provider, SetupOpts, Step, StepError};
use serde_json::{Value, json};
use stephttp_dev::Sweep;
use stephttp_dev::sweep::{Client, Mishap, Place, Promise};

const HOUR: Duration = Duration::from_secs(3_600);

/// What happens outside of the process.
#[derive(Clone, Default)]
struct Bank(Arc<Mutex<Vec<String>>>);

impl Bank {
    async fn does(&self, what: &str) -> Result<String, Failure> {
        self.0.lock().unwrap().push(what.to_owned());
        Ok(format!("{what} is done"))
    }

    fn done(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

#[inngest::api_fn(id = "sweep-order", retries = 3)]
async fn order(
    State(bank): State<Bank>,
    step: Step,
    Json(order): Json<Value>,
) -> Result<Json<Value>, StepError> {
    let charge = step.run("charge", bank.does("charge")).await?;
    step.sleep("cool-off", HOUR).await;
    let parcel = step.wait_for_event::<Value>("delivery", "shop/delivered").timeout(24 * HOUR).await?;
    step.run("receipt", bank.does("receipt")).await?;
    let to = parcel.map(|event| event.data["to"].clone());
    Ok(Json(json!({"item": order["item"], "charge": charge, "delivered": to})))
}

#[inngest::api_fn(id = "sweep-branches", retries = 3)]
async fn branches(State(bank): State<Bank>, step: Step) -> Result<String, StepError> {
    let branch = async |name: &str| {
        step.run(format!("charge-{name}"), bank.does(&format!("charge {name}"))).await?;
        step.sleep(format!("nap-{name}"), HOUR).await;
        step.run(format!("receipt-{name}"), bank.does(&format!("receipt {name}"))).await
    };
    let (left, right) = tokio::join!(branch("left"), branch("right"));
    Ok(format!("{}, {}", left?, right?))
}

fn app(bank: Bank, inngest: &Provider) -> Router {
    Router::new()
        .route("/orders", post(order))
        .route("/branches", get(branches))
        .merge(inngest.output_route())
        .layer(inngest.layer())
        .with_state(bank)
}

fn sweep() -> Sweep<Bank> {
    Sweep::with_world(Bank::default, |bank, inngest| app(bank.clone(), inngest)).once(Bank::done)
}

async fn orders(client: Client, _bank: Bank) {
    let carrier = async {
        client.when_waiting("delivery").await;
        client.send_event("shop/delivered", json!({"to": "Ada"}));
    };
    let order = client.post("/orders").json(&json!({"item": "book"})).send();
    let (answer, ()) = tokio::join!(order, carrier);
    assert_eq!(answer.json::<Value>()["delivered"], "Ada");
}

#[tokio::test]
async fn an_order_survives_each_mishap_at_each_place_and_combinations() {
    let summary = sweep().never_times_out("delivery").story(orders).every(2).seeds(0..8).run().await;
    // Two steps that run, and six calls at least, of which five mishaps strike every second.
    assert!(summary.passes > 20, "{summary:?}");
}

#[tokio::test]
async fn branches_that_sleep_survive_each_mishap_and_combinations() {
    let story = |client: Client, _| async move {
        let answer = client.get("/branches").send().await;
        assert_eq!(answer.text(), "receipt left is done, receipt right is done");
    };
    sweep().story(story).every(3).seeds(0..8).run().await;
}

// ===== Apps that do not =====

/// It charges outside of a step, so each re-entry does it once more.
#[inngest::api_fn(id = "sweep-careless", retries = 3)]
async fn careless(State(bank): State<Bank>, step: Step) -> Result<&'static str, StepError> {
    let _ = bank.does("charge").await;
    step.sleep("cool-off", HOUR).await;
    Ok("charged")
}

#[tokio::test]
async fn an_effect_outside_of_a_step_is_told_though_no_step_shows_it() {
    let app = |bank: &Bank, inngest: &Provider| endpoint(post(careless), bank, inngest);
    let sweep = Sweep::with_world(Bank::default, app).once(Bank::done);
    let report = sweep.story(|client, _| async move { drop(client.post("/").send().await) }).try_run().await;
    let report = report.unwrap_err();
    assert!(report.breaks(Promise::RunsOnce), "{report}");
    let text = report.to_string();
    assert!(
        text.contains("ran twice: `charge` happened 2 times, and must happen once; no process has died"),
        "{text}"
    );
    assert!(text.contains("where: in the undisturbed pass"), "{text}");
}

#[tokio::test]
async fn a_client_finds_its_output_where_the_app_has_a_path_of_its_own_for_outputs() {
    let own = |opts: SetupOpts| opts.output(OutputOpts::new().path("/outcomes/{run_id}/of-order"));
    // The carrier knows of the run by the client's redirect alone.
    let places = [Place::new(Mishap::DeathAfterEffect, 1)];
    sweep().setup(own).never_times_out("delivery").story(orders).only(places).run().await;
}

/// What it answers depends on how long ago the order was charged, by a clock that it reads outside
/// of a step.
#[inngest::api_fn(id = "sweep-clock", retries = 3)]
async fn clocked(State(bank): State<Bank>, step: Step) -> Result<Json<Value>, StepError> {
    step.run("charge", bank.does("charge")).await?;
    step.sleep("cool-off", HOUR).await;
    Ok(Json(json!({"charged": true, "at": nanoseconds()})))
}

fn nanoseconds() -> String {
    UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos().to_string()
}

fn clocked_sweep() -> Sweep<Bank> {
    let app = |bank: &Bank, inngest: &Provider| endpoint(post(clocked), bank, inngest);
    let sweep = Sweep::with_world(Bank::default, app).only([Place::new(Mishap::CallFails, 1)]);
    sweep.story(|client, _| async move { drop(client.post("/").send().await) })
}

#[tokio::test]
async fn an_answer_that_depends_on_the_time_is_told_unless_that_part_is_left_out() {
    let report = clocked_sweep().try_run().await.unwrap_err();
    assert!(report.breaks(Promise::SameAnswer), "{report}");
    let text = report.to_string();
    for part in [
        "another answer: POST / is answered 200",
        "where: CallFails:1: Inngest answered with a 500 to `POST /v1/checkpoint`",
        "again: SWEEP_PLACE=\"CallFails:1\" cargo test sweep::an_answer_that_depends_on_the_time",
        "step        `charge` done in",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(clocked_sweep().volatile("/at").run().await.passes, 2);
}

/// Its re-entries wait for something that only the process knew which took the client's request.
#[inngest::api_fn(id = "sweep-stuck", retries = 3)]
async fn stuck(State(bank): State<Bank>, step: Step) -> Result<&'static str, StepError> {
    step.run("charge", bank.does("charge")).await?;
    let first = step.run("here", async { Ok::<_, Failure>(std::process::id()) }).await;
    step.sleep("cool-off", HOUR).await;
    if bank.done().len() > 1 || first.is_err() {
        pending::<()>().await;
    }
    Ok("charged")
}

#[tokio::test]
async fn a_run_that_hangs_after_a_death_is_told_with_the_step_at_which_the_process_died() {
    let app = |bank: &Bank, inngest: &Provider| endpoint(post(stuck), bank, inngest);
    let sweep = Sweep::with_world(Bank::default, app).only([Place::new(Mishap::DeathAfterEffect, 1)]);
    let sweep = sweep.story(|client, _| async move { drop(client.post("/").send().await) });
    let report = sweep.limit(Duration::from_secs(2)).try_run().await.unwrap_err();
    assert!(report.breaks(Promise::Ends), "{report}");
    let text = report.to_string();
    for part in [
        "hangs: the story and what it leads to have not ended within 2s",
        "where: DeathAfterEffect:1: the process died after the code of the step `charge` of run ",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

fn endpoint(endpoint: axum::routing::MethodRouter<Bank>, bank: &Bank, inngest: &Provider) -> Router {
    let app = Router::new().route("/", endpoint).merge(inngest.output_route()).layer(inngest.layer());
    app.with_state(bank.clone())
}

/// It bears one death, and hangs after two.
#[inngest::api_fn(id = "sweep-tired", retries = 3)]
async fn tired(State(bank): State<Bank>, step: Step) -> Result<&'static str, StepError> {
    step.sleep("cool-off", HOUR).await;
    step.run("charge", bank.does("charge")).await?;
    if bank.done().len() > 2 {
        pending::<()>().await;
    }
    Ok("charged")
}

fn tired_sweep() -> Sweep<Bank> {
    let app = |bank: &Bank, inngest: &Provider| endpoint(post(tired), bank, inngest);
    let sweep = Sweep::with_world(Bank::default, app).mishaps([Mishap::DeathAfterEffect]);
    let sweep = sweep.story(|client, _| async move { drop(client.post("/").send().await) });
    sweep.limit(Duration::from_secs(2))
}

#[tokio::test]
async fn what_takes_two_mishaps_is_found_by_seeds_and_played_again_by_its_places() {
    tired_sweep().run().await;

    let report = tired_sweep().seeds(0..20).try_run().await.unwrap_err();
    let [first, ..] = report.failures() else { panic!("{report}") };
    let places = [1, 2].map(|nth| Place::new(Mishap::DeathAfterEffect, nth));
    assert!(places.iter().all(|place| first.places.contains(place)), "{report}");
    assert!(report.breaks(Promise::Ends), "{report}");
    let text = report.to_string();
    let seed = format!("SWEEP_SEED={} cargo test sweep::what_takes_two_mishaps", first.seed.unwrap());
    assert!(text.contains("SWEEP_PLACE=\"DeathAfterEffect:1,DeathAfterEffect:2"), "{text}");
    assert!(text.contains(&seed), "{text}");

    let again = tired_sweep().only(places).try_run().await.unwrap_err();
    assert!(again.breaks(Promise::Ends), "{again}");
}

// ===== Sweeps that are set up wrongly =====

#[tokio::test]
async fn a_story_in_which_nothing_can_go_wrong_is_refused() {
    let story = |client: Client, _| async move { drop(client.post("/ordres").send().await) };
    let error = sweep().story(story).try_run().await.unwrap_err().to_string();
    assert!(error.contains("nothing can go wrong") && error.contains("inngest.layer()"), "{error}");
}

/// As `SWEEP_PLACE=… cargo test` does.
#[test]
fn a_place_that_is_asked_for_and_not_reached_is_told() {
    let test = "sweep::an_order_survives_each_mishap_at_each_place_and_combinations";
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    let played = command.args(["--exact", test]).env("SWEEP_PLACE", "CallFails:999").output().unwrap();
    let told = String::from_utf8_lossy(&played.stdout);
    assert!(told.contains("SWEEP_PLACE: `CallFails:999` was not reached"), "{told}");
}

#[tokio::test]
async fn an_app_or_a_list_of_effects_that_panics_is_told_as_such() {
    let app = |_: &Bank, _: &Provider| -> Router { panic!("there is no database") };
    let sweep = Sweep::with_world(Bank::default, app).story(|_, _| async {});
    let error = sweep.try_run().await.unwrap_err().to_string();
    assert!(error.contains("the story fails: making the app panicked: there is no database"), "{error}");

    let app = |bank: &Bank, inngest: &Provider| endpoint(post(tired), bank, inngest);
    let sweep = Sweep::with_world(Bank::default, app).once(|bank| match bank.done().len() {
        1 => bank.done(),
        _ => panic!("the bank is at a loss"),
    });
    let sweep = sweep.only([Place::new(Mishap::DeathAfterEffect, 1)]);
    let sweep = sweep.story(|client, _| async move { drop(client.post("/").send().await) });
    let error = sweep.try_run().await.unwrap_err().to_string();
    assert!(error.contains("the world is wrong: the bank is at a loss"), "{error}");
    assert!(error.contains("where: DeathAfterEffect:1"), "{error}");
}

/// It charges with an idempotency key, which holds the run's id.
#[inngest::api_fn(id = "sweep-keyed", retries = 3)]
async fn keyed(State(bank): State<Bank>, step: Step) -> Result<String, StepError> {
    let key = step.idempotency_key("charge");
    step.run("charge", bank.does(&format!("charge by {key}"))).await
}

#[tokio::test]
async fn an_effect_whose_text_names_a_run_is_told_as_such() {
    let app = |bank: &Bank, inngest: &Provider| endpoint(post(keyed), bank, inngest);
    let sweep = Sweep::with_world(Bank::default, app).once(Bank::done);
    let sweep = sweep.only([Place::new(Mishap::CallFails, 1)]).same_answer(|_, _| true);
    let sweep = sweep.story(|client, _| async move { drop(client.post("/").send().await) });
    let error = sweep.try_run().await.unwrap_err().to_string();
    assert!(
        error.contains("has not happened. Its text names the run") && error.contains("idempotency keys"),
        "{error}"
    );
}

/// Only the first answer of a process is right.
#[inngest::api_fn(id = "sweep-first", retries = 3)]
async fn first(State(bank): State<Bank>, step: Step) -> Result<String, StepError> {
    let item: String = step.run("item", bank.does("item")).await?;
    Ok(if bank.done().len() == 1 { nanoseconds() } else { item })
}

#[tokio::test]
async fn answers_to_requests_of_one_path_are_compared_each_with_its_own() {
    let app = |bank: &Bank, inngest: &Provider| endpoint(post(first), bank, inngest);
    let sweep = Sweep::with_world(Bank::default, app).only([Place::new(Mishap::CallFails, 1)]);
    let sweep = sweep.story(|client, _| async move {
        drop(client.post("/").send().await);
        drop(client.post("/").send().await);
    });
    let report = sweep.try_run().await.unwrap_err();
    assert!(report.to_string().contains("another answer: POST / is answered 200"), "{report}");
}
