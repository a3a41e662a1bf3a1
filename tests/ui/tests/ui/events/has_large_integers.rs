use inngest::EventData;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, EventData)]
#[event(name = "shop/paid")]
struct Paid {
    order: u64,
    lines: Vec<Option<i64>>,
}

fn main() {}
