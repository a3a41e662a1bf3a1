//! The service with everything going wrong: its process dies, and Inngest cannot be reached.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use inngest::Provider;
use orders::app::{App, router};
use orders::auth::{Auth, Role};
use orders::database::Database;
use orders::metrics;
use orders::orders::{Accepted, Receipt};
use orders::payments::{Payments, fake::Fake};
use reqwest::StatusCode;
use serde_json::json;
use stephttp_dev::Sweep;
use stephttp_dev::sweep::Client;
use tempfile::TempDir;

/// What outlives the service's processes: a payment API, and a database on a disk.
#[derive(Clone)]
struct World {
    payments: Fake,
    payments_url: String,
    directory: Arc<TempDir>,
    auth: Auth,
}

impl World {
    async fn open() -> Self {
        let (payments, payments_url) = Fake::start().await.unwrap();
        let directory = Arc::new(tempfile::tempdir().unwrap());
        let auth = Auth::new(b"a secret of these tests").unwrap();
        Self { payments, payments_url, directory, auth }
    }

    async fn database(&self) -> Database {
        let file = self.directory.path().join("orders.db");
        Database::connect(&format!("sqlite:{}?mode=rwc", file.display())).await.unwrap()
    }

    fn token(&self, name: &str, role: Role) -> String {
        format!("Bearer {}", self.auth.issue(name, role, Duration::from_secs(600)).unwrap())
    }
}

async fn service(world: World, inngest: Provider) -> Router {
    let (_, metrics) = metrics::recorder().unwrap();
    let payments = Payments::new(&*world.payments_url).unwrap();
    router(App { database: world.database().await, auth: world.auth, payments, inngest, metrics })
}

/// Ada orders a teapot, the depot sends it, and she reads the receipt.
async fn order(client: Client, world: World) {
    let (ada, depot) = (world.token("ada", Role::Customer), world.token("depot", Role::Warehouse));
    let new = json!({ "item": "teapot", "quantity": 1, "card": "tok_visa" });
    // The order's id is another each time.
    let order = client.post("/orders").header("authorization", &ada).json(&new).uncompared().send().await;
    assert_eq!(order.status(), StatusCode::ACCEPTED);
    let Accepted { order, receipt } = order.json();
    client.engine().wait_for_waiting(&order, "parcel").await;
    let report = client.post(format!("/orders/{order}/parcel")).header("authorization", &depot);
    report.json(&json!({ "number": "P-1" })).uncompared().send().await;

    let receipt: Receipt = client.get(receipt.unwrap()).uncompared().send().await.json();
    assert_eq!((receipt.order, receipt.cents, receipt.parcel.as_str()), (order, 2_400, "P-1"));
}

#[tokio::test]
async fn an_order_is_charged_once_and_gets_its_receipt_whatever_goes_wrong() {
    Sweep::with_async_world(World::open, service)
        .story(order)
        .never_times_out("parcel")
        .once(|world| {
            world.payments.charges().into_iter().map(|cents| format!("charged {cents:?}")).collect()
        })
        .every(6)
        .seeds(0..2)
        .run()
        .await;
}
