//! The service with the dev engine, over HTTP: what customers get, what is left in stock, and what
//! cards were charged.

mod shop;

use std::time::Duration;

use orders::auth::Role;
use orders::orders::Receipt;
use reqwest::StatusCode;
use stephttp_dev::{Clock, RunStatus};

use crate::shop::Shop;

const DAY: Duration = Duration::from_secs(86_400);

// Orders are under way for days, and are finished by another version of this program.
inngest::assert_steps_lock!();

#[tokio::test(flavor = "multi_thread")]
async fn an_order_takes_the_stock_and_the_money_once_though_its_handler_runs_several_times() {
    let shop = Shop::open(Clock::Manual).await;
    let order = shop.order_teapot("tok_visa").await;
    shop.until_it_waits(&order.order).await;
    shop.send_parcel(&order.order, "P-1").await;

    let receipt: Receipt = shop.receipt(&order, StatusCode::OK).await.json();
    assert_eq!((receipt.cents, receipt.parcel.as_str()), (2_400, "P-1"));
    assert_eq!((shop.left().await, shop.payments.charges()), (999, vec![Some(2_400)]));
    assert_eq!(shop.status(&order.order).await, "sent");
    // The token of the first request is not in those of Inngest's, and the handler knew whose it
    // was.
    let dispatches = shop.app.engine().dispatches();
    let dispatches: Vec<_> = dispatches.iter().filter(|one| one.run_id == order.order).collect();
    assert!(dispatches.len() >= 2, "the handler ran again, and again");
    assert!(dispatches.iter().all(|one| !one.headers.contains_key("authorization")));
    shop.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_orders_without_a_token_or_reads_another_customers_order() {
    let shop = Shop::open(Clock::Manual).await;
    assert_eq!(shop.order("teapot", "tok_visa", None).await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(shop.order("teapot", "tok_visa", Some("a.b.c")).await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!((shop.left().await, shop.payments.calls()), (1_000, 0));

    let order = shop.order_teapot("tok_visa").await.order;
    assert_eq!(shop.show(&order, &shop.token("eve", Role::Customer)).await.status(), StatusCode::NOT_FOUND);
    let report = shop.report_parcel(&order, "P-1", &shop.token("eve", Role::Customer)).await;
    assert_eq!(report.status(), StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_in_stock_is_a_409_and_charges_nobody() {
    let shop = Shop::open(Clock::Manual).await;
    let response = shop.order("unicorn", "tok_visa", Some(&shop.customer)).await;
    assert_eq!(response.status(), StatusCode::CONFLICT);
    assert_eq!(shop.payments.calls(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declined_card_is_a_402_and_gives_the_stock_back() {
    let shop = Shop::open(Clock::Manual).await;
    let response = shop.order("teapot", "tok_declined", Some(&shop.customer)).await;
    assert_eq!(response.status(), StatusCode::PAYMENT_REQUIRED);
    assert_eq!((shop.left().await, shop.payments.charges(), shop.payments.calls()), (1_000, vec![], 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_charge_whose_answer_is_lost_is_not_made_twice() {
    let shop = Shop::open(Clock::Skip).await;
    shop.payments.lose_answers(1);
    shop.app.engine().hold_time();
    let order = shop.order_teapot("tok_visa").await;
    shop.app.engine().release_time();
    // Nobody sends it.
    shop.receipt(&order, StatusCode::GONE).await;
    assert_eq!((shop.payments.calls(), shop.payments.charges()), (2, vec![None]));
}

#[tokio::test(flavor = "multi_thread")]
async fn when_every_charge_fails_stock_and_money_are_given_back() {
    let shop = Shop::open(Clock::Skip).await;
    shop.payments.lose_answers(4);
    let order = shop.order_teapot("tok_visa").await;
    shop.receipt(&order, StatusCode::INTERNAL_SERVER_ERROR).await;
    // The API had made the charge, and lost each answer.
    assert_eq!((shop.payments.calls(), shop.payments.charges()), (4, vec![None]));
    assert_eq!((shop.left().await, shop.status(&order.order).await.as_str()), (1_000, "cancelled"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_can_be_made_of_a_payment_api_that_fails() {
    let shop = Shop::open(Clock::Manual).await;
    shop.payments.lose_answers(1);
    let order = shop.order_teapot("tok_visa").await;
    shop.app.engine().advance(Duration::from_secs(60)).await;
    shop.until_it_waits(&order.order).await;
    let page = shop.metrics().await;
    let attempts = |outcome: &str| {
        let labels = ["inngest_steps_total{", "step=\"charge\"", outcome];
        let line = page.lines().find(|line| labels.iter().all(|label| line.contains(label)));
        line.and_then(|line| line.rsplit(' ').next()).map(str::to_owned)
    };
    assert_eq!(attempts("outcome=\"failed\"").as_deref(), Some("1"), "{page}");
    assert_eq!(attempts("outcome=\"ok\"").as_deref(), Some("1"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_fails_once_is_asked_again() {
    let shop = Shop::open(Clock::Manual).await;
    shop.sql("ALTER TABLE stock RENAME TO gone").await;
    let order = shop.order_teapot("tok_visa").await;
    shop.sql("ALTER TABLE gone RENAME TO stock").await;
    shop.app.engine().advance(Duration::from_secs(60)).await;
    shop.until_it_waits(&order.order).await;
    shop.send_parcel(&order.order, "P-2").await;
    shop.receipt(&order, StatusCode::OK).await;
    assert_eq!((shop.left().await, shop.payments.charges()), (999, vec![Some(2_400)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_nobody_sends_within_a_week_is_cancelled_and_refunded() {
    let shop = Shop::open(Clock::Manual).await;
    let order = shop.order_teapot("tok_visa").await;
    shop.until_it_waits(&order.order).await;
    shop.app.engine().advance(6 * DAY).await;
    assert_eq!((shop.left().await, shop.status(&order.order).await.as_str()), (999, "paid"));
    shop.app.engine().advance(DAY).await;
    shop.receipt(&order, StatusCode::GONE).await;
    assert_eq!((shop.left().await, shop.payments.charges()), (1_000, vec![None]));
    assert_eq!(shop.status(&order.order).await, "cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_outlives_the_process_that_took_it() {
    let shop = Shop::open(Clock::Manual).await;
    let order = shop.order_teapot("tok_visa").await;
    shop.until_it_waits(&order.order).await;
    shop.app.restart().await;
    shop.send_parcel(&order.order, "P-3").await;
    assert_eq!(shop.app.run(&order.order).ended().await.status, RunStatus::Completed);
    assert_eq!((shop.left().await, shop.payments.charges()), (999, vec![Some(2_400)]));
    assert_eq!(shop.status(&order.order).await, "sent");
}

/// A step that was under way when the process died runs again.
#[tokio::test(flavor = "multi_thread")]
async fn each_write_is_made_once_for_a_key() {
    let shop = Shop::open(Clock::Manual).await;
    let two = 2.try_into().unwrap();
    for _attempt in 0..2 {
        let cents = shop.database.reserve("key-1", "order-1", "ada", "teapot", two).await.unwrap();
        assert_eq!((cents, shop.left().await), (Some(4_800), 998));
    }
    for _attempt in 0..2 {
        shop.database.release("key-2", "order-1").await.unwrap();
        assert_eq!(shop.left().await, 1_000);
    }
}
