//! `verify` in places where it does not belong.

use axum::http::Request as AnyRequest;
use axum::middleware::from_fn;
use stephttp_tests::Logs;

use super::*;

#[tokio::test]
async fn of_two_the_outer_one_works_and_the_log_says_so() {
    let logs = Logs::collect();
    let effects = Effects::new();
    let wrap = |app: Router, inngest: &inngest::Provider| {
        app.layer(inngest.verify()).layer(from_fn(login)).layer(inngest.verify())
    };
    let world = World::builder().start_wrapped(|_| app(&effects), wrap).await;
    for _ in 0..2 {
        assert_done(&ordered_anew(&world, &effects).await);
    }
    assert_eq!(logs.lines_with(&["WARN", "two layers of `provider.verify()`"]).len(), 1);
    world.assert_clean();
}

#[tokio::test]
async fn inside_of_the_layer_it_does_nothing_and_the_log_says_where_it_belongs() {
    let logs = Logs::collect();
    let effects = Effects::new();
    let inside = |inngest: &inngest::Provider| app(&effects).layer(inngest.verify());
    let world = World::builder().start_with(inside).await;
    for _ in 0..2 {
        assert_done(&ordered_anew(&world, &effects).await);
    }
    let said = ["WARN", "`provider.verify()` stands inside of `provider.layer()`", "added last of all"];
    assert_eq!(logs.lines_with(&said).len(), 1);
    world.assert_clean();
}

#[tokio::test]
async fn without_the_layer_inside_the_run_fails_and_the_message_names_that() {
    let effects = Effects::new();
    // The run begins with the layer, and comes back where it is missing.
    let bare = Router::new().route("/", post(async || "no steps here"));
    let wrap = |app: Router, inngest: &inngest::Provider| {
        let split = tower::service_fn(move |request: AnyRequest<axum::body::Body>| {
            let app =
                if request.extensions().get::<Reentry>().is_some() { bare.clone() } else { app.clone() };
            tower::ServiceExt::oneshot(app, request)
        });
        Router::new().fallback_service(split).layer(inngest.verify())
    };
    let world = World::builder().start_wrapped(|_| app(&effects), wrap).await;
    let (text, run) = ordered(&world).await;
    assert_eq!(run.status, RunStatus::Failed);
    assert!(text.contains("200 OK") && text.contains("has no `inngest.layer()`"), "{text}");
}

async fn ordered_anew(world: &World, effects: &Effects) -> (String, RunView) {
    effects.forget();
    let done = ordered(world).await;
    assert_eq!(effects.all(), ["before", "after"]);
    done
}
