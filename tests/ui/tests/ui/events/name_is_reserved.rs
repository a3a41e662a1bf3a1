use inngest::EventData;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, EventData)]
#[event(name = "inngest/paid")]
struct Paid {
    order: String,
}

fn main() {}
