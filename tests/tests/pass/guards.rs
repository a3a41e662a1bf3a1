//! Guards and transactions in places where they do no harm: of none there is a warning.
#![deny(deprecated)]

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::routing::post;
use inngest::{Failure, Step, StepError};

use crate::assert_answers;

/// As the crate of this name has it.
mod scopeguard {
    pub(super) struct ScopeGuard<T, F: FnMut(&mut T)>(Option<T>, F);

    impl<T, F: FnMut(&mut T)> ScopeGuard<T, F> {
        pub(super) fn into_inner(mut guard: Self) -> Option<T> {
            guard.0.take()
        }
    }

    impl<T, F: FnMut(&mut T)> Drop for ScopeGuard<T, F> {
        fn drop(&mut self) {
            if let Some(value) = &mut self.0 {
                (self.1)(value);
            }
        }
    }

    pub(super) fn guard<T, F: FnMut(&mut T)>(value: T, dropped: F) -> ScopeGuard<T, F> {
        ScopeGuard(Some(value), dropped)
    }

    macro_rules! defer {
        ($($does:tt)*) => { let _deferred = $crate::guards::scopeguard::guard((), |()| { $($does)* }); };
    }

    pub(super) use defer;
}

use scopeguard::{ScopeGuard, defer, guard};

struct Pool;
struct Transaction;

impl Pool {
    async fn begin(&self) -> Result<Transaction, Infallible> {
        Ok(Transaction)
    }
}

impl Transaction {
    async fn commit(self) -> Result<(), Infallible> {
        Ok(())
    }
}

fn log(_what: i32) {}

#[inngest::api_fn(id = "guards-let-go")]
async fn let_go(step: Step) -> Result<&'static str, StepError> {
    let one = guard(1, |n| log(*n));
    drop(one);
    let two = scopeguard::guard(2, |n| log(*n));
    let two = ScopeGuard::into_inner(two);
    let _ = scopeguard::guard(3, |n| log(*n));
    {
        defer! { log(4) }
    }
    step.run("one", async { Ok(two) }).await?;
    let tx = Pool.begin().await.unwrap();
    tx.commit().await.unwrap();
    step.run("two", async { Ok(()) }).await?;
    defer! { log(5) }
    Ok("let go")
}

#[inngest::api_fn(id = "guards-in-steps")]
async fn in_steps(step: Step) -> Result<&'static str, StepError> {
    let held = guard(1, |n| log(*n));
    step.run("one", async move {
        let _held = held;
        defer! { log(2) }
        Ok(())
    })
    .await?;
    let saves = async {
        let tx = Pool.begin().await?;
        tx.commit().await?;
        Ok::<_, Failure>(())
    };
    step.run("two", saves).await?;
    Ok("in steps")
}

#[inngest::api_fn(id = "guards-allowed", allow(guard, transaction))]
async fn allowed(step: Step) -> Result<&'static str, StepError> {
    defer! { log(1) }
    let _held = scopeguard::guard(2, |n| log(*n));
    step.run("one", async { Ok(()) }).await?;
    let tx = Pool.begin().await.unwrap();
    if std::env::args().count() == 0 {
        step.sleep("two", Duration::from_secs(1)).await;
    }
    tx.commit().await.unwrap();
    Ok("allowed")
}

#[inngest::api_fn(id = "guards-sync-only", sync_only)]
async fn never_handed_over(step: Step) -> Result<&'static str, StepError> {
    let _held = scopeguard::guard(2, |n| log(*n));
    step.run("one", async { Ok(()) }).await?;
    Ok("never handed over")
}

#[tokio::test]
async fn guards_that_do_no_harm() {
    let app = Router::new()
        .route("/let-go", post(let_go))
        .route("/in-steps", post(in_steps))
        .route("/allowed", post(allowed))
        .route("/never", post(never_handed_over));
    let answers = [
        ("/let-go", "let go"),
        ("/in-steps", "in steps"),
        ("/allowed", "allowed"),
        ("/never", "never handed over"),
    ];
    assert_answers(app, &answers).await;
}
