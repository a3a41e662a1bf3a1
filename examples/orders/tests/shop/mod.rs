//! The service, the dev engine and a payment API, for one test.

#![expect(clippy::unwrap_used, reason = "it is a part of tests")]

use std::net::TcpListener;
use std::time::Duration;

use inngest::{Provider, SetupOpts};
use narrator::Process;
use orders::app::{App, router};
use orders::auth::{Auth, Role};
use orders::database::{Database, Order};
use orders::metrics;
use orders::orders::Accepted;
use orders::payments::{Payments, fake::Fake};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::json;
use stephttp_dev::{Clock, DevServer, RunView, StepStatus};
use tempfile::TempDir;

pub(crate) struct Shop {
    pub(crate) engine: DevServer,
    pub(crate) payments: Fake,
    pub(crate) database: Database,
    /// A customer's token.
    pub(crate) customer: String,
    database_url: String,
    payments_url: String,
    auth: Auth,
    socket: TcpListener,
    process: Option<Process>,
    client: Client,
    _directory: TempDir,
}

impl Shop {
    pub(crate) async fn open(clock: Clock) -> Self {
        let engine = DevServer::builder().clock(clock).start().await.unwrap();
        let (payments, payments_url) = Fake::start().await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        let database_url = format!("sqlite:{}?mode=rwc", directory.path().join("orders.db").display());
        let auth = Auth::new(b"a secret of these tests").unwrap();
        let mut shop = Self {
            engine,
            payments,
            database: Database::connect(&database_url).await.unwrap(),
            customer: auth.issue("ada", Role::Customer, Duration::from_secs(600)).unwrap(),
            database_url,
            payments_url,
            auth,
            socket: TcpListener::bind(("127.0.0.1", 0)).unwrap(),
            process: None,
            client: Client::new(),
            _directory: directory,
        };
        shop.restart().await;
        shop
    }

    /// Stops the process where it is, if there is one, and starts another with nothing of its.
    pub(crate) async fn restart(&mut self) {
        tokio::task::block_in_place(|| self.process = None);
        let (middleware, metrics) = metrics::recorder().unwrap();
        let opts = SetupOpts::new(self.url("")).dev_server(self.engine.url()).middleware(middleware);
        let app = App {
            auth: self.auth.clone(),
            database: Database::connect(&self.database_url).await.unwrap(),
            payments: Payments::new(&*self.payments_url).unwrap(),
            inngest: Provider::setup(opts).unwrap(),
            metrics,
        };
        self.process = Some(Process::start(&self.socket, router(app)));
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.socket.local_addr().unwrap())
    }

    pub(crate) fn token(&self, name: &str, role: Role) -> String {
        self.auth.issue(name, role, Duration::from_secs(600)).unwrap()
    }

    pub(crate) async fn order(&self, item: &str, card: &str, token: Option<&str>) -> Response {
        let order = json!({ "item": item, "quantity": 1, "card": card });
        let request = self.client.post(self.url("/orders")).json(&order);
        send(if let Some(token) = token { request.bearer_auth(token) } else { request }).await
    }

    /// Ada orders a teapot, which goes on without a connection of hers.
    pub(crate) async fn order_teapot(&self, card: &str) -> Accepted {
        let response = self.order("teapot", card, Some(&self.customer)).await;
        assert_eq!(response.status(), StatusCode::ACCEPTED);
        response.json().await.unwrap()
    }

    /// Waits for what she gets in the end.
    pub(crate) async fn receipt(&self, order: &Accepted, status: StatusCode) -> Response {
        let response = send(self.client.get(self.url(order.receipt.as_ref().unwrap()))).await;
        assert_eq!(response.status(), status);
        response
    }

    pub(crate) async fn show(&self, order: &str, token: &str) -> Response {
        send(self.client.get(self.url(&format!("/orders/{order}"))).bearer_auth(token)).await
    }

    /// What Prometheus reads.
    pub(crate) async fn metrics(&self) -> String {
        send(self.client.get(self.url("/metrics"))).await.text().await.unwrap()
    }

    pub(crate) async fn status(&self, order: &str) -> String {
        self.show(order, &self.customer).await.json::<Order>().await.unwrap().status
    }

    /// Waits until the warehouse sees an order, and nothing of it is under way or planned but its
    /// wait for the parcel.
    pub(crate) async fn until_it_waits(&self, order: &str) {
        let is_shown = |run: &RunView| {
            let step = run.step("show-to-warehouse");
            step.is_some_and(|step| step.status == StepStatus::Completed) && run.outstanding == 1
        };
        self.engine.wait_until(order, is_shown).await;
    }

    pub(crate) async fn report_parcel(&self, order: &str, number: &str, token: &str) -> Response {
        let request = self.client.post(self.url(&format!("/orders/{order}/parcel")));
        send(request.bearer_auth(token).json(&json!({ "number": number }))).await
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

async fn send(request: RequestBuilder) -> Response {
    request.timeout(Duration::from_secs(60)).send().await.unwrap()
}
