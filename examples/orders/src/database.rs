//! Orders and stock, in Postgres or `SQLite`.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use sqlx::any::AnyPoolOptions;
use sqlx::{Any, AnyPool, Error, Transaction};

/// Clones share the connections.
#[derive(Debug, Clone)]
pub struct Database {
    pool: AnyPool,
}

/// An order, as customers see it.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "they say what they are")]
pub struct Order {
    pub id: String,
    pub customer: String,
    pub item: String,
    pub quantity: i64,
    pub cents: i64,
    pub status: String,
    pub parcel: Option<String>,
}

impl Database {
    /// Connects, and makes the tables if there are none.
    ///
    /// # Errors
    /// When the database is not there, or the URL is for neither Postgres nor `SQLite`.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        sqlx::any::install_default_drivers();
        let pool = AnyPoolOptions::new().max_connections(5).connect(url).await?;
        sqlx::raw_sql(include_str!("schema.sql")).execute(&pool).await?;
        Ok(Self { pool })
    }

    /// The transaction of a step; none if an earlier attempt of the same step has committed its.
    ///
    /// A step that was saved never runs again. One that was under way when the process died does,
    /// and so does one that could not be saved. Its key is the same then, so each write of a step
    /// inserts its key in the same transaction: the key is there if, and only if, the rest is.
    async fn begin_once(&self, key: &str) -> Result<Option<Transaction<'static, Any>>, Error> {
        let mut transaction = self.pool.begin().await?;
        let insert = sqlx::query("INSERT INTO done (key) VALUES ($1) ON CONFLICT DO NOTHING").bind(key);
        let is_first = insert.execute(&mut *transaction).await?.rows_affected() == 1;
        Ok(is_first.then_some(transaction))
    }

    /// Takes goods from the stock for an order; gives the price, or none when there are too few.
    ///
    /// # Errors
    /// The database's.
    pub async fn reserve(
        &self,
        key: &str,
        id: &str,
        customer: &str,
        item: &str,
        quantity: NonZeroU32,
    ) -> Result<Option<i64>, Error> {
        let Some(mut transaction) = self.begin_once(key).await? else {
            return Ok(self.order(id).await?.map(|order| order.cents));
        };
        let quantity = i64::from(quantity.get());
        let take =
            "UPDATE stock SET available = available - $1 WHERE item = $2 AND available >= $1 RETURNING cents";
        let take = sqlx::query_scalar::<_, i64>(take).bind(quantity).bind(item);
        let Some(price) = take.fetch_optional(&mut *transaction).await? else {
            return Ok(None); // which rolls back
        };
        let cents = price * quantity;
        let insert = "INSERT INTO orders (id, customer, item, quantity, cents, status) VALUES ($1, $2, $3, $4, $5, 'reserved')";
        let insert = sqlx::query(insert).bind(id).bind(customer).bind(item).bind(quantity).bind(cents);
        insert.execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(Some(cents))
    }

    /// Shows an order to the warehouse.
    ///
    /// # Errors
    /// The database's.
    pub async fn mark_paid(&self, key: &str, id: &str) -> Result<(), Error> {
        let Some(mut transaction) = self.begin_once(key).await? else { return Ok(()) };
        let update = sqlx::query("UPDATE orders SET status = 'paid' WHERE id = $1").bind(id);
        update.execute(&mut *transaction).await?;
        transaction.commit().await
    }

    /// Ends an order well.
    ///
    /// # Errors
    /// The database's.
    pub async fn mark_sent(&self, key: &str, id: &str, parcel: &str) -> Result<(), Error> {
        let Some(mut transaction) = self.begin_once(key).await? else { return Ok(()) };
        let update = sqlx::query("UPDATE orders SET status = 'sent', parcel = $1 WHERE id = $2");
        update.bind(parcel).bind(id).execute(&mut *transaction).await?;
        transaction.commit().await
    }

    /// Gives an order's goods back to the stock.
    ///
    /// # Errors
    /// The database's.
    pub async fn release(&self, key: &str, id: &str) -> Result<(), Error> {
        let Some(mut transaction) = self.begin_once(key).await? else { return Ok(()) };
        let give_back = "UPDATE stock SET available = available + (SELECT quantity FROM orders WHERE id = $1)
            WHERE item = (SELECT item FROM orders WHERE id = $1)";
        sqlx::query(give_back).bind(id).execute(&mut *transaction).await?;
        let update = sqlx::query("UPDATE orders SET status = 'cancelled' WHERE id = $1").bind(id);
        update.execute(&mut *transaction).await?;
        transaction.commit().await
    }

    /// An order, if there is one.
    ///
    /// # Errors
    /// The database's.
    pub async fn order(&self, id: &str) -> Result<Option<Order>, Error> {
        let select = "SELECT id, customer, item, quantity, cents, status, parcel FROM orders WHERE id = $1";
        let row = sqlx::query_as(select).bind(id).fetch_optional(&self.pool).await?;
        Ok(row.map(|(id, customer, item, quantity, cents, status, parcel)| Order {
            id,
            customer,
            item,
            quantity,
            cents,
            status,
            parcel,
        }))
    }

    /// How many of an item are left.
    ///
    /// # Errors
    /// The database's, also when there is no such item.
    pub async fn available(&self, item: &str) -> Result<i64, Error> {
        let select = sqlx::query_scalar("SELECT available FROM stock WHERE item = $1");
        select.bind(item).fetch_one(&self.pool).await
    }
}
