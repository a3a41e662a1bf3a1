//! The service, the dev engine and a payment API, for one test.

#![expect(clippy::unwrap_used, reason = "it is a part of tests")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use orders::app::{App, router};
use orders::auth::{Auth, Role};
use orders::database::{Database, Order};
use orders::metrics;
use orders::orders::Accepted;
use orders::payments::{Payments, fake::Fake};
use reqwest::StatusCode;
use serde_json::json;
use stephttp_dev::{Clock, RunView, StepStatus, TestApp, TestResponse};
use tempfile::TempDir;

pub(crate) struct Shop {
    pub(crate) app: TestApp,
    pub(crate) payments: Fake,
    pub(crate) database: Database,
    /// A customer's token.
    pub(crate) customer: String,
    database_url: String,
    auth: Auth,
    _directory: TempDir,
}

impl Shop {
    pub(crate) async fn open(clock: Clock) -> Self {
        let (payments, payments_url) = Fake::start().await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        let database_url = format!("sqlite:{}?mode=rwc", directory.path().join("orders.db").display());
        let database = Database::connect(&database_url).await.unwrap();
        let auth = Auth::new(b"a secret of these tests").unwrap();
        let customer = auth.issue("ada", Role::Customer, Duration::from_secs(600)).unwrap();

        // Each process has a recorder of its own, which its provider and its page share.
        let recorder = Arc::new(Mutex::new(None));
        let page = recorder.clone();
        let setup = TestApp::builder().clock(clock).setup(move |opts| {
            let (middleware, metrics) = metrics::recorder().unwrap();
            *recorder.lock().unwrap() = Some(metrics);
            opts.middleware(middleware)
        });
        // The database is another process's: it outlives the service.
        let (state, claims) = (database.clone(), auth.clone());
        let app = setup.start_with(move |inngest| {
            router(App {
                auth: claims.clone(),
                database: state.clone(),
                payments: Payments::new(&*payments_url).unwrap(),
                inngest: inngest.clone(),
                metrics: page.lock().unwrap().take().unwrap(),
            })
        });
        let app = app.await;
        Self { app, payments, database, customer, database_url, auth, _directory: directory }
    }

    pub(crate) fn token(&self, name: &str, role: Role) -> String {
        self.auth.issue(name, role, Duration::from_secs(600)).unwrap()
    }

    pub(crate) async fn order(&self, item: &str, card: &str, token: Option<&str>) -> TestResponse {
        let order = json!({ "item": item, "quantity": 1, "card": card });
        let request = self.app.post("/orders").json(&order);
        let request = if let Some(token) = token { request.bearer(token) } else { request };
        request.send().await
    }

    /// Ada orders a teapot, which goes on without a connection of hers.
    pub(crate) async fn order_teapot(&self, card: &str) -> Accepted {
        let response = self.order("teapot", card, Some(&self.customer)).await;
        assert_eq!(response.status(), StatusCode::ACCEPTED);
        response.json()
    }

    /// Waits for what she gets in the end.
    pub(crate) async fn receipt(&self, order: &Accepted, status: StatusCode) -> TestResponse {
        let response = self.app.get(order.receipt.as_ref().unwrap()).send().await;
        assert_eq!(response.status(), status);
        response
    }

    pub(crate) async fn show(&self, order: &str, token: &str) -> TestResponse {
        self.app.get(&format!("/orders/{order}")).bearer(token).send().await
    }

    /// What Prometheus reads.
    pub(crate) async fn metrics(&self) -> String {
        self.app.get("/metrics").send().await.text().to_owned()
    }

    pub(crate) async fn status(&self, order: &str) -> String {
        self.show(order, &self.customer).await.json::<Order>().status
    }

    /// Waits until the warehouse sees an order, and nothing of it is under way or planned but its
    /// wait for the parcel.
    pub(crate) async fn until_it_waits(&self, order: &str) {
        let is_shown = |run: &RunView| {
            let step = run.step("show-to-warehouse");
            step.is_some_and(|step| step.status == StepStatus::Completed) && run.outstanding == 1
        };
        self.app.engine().wait_until(order, is_shown).await;
    }

    pub(crate) async fn report_parcel(&self, order: &str, number: &str, token: &str) -> TestResponse {
        let request = self.app.post(&format!("/orders/{order}/parcel"));
        request.bearer(token).json(&json!({ "number": number })).send().await
    }

    pub(crate) async fn send_parcel(&self, order: &str, number: &str) {
        let report = self.report_parcel(order, number, &self.token("depot", Role::Warehouse)).await;
        assert_eq!(report.status(), StatusCode::ACCEPTED);
    }

    /// How many teapots are left.
    pub(crate) async fn left(&self) -> i64 {
        self.database.available("teapot").await.unwrap()
    }

    /// Does something to the database behind the service's back.
    pub(crate) async fn sql(&self, sql: &'static str) {
        let pool = sqlx::AnyPool::connect(&self.database_url).await.unwrap();
        sqlx::raw_sql(sql).execute(&pool).await.unwrap();
        pool.close().await;
    }
}
