//! Decisions, late ones and none, with an engine whose time the tests put forward.

use std::net::TcpListener;
use std::time::Duration;

use inngest::Provider;
use narrator::Process;
use reqwest::{Method, StatusCode};
use serde_json::json;
use stephttp_dev::{Clock, DevServer, RunStatus};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::client::{Ticket, outcome, submit};
use crate::expense::Outcome;
use crate::office::Office;

const DAY: Duration = Duration::from_secs(86_400);

// An expense may wait for days, and be finished by another version of this program.
inngest::assert_steps_lock!();

/// The program, an expense that waits for its approver, and Inngest.
struct World {
    engine: DevServer,
    office: Office,
    mails: UnboundedReceiver<String>,
    socket: TcpListener,
    process: Option<Process>,
    ticket: Ticket,
}

impl World {
    async fn with_expense() -> Self {
        let engine = DevServer::builder().clock(Clock::Manual).start().await.unwrap();
        let socket = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let here = format!("http://{}", socket.local_addr().unwrap());
        let inngest = Provider::setup(crate::opts(&here).dev_server(engine.url())).unwrap();
        let (office, mails) = Office::new(3 * DAY);
        let process = Some(Process::start(&socket, crate::app(office.clone(), &inngest)));
        let ticket = submit(&here, "a chair", 24_000).await.unwrap();
        engine.wait_for_waiting(&ticket.run_id, "decision").await;
        Self { engine, office, mails, socket, process, ticket }
    }

    fn here(&self) -> String {
        format!("http://{}", self.socket.local_addr().unwrap())
    }

    /// The program is stopped, and a new one is started.
    fn restart(&mut self) {
        self.process = None;
        let opts = crate::opts(&self.here()).dev_server(self.engine.url());
        let app = crate::app(self.office.clone(), &Provider::setup(opts).unwrap());
        self.process = Some(Process::start(&self.socket, app));
    }

    async fn decide(&self, expense: &str, approved: bool) {
        let url = format!("{}/expenses/{expense}/decision", self.here());
        let decision = json!({"approved": approved, "by": "Grace"});
        let response = reqwest::Client::new().post(url).json(&decision).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::ACCEPTED);
    }

    async fn outcome(&self) -> Outcome {
        let outcome = outcome(&self.here(), &self.ticket).await.unwrap();
        assert_eq!(self.engine.wait_for_end(&self.ticket.run_id).await.status, RunStatus::Completed);
        self.engine.assert_no_violations();
        outcome
    }
}

#[tokio::test]
async fn an_approved_expense_is_paid() {
    let mut world = World::with_expense().await;
    let expense = world.mails.recv().await.unwrap();
    world.engine.advance(2 * DAY).await;
    world.decide(&expense, true).await;
    let paid = Outcome::Paid { transfer: "transfer-1".to_owned(), approved_by: "Grace".to_owned() };
    assert_eq!(world.outcome().await, paid);
    assert_eq!(world.office.paid(), [24_000]);
    assert!(world.mails.try_recv().is_err(), "the approver was asked once");
}

#[tokio::test]
async fn a_rejected_expense_is_not_paid() {
    let mut world = World::with_expense().await;
    let expense = world.mails.recv().await.unwrap();
    world.decide(&expense, false).await;
    assert_eq!(world.outcome().await, Outcome::Rejected { by: "Grace".to_owned() });
    assert_eq!(world.office.paid(), [0; 0]);
}

#[tokio::test]
async fn an_expense_expires_after_three_days_and_a_late_decision_changes_nothing() {
    let mut world = World::with_expense().await;
    let expense = world.mails.recv().await.unwrap();
    world.engine.advance(3 * DAY - Duration::from_secs(1)).await;
    assert_eq!(world.engine.run(&world.ticket.run_id).unwrap().status, RunStatus::Running);
    world.engine.advance(Duration::from_secs(1)).await;
    assert_eq!(world.outcome().await, Outcome::Expired);
    world.decide(&expense, true).await;
    assert_eq!((world.outcome().await, world.office.paid()), (Outcome::Expired, vec![]));
}

#[tokio::test]
async fn a_decision_about_another_expense_is_none() {
    let world = World::with_expense().await;
    world.decide("another", true).await;
    world.engine.advance(3 * DAY).await;
    assert_eq!(world.outcome().await, Outcome::Expired);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expense_outlives_the_program_that_it_was_submitted_to() {
    let mut world = World::with_expense().await;
    let expense = world.mails.recv().await.unwrap();
    tokio::task::block_in_place(|| world.restart());
    world.decide(&expense, true).await;
    assert!(matches!(world.outcome().await, Outcome::Paid { .. }));
    assert_eq!(world.office.paid(), [24_000]);
    assert!(world.mails.try_recv().is_err(), "the approver was asked once");
}

#[tokio::test]
async fn a_page_of_the_front_end_may_ask_for_the_outcome_and_no_other() {
    let world = World::with_expense().await;
    let url = format!("{}{}", world.here(), world.ticket.url);
    for (origin, allowed) in
        [("https://expenses.example.com", true), ("https://elsewhere.example.com", false)]
    {
        let request = reqwest::Client::new().request(Method::OPTIONS, &url).header("origin", origin);
        let response = request.header("access-control-request-method", "GET").send().await.unwrap();
        assert!(response.status().is_success());
        assert_eq!(response.headers().contains_key("access-control-allow-origin"), allowed, "{origin}");
    }
}
