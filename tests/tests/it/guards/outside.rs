//! Outside of the layer: with `verify` around it all, and without.

use axum::middleware::from_fn;
use inngest::{Provider, Remember};
use stephttp_dev::ViolationKind;
use stephttp_tests::Logs;

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
