//! Outside of the layer: with `verify` around it all, and without.

use axum::middleware::from_fn;
use inngest::{Provider, Remember};
use stephttp_dev::{Call, ViolationKind};
use stephttp_tests::{Logs, Stage};

use super::*;

async fn world(effects: &Effects, wrap: impl FnOnce(Router, &Provider) -> Router) -> World {
    World::builder().start_wrapped(|_| app(effects), wrap).await
}

#[tokio::test]
async fn verify_lets_a_guard_know_of_reentries() {
    let effects = Effects::new();
    let world = world(&effects, |app, inngest| app.layer(from_fn(login)).layer(inngest.verify())).await;
    assert_done(&ordered(&world).await);
    assert_eq!(effects.all(), ["before", "after"]);
    world.assert_clean();
    // Of a client nothing is asked but what the guard asks for.
    assert_eq!(world.post("/").send().await.unwrap().status(), 401);
    let stranger = world.post("/").header("x-run-id", "01M817NZCZ3BTTPY1FEX7T2M4B");
    assert_eq!(stranger.send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn what_a_guard_answers_within_verify_is_a_failed_attempt() {
    let effects = Effects::new();
    let rejected = Effects::new();
    let world = world(&effects, |app, inngest| {
        let once = move |request: Request, next: Next| {
            let rejects = request.extensions().get::<Reentry>().is_some() && rejected.happen("busy") == 1;
            async move {
                if rejects { StatusCode::TOO_MANY_REQUESTS.into_response() } else { next.run(request).await }
            }
        };
        app.layer(from_fn(once)).layer(inngest.verify())
    })
    .await;
    // Handing over, the process has seen the route, and knows its function's retries.
    assert_done(&ordered(&world).await);
    assert_eq!(effects.all(), ["before", "after"]);
    world.assert_rejected();
}

const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Outside of dev mode: what is not signed by the key comes to no guard, and to no handler.
#[tokio::test]
async fn with_a_key_verify_marks_what_is_signed_by_it_and_nothing_else() {
    let (effects, marked) = (Effects::new(), Effects::new());
    let seen = marked.clone();
    let wrap = move |app: Router, inngest: &Provider| {
        let login = move |request: Request, next: Next| {
            if request.extensions().get::<Reentry>().is_some() {
                seen.happen("marked");
            }
            seen.happen("seen");
            login(request, next)
        };
        app.layer(from_fn(login)).layer(inngest.verify())
    };
    let builder = World::builder().inngest(|inngest| inngest.signing_key(KEY));
    let builder = builder.opts(|opts, url| opts.dev(false).signing_key(KEY).base_url(url));
    let world = builder.start_wrapped(|_| app(&effects), wrap).await;
    assert_done(&ordered(&world).await);
    assert_eq!((marked.count("seen"), marked.count("marked")), (2, 1));
    world.assert_clean();

    let real = world.inngest.dispatches().remove(0);
    let signature = real.headers["x-inngest-signature"].to_str().unwrap();
    let strangers = [("", "hello"), ("t=1&s=00", "hello"), (signature, "another body")];
    for (signature, body) in strangers {
        let request =
            world.post("/").header("x-run-id", &real.run_id).header("authorization", "Bearer alice");
        let response = request.header("x-inngest-signature", signature).body(body).send().await.unwrap();
        assert_eq!(response.status(), 401, "{signature}");
    }
    assert_eq!((marked.count("seen"), effects.all().len()), (2, 2));
}

#[tokio::test]
async fn a_guard_that_always_rejects_fails_the_run_and_the_message_says_what_to_do() {
    let effects = Effects::new();
    let world =
        world(&effects, |app, inngest| app.layer(from_fn(strict_login)).layer(inngest.verify())).await;
    let (text, run) = ordered(&world).await;
    assert_eq!(run.status, RunStatus::Failed, "{run:?}");
    for part in ["401", "outside of `inngest.layer()`", "`inngest::Reentry`", "has no `inngest.layer()`"] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(effects.all(), ["before"]);
    world.assert_rejected();
}

#[tokio::test]
async fn without_verify_the_result_is_lost_and_the_engine_shows_the_answer() {
    let effects = Effects::new();
    let world = world(&effects, |app, _| app.layer(from_fn(strict_login))).await;
    let (_, run) = ordered(&world).await;
    assert_eq!(run.status, RunStatus::Completed);
    let violations = world.inngest.violations();
    let [violation] = &violations[..] else { panic!("{violations:?}") };
    assert_eq!(violation.kind, ViolationKind::MissingSdkHeader);
    for part in ["status 401", "`who are you?`", "outside of the SDK's layer", "`provider.verify()`"] {
        assert!(violation.message.contains(part), "{violation}");
    }
}

#[tokio::test]
async fn a_timeout_within_verify_does_not_end_the_work() {
    let effects = Effects::new();
    let world = world(&effects, |app, inngest| {
        let for_reentries = async |request: Request, next: Next| {
            let is_reentry = request.extensions().get::<Reentry>().is_some();
            let response = next.run(request);
            if is_reentry {
                // As the layer does, but for re-entries alone.
                return tokio::time::timeout(Duration::ZERO, response)
                    .await
                    .unwrap_or_else(|_| StatusCode::REQUEST_TIMEOUT.into_response());
            }
            response.await
        };
        app.layer(from_fn(for_reentries)).layer(inngest.verify())
    })
    .await;
    assert_done(&ordered(&world).await);
    assert_eq!(effects.all(), ["before", "after"]);
    world.assert_clean();
}

#[tokio::test]
async fn a_layer_that_makes_the_answer_anew_does_no_harm_within_verify() {
    let effects = Effects::new();
    let world = world(&effects, |app, inngest| {
        let anew = async |request: Request, next: Next| {
            let response = next.run(request).await;
            let (parts, body) = response.into_parts();
            let mut anew = Response::new(body);
            *anew.status_mut() = parts.status;
            *anew.headers_mut() = parts.headers;
            anew
        };
        app.layer(from_fn(anew)).layer(inngest.verify())
    })
    .await;
    assert_done(&ordered(&world).await);
    world.assert_clean();
}

// ===== The run's state =====

#[tokio::test]
async fn verify_fetches_the_state_and_the_layer_inside_does_not_again() {
    let effects = Effects::new();
    let world = world(&effects, |app, inngest| app.layer(from_fn(login)).layer(inngest.verify())).await;
    assert_done(&ordered(&world).await);
    assert_eq!((world.inngest.dispatches().len(), world.inngest.calls_of(Call::Actions).len()), (1, 1));

    let rejecting =
        self::world(&effects, |app, inngest| app.layer(from_fn(strict_login)).layer(inngest.verify())).await;
    assert_eq!(ordered(&rejecting).await.1.status, RunStatus::Failed);
    let dispatches = rejecting.inngest.dispatches().len();
    assert_eq!(rejecting.inngest.calls_of(Call::Actions).len(), dispatches);
}

#[tokio::test]
async fn a_call_back_that_comes_twice_runs_nothing_twice_within_verify() {
    let effects = Effects::new();
    let world = world(&effects, |app, inngest| app.layer(from_fn(login)).layer(inngest.verify())).await;
    world.inngest.deliver_twice();
    assert_done(&ordered(&world).await);
    assert_eq!(effects.all(), ["before", "after"]);
    let [first, second] = [1, 2].map(|n| world.inngest.wait_for_answer(n));
    tokio::join!(first, second);
    world.assert_clean();
}

/// What it was shown before the guard is too old then.
#[tokio::test]
async fn a_run_that_ends_while_a_guard_holds_its_call_back_does_nothing() {
    let (effects, stage) = (Effects::new(), Stage::new());
    let held = stage.clone();
    let world = world(&effects, move |app, inngest| {
        let slow = move |request: Request, next: Next| {
            let stage = held.clone();
            async move {
                if request.extensions().get::<Reentry>().is_some() {
                    stage.door.pass().await;
                    tokio::time::sleep(Duration::from_millis(1_100)).await;
                }
                next.run(request).await
            }
        };
        app.layer(from_fn(slow)).layer(inngest.verify())
    })
    .await;
    world.post("/").body("hello").send().await.unwrap();
    stage.door.reached(1).await;
    world.inngest.cancel(&world.inngest.wait_for_run().await.id);
    stage.door.open();
    world.inngest.wait_for_answer(1).await;
    assert_eq!(effects.all(), ["before"]);
}

// ===== Remember =====

#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct OutsideClaims(String);

impl<S: Sync> axum::extract::FromRequestParts<S> for OutsideClaims {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut axum::http::request::Parts, _: &S) -> Result<Self, StatusCode> {
        let token = parts.headers.get("authorization").ok_or(StatusCode::UNAUTHORIZED)?;
        Ok(Self(token.to_str().unwrap().to_owned()))
    }
}

#[tokio::test]
async fn a_remember_outside_of_the_layer_says_so() {
    let logs = Logs::collect();
    let effects = Effects::new();
    let world = world(&effects, |app, _| {
        let remembering = async |Remember(claims): Remember<OutsideClaims>, request: Request, next: Next| {
            assert_eq!(claims.0, "Bearer alice");
            next.run(request).await
        };
        app.layer(from_fn(remembering))
    })
    .await;
    ordered(&world).await;
    let said = ["ERROR", "OutsideClaims", "extracted outside of `inngest.layer()`", "its value is not kept"];
    assert_eq!(logs.lines_with(&said).len(), 1);
    let said = ["ERROR", "OutsideClaims", "cannot be restored", "add `inngest.layer()` after the layer"];
    assert_eq!(logs.lines_with(&said).len(), 1);
    assert!(world.inngest.violations()[0].message.contains("status 500"));
}
