//! Decisions, late ones and none, with an engine whose time the tests put forward.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::json;
use stephttp_dev::{Clock, RunStatus, TestApp, TestRun};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::client::Ticket;
use crate::expense::{Expense, Outcome};
use crate::office::Office;

const DAY: Duration = Duration::from_secs(86_400);

// An expense may wait for days, and be finished by another version of this program.
inngest::assert_steps_lock!();

/// The program, and an expense that waits for its approver.
struct World {
    app: TestApp,
    office: Office,
    mails: UnboundedReceiver<String>,
    run: TestRun,
}

impl World {
    async fn with_expense() -> Self {
        let (office, mails) = Office::new(3 * DAY);
        let state = office.clone();
        let app = TestApp::builder().clock(Clock::Manual).setup(crate::configure);
        let app = app.start_with(move |inngest| crate::app(state.clone(), inngest)).await;
        let expense = Expense { purpose: "a chair".to_owned(), cents: 24_000 };
        let run = app.post("/expenses").json(&expense).start().await;
        run.waits_at("decision").await;
        Self { app, office, mails, run }
    }

    async fn decide(&self, expense: &str, approved: bool) {
        let decision = json!({"approved": approved, "by": "Grace"});
        let request = self.app.post(&format!("/expenses/{expense}/decision")).json(&decision);
        assert_eq!(request.send().await.status(), StatusCode::ACCEPTED);
    }

    /// What the employee's client gets with its ticket.
    async fn outcome(&self) -> Outcome {
        let outcome = self.run.response().await.json();
        self.run.assert_completed();
        outcome
    }
}

#[tokio::test]
async fn an_approved_expense_is_paid() {
    let mut world = World::with_expense().await;
    let expense = world.mails.recv().await.unwrap();
    world.app.engine().advance(2 * DAY).await;
    world.decide(&expense, true).await;
    let paid = Outcome::Paid { transfer: "transfer-1".to_owned(), approved_by: "Grace".to_owned() };
    assert_eq!(world.outcome().await, paid);
    assert_eq!(world.office.paid(), [24_000]);
    world.run.assert_ran_once("ask");
    world.app.finish().await;
}

#[tokio::test]
async fn a_rejected_expense_is_not_paid() {
    let mut world = World::with_expense().await;
    let expense = world.mails.recv().await.unwrap();
    world.decide(&expense, false).await;
    assert_eq!(world.outcome().await, Outcome::Rejected { by: "Grace".to_owned() });
    world.run.assert_not_ran("pay");
    world.app.finish().await;
}

#[tokio::test]
async fn an_expense_expires_after_three_days_and_a_late_decision_changes_nothing() {
    let mut world = World::with_expense().await;
    let expense = world.mails.recv().await.unwrap();
    world.app.engine().advance(3 * DAY - Duration::from_secs(1)).await;
    assert_eq!(world.run.view().unwrap().status, RunStatus::Running);
    world.app.engine().advance(Duration::from_secs(1)).await;
    assert_eq!(world.outcome().await, Outcome::Expired);
    world.decide(&expense, true).await;
    assert_eq!((world.outcome().await, world.office.paid()), (Outcome::Expired, vec![]));
    world.app.finish().await;
}

#[tokio::test]
async fn a_decision_about_another_expense_is_none() {
    let world = World::with_expense().await;
    world.decide("another", true).await;
    world.app.engine().advance(3 * DAY).await;
    assert_eq!(world.outcome().await, Outcome::Expired);
    world.app.finish().await;
}

#[tokio::test]
async fn an_expense_outlives_the_program_that_it_was_submitted_to() {
    let mut world = World::with_expense().await;
    let expense = world.mails.recv().await.unwrap();
    world.app.restart().await;
    world.decide(&expense, true).await;
    assert!(matches!(world.outcome().await, Outcome::Paid { .. }));
    assert_eq!(world.office.paid(), [24_000]);
    world.run.assert_ran_once("ask");
    world.app.finish().await;
}

#[tokio::test]
async fn a_page_of_the_front_end_may_ask_for_the_outcome_and_no_other() {
    let world = World::with_expense().await;
    let ticket: Ticket = world.run.first_answer().await.json();
    for (origin, allowed) in
        [("https://expenses.example.com", true), ("https://elsewhere.example.com", false)]
    {
        let request = world.app.request(Method::OPTIONS, &ticket.url).header("origin", origin);
        let response = request.header("access-control-request-method", "GET").send().await;
        assert!(response.status().is_success());
        assert_eq!(response.header("access-control-allow-origin").is_some(), allowed, "{origin}");
    }
    world.app.finish().await;
}
