//! Those who sell flights, hotels and cars: the world outside. It has bad days.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use inngest::Failure;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Flight,
    Hotel,
    Car,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Booking {
    pub(crate) kind: Kind,
    pub(crate) number: String,
}

/// What goes wrong with a call.
#[cfg_attr(not(test), expect(dead_code, reason = "the demonstration has no time for the worst of them"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It fails once.
    Busy,
    /// It fails every time.
    Down,
    /// It fails, and another attempt would not help.
    SoldOut,
    /// It is done, and the answer never comes. Once.
    Silent,
}

/// Clones are the same suppliers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Suppliers {
    books: Arc<Mutex<Books>>,
    silence: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Books {
    troubles: HashMap<String, Trouble>,
    /// By their idempotency keys.
    bookings: HashMap<String, Booking>,
    /// What was done, each once.
    done: Vec<String>,
}

impl Suppliers {
    pub(crate) async fn price(&self, kind: Kind, to: &str) -> Result<u64, Failure> {
        self.call(format!("price-{kind}"), |_| to.len() as u64 * 1_000).await
    }

    pub(crate) async fn book(&self, kind: Kind, idempotency_key: &str) -> Result<Booking, Failure> {
        self.call(format!("book-{kind}"), |books| {
            if let Some(known) = books.bookings.get(idempotency_key) {
                return known.clone();
            }
            let booking = Booking { kind, number: format!("{kind}-{}", books.bookings.len() + 1) };
            books.bookings.insert(idempotency_key.to_owned(), booking.clone());
            books.done.push(format!("{} booked", booking.number));
            booking
        })
        .await
    }

    /// To cancel what is cancelled already changes nothing, so this needs no key.
    pub(crate) async fn cancel(&self, booking: &Booking) -> Result<(), Failure> {
        self.call(format!("cancel-{}", booking.kind), |books| {
            let deed = format!("{} cancelled", booking.number);
            if !books.done.contains(&deed) {
                books.done.push(deed);
            }
        })
        .await
    }

    /// Somebody calls, and has luck or not.
    async fn call<T>(&self, call: String, serve: impl FnOnce(&mut Books) -> T) -> Result<T, Failure> {
        let (answer, trouble) = {
            let mut books = self.lock();
            let trouble = books.troubles.get(&call).copied();
            if matches!(trouble, Some(Trouble::Busy | Trouble::Silent)) {
                books.troubles.remove(&call);
            }
            let answer = matches!(trouble, None | Some(Trouble::Silent)).then(|| serve(&mut books));
            (answer, trouble)
        };
        println!("  app      step {call} runs: {}", trouble.map_or("done", Trouble::as_str));
        match (trouble, answer) {
            (None, Some(answer)) => Ok(answer),
            (Some(Trouble::SoldOut), _) => Err(Failure::non_retriable(format!("{call}: nothing left"))),
            (Some(Trouble::Silent), _) => {
                self.silence.notify_one();
                std::future::pending().await
            }
            _ => Err(Failure::new(format!("{call}: no answer"))),
        }
    }

    /// From now on, a call has this trouble.
    pub(crate) fn trouble(&self, call: &str, trouble: Trouble) {
        self.lock().troubles.insert(call.to_owned(), trouble);
    }

    /// What was done since this was asked last.
    pub(crate) fn take_done(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().done)
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For tests.
#[cfg(test)]
impl Suppliers {
    /// Waits until somebody waits in vain.
    pub(crate) async fn silent(&self) {
        self.silence.notified().await;
    }
}

impl Trouble {
    fn as_str(self) -> &'static str {
        match self {
            Self::Busy | Self::Down => "no answer",
            Self::SoldOut => "nothing left",
            Self::Silent => "done, but nobody says so",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flight => "flight",
            Self::Hotel => "hotel",
            Self::Car => "car",
        })
    }
}
