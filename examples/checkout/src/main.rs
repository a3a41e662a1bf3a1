//! A shop's checkout as one durable endpoint.
//!
//! Run with
//!
//! ```text
//! cargo run -p checkout            # takes one order through, then keeps serving
//! cargo run -p checkout -- --once  # takes one order through, and exits
//! ```
//!
//! The dev engine runs in this process. With `INNGEST_DEV` or `INNGEST_SIGNING_KEY` set, the real
//! Inngest is used instead; set `CHECKOUT_ORIGIN` to where it can reach this program, if that is
//! not this machine.

mod checkout;
mod demonstration;
mod shop;

use std::env;
use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use axum::routing::post;
use inngest::{Provider, SetupOpts};
use narrator::BoxError;

use crate::shop::Shop;

#[tokio::main]
async fn main() -> ExitCode {
    narrator::play("checkout", run).await
}

async fn run(once: bool) -> Result<(), BoxError> {
    let (listener, here) = narrator::listen().await?;
    let engine = narrator::engine().await?;
    let mut opts = SetupOpts::new(env::var("CHECKOUT_ORIGIN").unwrap_or_else(|_| here.clone()));
    if let Some(engine) = &engine {
        opts = opts.dev_server(engine.url());
    }
    let inngest = Provider::setup(opts)?;

    let shop = Shop::new(&here);
    let app = app(shop.clone(), &inngest);
    let server = tokio::spawn(axum::serve(listener, app).into_future());

    demonstration::take_one_order(&here, &shop, engine.as_ref()).await?;
    if !once {
        println!(
            "\nNow it is your turn (ctrl-c stops the shop):\n\n  curl -iL {here}/checkout -H 'content-type: application/json' \
             -d '{{\"item\": \"teapot\", \"cents\": 2400}}'\n"
        );
        narrator::say_where_to_look(engine.as_ref());
        narrator::until_stopped().await?;
    }
    server.abort();
    inngest.wait(Duration::from_secs(10)).await?;
    Ok(())
}

fn app(shop: Shop, inngest: &Provider) -> Router {
    Router::new()
        .route("/checkout", post(checkout::checkout))
        .route("/carrier", post(checkout::carrier_report))
        .layer(axum::middleware::from_fn(narrator::tell_of_request))
        // Where customers get their receipts whose runs have gone on at Inngest.
        .merge(inngest.output_route())
        .layer(inngest.layer())
        .with_state(shop)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use stephttp_dev::{Clock, Replay, TestApp};

    use super::*;
    use crate::checkout::Receipt;

    // An order may be under way for days, and be finished by another version of this program.
    inngest::assert_steps_lock!();

    #[tokio::test]
    async fn an_order_is_charged_once_and_its_receipt_says_who_has_the_parcel() {
        let shop = Shop::new("http://no-carrier.invalid");
        let app = TestApp::builder().clock(Clock::Manual).mock("ship", "parcel-7");
        let app = app.start_with(move |inngest| super::app(shop.clone(), inngest)).await;
        let run = app.post("/checkout").json(&json!({"item": "teapot", "cents": 2_400})).start().await;
        app.engine().advance(Duration::from_secs(3)).await;
        run.waits_at("delivery").await;

        let report = json!({"parcel": "parcel-7", "to": "the neighbour"});
        assert_eq!(app.post("/carrier").json(&report).send().await.status(), 202);
        let receipt: Receipt = run.response().await.json();
        assert_eq!(receipt.delivered_to.as_deref(), Some("the neighbour"));
        run.assert_ran_once("charge-card");
        run.assert_ran_once("send-receipt");
        app.finish().await;
    }

    /// Recorded with `stephttp-dev record`, of orders that were under way.
    #[tokio::test]
    async fn recorded_orders_go_on() {
        let shop = Shop::new("http://127.0.0.1");
        Replay::of("recordings").app(move |inngest| app(shop, inngest)).assert().await;
    }
}
