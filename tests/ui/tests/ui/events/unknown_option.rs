use inngest::EventData;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, EventData)]
#[event(name = "shop/paid", version = "1")]
struct Paid {
    order: String,
}

fn main() {}
